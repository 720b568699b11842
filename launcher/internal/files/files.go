// Package files lists and reads a job's files, for people and programs that may exec into the Pod.
//
// The `files` subcommand is its only caller. It reads only, and never outside the folder that the
// plan names for an id: os.Root refuses `..`, absolute paths and symbolic links that lead out, and
// base.go finds the folder itself. listing.go shows folders, follow.go files that grow.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/plan"
)

var (
	// ErrNotFound means that there is no such id, folder or file.
	ErrNotFound = errors.New("not found")
	// ErrEscapes means that the path leads out of the folder.
	ErrEscapes = errors.New("the path leads out of the folder")
)

// Folder is the open root of one id.
type Folder struct{ root *os.Root }

// Open finds the folder of an id.
func Open(p *plan.Plan, id string) (*Folder, error) {
	directory, known := p.Directories[id]
	if !known {
		return nil, fmt.Errorf("%w: no folder with the id %q", ErrNotFound, id)
	}
	root, err := openBase(directory, p.Job.UID, p.Links)
	if err != nil {
		return nil, translate(err)
	}
	return &Folder{root: root}, nil
}

// translate turns the system's errors into the ones that have an exit code.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "path escapes from parent"):
		return fmt.Errorf("%w: %w", ErrEscapes, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, fs.ErrInvalid):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// open opens a regular file; a FIFO or device in the folder must not make us wait.
func (f *Folder) open(name string) (*os.File, error) {
	if path.IsAbs(name) {
		return nil, fmt.Errorf("%w: %s is absolute", ErrEscapes, name)
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, translate(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", ErrNotFound, name)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// Read writes the bytes from offset on; a negative length means all of them.
func (f *Folder) Read(out io.Writer, name string, offset, length int64) error {
	file, err := f.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	var from io.Reader = file
	if length >= 0 {
		from = io.LimitReader(file, length)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{from}, make([]byte, 256<<10))
	return err
}
