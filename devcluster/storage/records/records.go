// Package records keeps small tables of the stand-in as files that every node sees.
//
// Packages entra and keyvault use it. A file that is not there is an empty table.
package records

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads a table.
func Load[T any](file string) (map[string]T, error) {
	table := map[string]T{}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return table, nil
	}
	if err != nil {
		return nil, err
	}
	return table, json.Unmarshal(text, &table)
}

// Change reads a table, changes it, and puts it in place of the old one at once.
func Change[T any](file string, change func(map[string]T)) error {
	table, err := Load[T](file)
	if err != nil {
		return err
	}
	change(table)
	text, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), ".records-")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	// CreateTemp makes it for its owner alone: a table may hold secrets.
	if _, err := fresh.Write(text); err != nil {
		fresh.Close()
		return err
	}
	if err := fresh.Close(); err != nil {
		return err
	}
	return os.Rename(fresh.Name(), file)
}
