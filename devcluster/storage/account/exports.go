package account

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Kinds of places that NFS may be offered for.
const (
	ShareKind     = "share"
	ContainerKind = "container"
)

// Exports are the shares and containers that can be mounted by NFS, which Azure decides when it makes
// the share or the account.
type Exports struct {
	Root string
}

// Offers tells whether a share or container can be mounted by NFS.
func (e Exports) Offers(account, kind, name string) bool {
	_, err := os.Stat(e.mark(account, kind, name))
	return err == nil
}

// Set has a share or container offered by NFS, or not any more.
func (e Exports) Set(account, kind, name string, isOffered bool) error {
	mark := e.mark(account, kind, name)
	if !isOffered {
		if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}

func (e Exports) mark(account, kind, name string) string {
	// A name can hold no separator, whatever a volume says.
	return filepath.Join(e.Root, "nfs", account, kind, filepath.Base(name))
}
