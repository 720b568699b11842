package files

import (
	"io"

	"batchai.dev/launcher/internal/session"
)

// Serve answers requests about the folder's files until the client has no more; nothing is written.
func (f *Folder) Serve(in io.Reader, out io.Writer) error {
	return session.Serve(f.root, false, in, out)
}
