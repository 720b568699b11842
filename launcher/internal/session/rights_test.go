package session

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func failing(doing string, code unix.Errno) error {
	return &fs.PathError{Op: doing, Path: "x", Err: code}
}

// TestARightThatIsLackingIsNamed: with the answers that blobfuse2 gives.
func TestARightThatIsLackingIsNamed(t *testing.T) {
	denied, trouble := failing("close", unix.EACCES), failing("unlinkat", unix.EIO)
	for name, test := range map[string]struct {
		failure, writing, removing error
		says                       error
		kind                       string
	}{
		"a read-only token, a folder":  {failing("mkdirat", unix.EIO), denied, nil, errNoWriting, "forbidden"},
		"a read-only token, a file":    {denied, denied, nil, errNoWriting, "forbidden"},
		"no right to delete":           {failing("renameat", unix.EIO), nil, trouble, errNoRemoving, "forbidden"},
		"trouble that stays":           {failing("mkdirat", unix.EIO), failing("close", unix.EIO), trouble, nil, "failed"},
		"trouble that has passed":      {failing("renameat", unix.EIO), nil, nil, nil, "failed"},
		"one file that is not for us":  {denied, nil, nil, nil, "refused"},
		"the probe cannot be opened":   {failing("mkdirat", unix.EIO), errors.New("not opened"), nil, nil, "failed"},
		"a probe that nobody can read": {failing("mkdirat", unix.EIO), nil, failing("unlinkat", unix.EACCES), errNoRemoving, "forbidden"},
	} {
		if !mayBeForbidden(test.failure) {
			t.Errorf("%s: not looked into", name)
		}
		got := told(test.failure, func() (error, error) { return test.writing, test.removing })
		if !errors.Is(got, test.failure) || (test.says != nil && !errors.Is(got, test.says)) || kind(got) != test.kind {
			t.Errorf("%s: %v (%s)", name, got, kind(got))
		}
	}
}

// TestAFolderThatIsNotForUsIsNoTrouble: modes of a share are told as they are, file by file.
func TestAFolderThatIsNotForUsIsNoTrouble(t *testing.T) {
	for _, failure := range []error{failing("mkdirat", unix.EACCES), failing("openat", unix.EPERM), failing("write", unix.ENOSPC), nil} {
		if mayBeForbidden(failure) {
			t.Error(failure)
		}
	}
}

// TestTheProbeLeavesNothing: also where one was left.
func TestTheProbeLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s := &Session{root: root, writable: true}
	for range 2 {
		if writing, removing := s.try(); writing != nil || removing != nil {
			t.Error(writing, removing)
		}
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Error(left)
	}
}
