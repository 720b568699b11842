package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
)

func shareSpec(t *testing.T, options ...string) mounting.Spec {
	t.Helper()
	cifs, ok := contract.ParseCifs(options)
	if !ok {
		t.Fatalf("bad options %v", options)
	}
	return mounting.Spec{
		Source: "//acct.file.core.windows.net/logs",
		Share:  &mounting.Share{Folder: t.TempDir(), FaultFile: filepath.Join(t.TempDir(), "logs.json"), Cifs: cifs},
	}
}

func TestShareShowsAtOnceWhatAnotherMountWrites(t *testing.T) {
	children := newChildren(t)
	spec := shareSpec(t)
	first, second := mounted(t, children, spec), mounted(t, children, spec)
	writer, err := os.Create(filepath.Join(first, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := os.Open(filepath.Join(second, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	buffer := make([]byte, 16)
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		if _, err := writer.WriteString(line); err != nil {
			t.Fatal(err)
		}
		count, err := reader.Read(buffer)
		if err != nil || string(buffer[:count]) != line {
			t.Fatalf("read %q, %v while the file is open, want %q", buffer[:count], err, line)
		}
	}
	if got := read(t, filepath.Join(spec.Share.Folder, "stdout.txt")); got != "one\ntwo\nthree\n" {
		t.Fatalf("the folder has %q", got)
	}
}

func TestShareShowsModesAndOwnerOfItsOptions(t *testing.T) {
	root := mounted(t, newChildren(t), shareSpec(t, "file_mode=0640", "dir_mode=0750", "uid=1000", "gid=2000"))
	write(t, filepath.Join(root, "f"), "x")
	if err := os.Mkdir(filepath.Join(root, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	// As with cifs, chmod and chown succeed and change nothing.
	if err := errors.Join(os.Chmod(filepath.Join(root, "f"), 0o600), os.Chown(filepath.Join(root, "f"), 5, 5)); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"f": 0o640, "d": os.ModeDir | 0o750, ".": os.ModeDir | 0o750} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		if info.Mode() != mode || owner.Uid != 1000 || owner.Gid != 2000 {
			t.Errorf("%s: %v %d:%d", name, info.Mode(), owner.Uid, owner.Gid)
		}
	}
}

// as runs a shell line as another user and returns its output and whether it succeeded.
func as(uid uint32, line string) (string, error) {
	command := exec.Command("/bin/sh", "-c", line)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestSharePermissionsAreEnforced(t *testing.T) {
	children := newChildren(t)
	// The temporary folders of tests are closed to other users.
	base, err := os.MkdirTemp("/tmp", "storage-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options []string
		may     bool
	}{
		"default":      {nil, true},
		"owner's only": {[]string{"dir_mode=0700", "file_mode=0600"}, false},
		"owner":        {[]string{"dir_mode=0700", "file_mode=0600", "uid=1000"}, true},
		"noperm":       {[]string{"dir_mode=0700", "file_mode=0600", "noperm"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			spec := shareSpec(t, test.options...)
			spec.Target = filepath.Join(base, "m")
			if err := children.Mount(spec); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = children.Unmount(spec.Target) }()
			output, err := as(1000, "echo hello > "+spec.Target+"/f && cat "+spec.Target+"/f")
			if may := err == nil && output == "hello\n"; may != test.may {
				t.Fatalf("got %q, %v", output, err)
			}
		})
	}
}

func TestShareMountedReadOnly(t *testing.T) {
	root := mounted(t, newChildren(t), shareSpec(t, "ro"))
	if err := os.WriteFile(filepath.Join(root, "f"), nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("got %v", err)
	}
}

func TestShareHasNoHardLinksAndNoFifos(t *testing.T) {
	root := mounted(t, newChildren(t), shareSpec(t))
	write(t, filepath.Join(root, "f"), "x")
	if err := os.Link(filepath.Join(root, "f"), filepath.Join(root, "g")); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("link: %v", err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "p"), 0o600); !errors.Is(err, syscall.EPERM) {
		t.Errorf("fifo: %v", err)
	}
	if err := os.Symlink("f", filepath.Join(root, "s")); err != nil || read(t, filepath.Join(root, "s")) != "x" {
		t.Errorf("symbolic link (mfsymlinks): %v", err)
	}
	if err := os.Rename(filepath.Join(root, "f"), filepath.Join(root, "h")); err != nil {
		t.Error(err)
	}
}

func TestUnmountIsIdempotentAndFindsTheMountsOfAnEarlierLife(t *testing.T) {
	first, second := newChildren(t), newChildren(t)
	spec := shareSpec(t)
	spec.Target = filepath.Join(t.TempDir(), "mount")
	if err := first.Mount(spec); err != nil {
		t.Fatal(err)
	}
	if isMounted, isServed, err := second.State(spec.Target); err != nil || !isMounted || isServed {
		t.Fatalf("got %v %v %v", isMounted, isServed, err)
	}
	for range 2 {
		if err := second.Unmount(spec.Target); err != nil {
			t.Fatal(err)
		}
	}
	if isMounted, _, _ := second.State(spec.Target); isMounted {
		t.Fatal("it is still mounted")
	}
}

func TestBindIsReadOnlyWhenAskedFor(t *testing.T) {
	children := newChildren(t)
	root := mounted(t, children, shareSpec(t))
	write(t, filepath.Join(root, "f"), "x")
	target := filepath.Join(t.TempDir(), "bound")
	if err := children.Bind(root, target, true); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = children.Unmount(target) }()
	if read(t, filepath.Join(target, "f")) != "x" {
		t.Fatal("other content")
	}
	if err := os.WriteFile(filepath.Join(target, "g"), nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("got %v", err)
	}
}
