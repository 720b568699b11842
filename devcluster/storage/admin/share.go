package admin

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// shareStore is a share's folder.
type shareStore struct {
	folder string
}

func (s *shareStore) write(_ context.Context, name string, _ int64, content io.Reader) error {
	file := filepath.Join(s.folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, content); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

func (s *shareStore) list(_ context.Context, below string) ([]Entry, error) {
	var result []Entry
	err := filepath.WalkDir(filepath.Join(s.folder, below), func(file string, entry os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.folder, file)
		result = append(result, Entry{filepath.ToSlash(name), info.Size(), info.ModTime()})
		return err
	})
	return result, err
}

func (s *shareStore) read(_ context.Context, name string, to io.Writer) error {
	file, err := os.Open(filepath.Join(s.folder, name))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(to, file)
	return err
}

func (s *shareStore) remove(_ context.Context, below string) error {
	if below != "" {
		return os.RemoveAll(filepath.Join(s.folder, below))
	}
	entries, err := os.ReadDir(s.folder)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.folder, entry.Name())))
	}
	return err
}
