// Package files lists and reads a job's files, for people and programs that may exec into the Pod.
//
// The `files` subcommand is its only caller. It reads only, and never outside the folder that the
// plan names for an id: os.Root refuses `..`, absolute paths and symbolic links that lead out, and
// base.go finds the folder itself.
package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
)

var (
	// ErrNotFound means that there is no such id, folder or file.
	ErrNotFound = errors.New("not found")
	// ErrEscapes means that the path leads out of the folder.
	ErrEscapes = errors.New("the path leads out of the folder")
)

// Entry is one file or folder, as the service's listing shows it (spec 2.12).
type Entry struct {
	Name          string `json:"name"`
	FileType      string `json:"fileType"` // "file" or "directory"
	ContentLength *int64 `json:"contentLength,omitempty"`
	LastModified  string `json:"lastModified,omitempty"`
}

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

// List writes one JSON object per line for each entry of a folder, sorted by name.
// With tree, it goes down into folders and names are relative to the id's folder.
func (f *Folder) List(out io.Writer, directory string, tree bool) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if tree {
		return translate(fs.WalkDir(f.root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil || name == "." {
				return err
			}
			return f.show(encoder, name, name)
		}))
	}
	if directory == "" {
		directory = "."
	}
	opened, err := f.root.OpenFile(directory, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return translate(err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a folder", ErrNotFound, directory)
	}
	entries, err := opened.ReadDir(-1)
	if err != nil {
		return err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return f.showAll(encoder, directory, names)
}

// show writes one entry. What has gone meanwhile, or is a link that leads out, is not shown.
func (f *Folder) show(encoder *json.Encoder, shown, name string) error {
	info, err := f.root.Stat(name)
	if err != nil {
		return nil //nolint:nilerr // A listing is a snapshot; a file may vanish during it.
	}
	entry := Entry{Name: shown, FileType: "directory"}
	if !info.IsDir() {
		size := info.Size()
		entry.FileType, entry.ContentLength = "file", &size
		entry.LastModified = record.Time(info.ModTime())
	}
	return encoder.Encode(entry)
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

const followPoll = 200 * time.Millisecond

// Follow writes what the file has and what it gets, until final says that nothing will be added.
//
// It waits for a file that is not there yet. A file that became shorter was written anew and is
// shown from its beginning. Each look opens the file again, because a file on a blob container
// shows its new content only to those who open it.
func (f *Folder) Follow(out io.Writer, name string, offset int64, final func() bool) error {
	for {
		last := final() // Asked before looking, so that nothing written before it is missed.
		next, err := f.from(out, name, offset)
		switch {
		case err == nil:
			offset = next
		case !errors.Is(err, ErrNotFound), last:
			return err
		}
		if last {
			return nil
		}
		time.Sleep(followPoll)
	}
}

func (f *Folder) from(out io.Writer, name string, offset int64) (int64, error) {
	file, err := f.open(name)
	if err != nil {
		return offset, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return offset, err
	}
	if info.Size() < offset {
		offset = 0
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return offset, err
	}
	moved, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{file}, make([]byte, 256<<10))
	return offset + moved, err
}
