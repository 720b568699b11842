package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// probe is a file at the volume's top that is written and removed to learn what is permitted. Its
// name is a partial file's, so that nobody lists it.
const probe = partialPrefix + "permitted" + partialSuffix

const remedy = "a SAS token needs read, create, write, delete and list (rcwdl): put such a token into the Secret"

var (
	errNoWriting  = errors.New("the volume's credentials do not permit writing; " + remedy)
	errNoRemoving = errors.New("the volume's credentials permit writing, but not removing, which giving a file its name takes; " + remedy)
)

// explained names a right that the volume's credentials lack, where the failure comes from that.
//
// blobfuse2 refuses a file's bytes with EACCES, at close. Folders, new names and removals that are
// not permitted end in EIO, as all does when storage is away; only a try tells which it is.
func (s *Session) explained(failure error) error {
	if s.writable && mayBeForbidden(failure) {
		return told(failure, s.try)
	}
	return failure
}

func mayBeForbidden(failure error) bool {
	var at *fs.PathError
	return errors.Is(failure, unix.EIO) || (errors.As(failure, &at) && at.Op == "close" && isRefusal(failure))
}

func isRefusal(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
}

func told(failure error, try func() (writing, removing error)) error {
	writing, removing := try()
	switch {
	case isRefusal(writing):
		return fmt.Errorf("%w (%w)", errNoWriting, failure)
	case writing == nil && (isRefusal(removing) || errors.Is(removing, unix.EIO)):
		return fmt.Errorf("%w (%w)", errNoRemoving, failure)
	}
	return failure
}

// try writes the probe and removes it. What cannot be opened teaches nothing: on a share the top
// folder's mode may be the reason.
func (s *Session) try() (writing, removing error) {
	file, err := s.root.OpenFile(probe, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return errors.New("not opened"), nil
	}
	_, writing = file.WriteString("?")
	if err := file.Close(); writing == nil {
		writing = err
	}
	// Another conversation may have removed it.
	if removing = s.root.Remove(probe); errors.Is(removing, fs.ErrNotExist) {
		removing = nil
	}
	return writing, removing
}
