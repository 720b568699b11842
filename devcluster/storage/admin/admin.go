// Package admin makes shares and containers and moves files in and out of them.
//
// It runs inside the stand-in's Pod, where `python -m batchai_devcluster storage` starts it through
// `kubectl exec`; trees travel as tar on standard input and output. Package main calls it.
package admin

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/sharefs"
)

// Admin works on one account.
type Admin struct {
	Account, Key string
	Shares       account.Shares
	// BlobEndpoint has `{account}` for the account's name.
	BlobEndpoint string
	Out          io.Writer
}

// Entry is one file of a share or container.
type Entry struct {
	Path string
	Size int64
	At   time.Time
}

// store is what shares and containers have in common.
type store interface {
	write(ctx context.Context, path string, size int64, content io.Reader) error
	list(ctx context.Context, below string) ([]Entry, error)
	read(ctx context.Context, path string, to io.Writer) error
	remove(ctx context.Context, path string) error
}

// CreateShare makes a share.
func (a Admin) CreateShare(name string) error {
	return a.Shares.Create(a.Account, name)
}

// CreateContainer makes a container; one that is there stays as it is.
func (a Admin) CreateContainer(ctx context.Context, name string) error {
	client, err := account.Container(a.endpoint(), name, a.Account, a.Key, "")
	if err != nil {
		return err
	}
	return account.CreateContainer(ctx, client)
}

// Fault makes a fault in a share for so many seconds (0 = until cleared); kind `clear` ends it.
func (a Admin) Fault(share, kind string, seconds int) error {
	if _, err := a.Shares.Folder(a.Account, share); err != nil {
		return err
	}
	fault := sharefs.Fault{Kind: kind}
	if kind == "clear" {
		fault.Kind = ""
	}
	if seconds > 0 {
		fault.Until = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	return sharefs.Write(a.Shares.FaultFile(a.Account, share), fault)
}

// Put unpacks a tar below share/NAME/PATH or container/NAME/PATH.
func (a Admin) Put(ctx context.Context, place string, input io.Reader) error {
	to, below, err := a.open(place)
	if err != nil {
		return err
	}
	reader := tar.NewReader(input)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := to.write(ctx, path.Join(below, path.Clean("/"+header.Name)), header.Size, reader); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// Get writes a file or tree as tar to Out.
func (a Admin) Get(ctx context.Context, place string) error {
	from, below, err := a.open(place)
	if err != nil {
		return err
	}
	entries, err := from.list(ctx, below)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fmt.Errorf("%s: there is nothing of that name", place)
	}
	writer := tar.NewWriter(a.Out)
	for _, entry := range entries {
		name := strings.TrimPrefix(strings.TrimPrefix(entry.Path, below), "/")
		if name == "" {
			name = path.Base(entry.Path)
		}
		header := &tar.Header{Name: name, Size: entry.Size, Mode: 0o644, ModTime: entry.At, Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		// A file that grows while it is read is cut where it was when it was listed.
		if err := from.read(ctx, entry.Path, &limited{writer, entry.Size}); err != nil {
			return err
		}
	}
	return writer.Close()
}

// List prints size, time and path of all files below a place.
func (a Admin) List(ctx context.Context, place string) error {
	from, below, err := a.open(place)
	if err != nil {
		return err
	}
	entries, err := from.list(ctx, below)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		fmt.Fprintf(a.Out, "%12d  %s  %s\n", entry.Size, entry.At.UTC().Format(time.RFC3339), entry.Path)
	}
	return nil
}

// Remove deletes a file or tree; the share or container itself stays.
func (a Admin) Remove(ctx context.Context, place string) error {
	from, below, err := a.open(place)
	if err != nil {
		return err
	}
	return from.remove(ctx, below)
}

// open splits a place into its store and the path in it.
func (a Admin) open(place string) (store, string, error) {
	kind, rest, _ := strings.Cut(strings.Trim(place, "/"), "/")
	name, below, _ := strings.Cut(rest, "/")
	below = strings.Trim(path.Clean("/"+below), "/")
	if kind == "share" && name != "" {
		folder, err := a.Shares.Folder(a.Account, name)
		return &shareStore{folder}, below, err
	}
	if kind == "container" && name != "" {
		client, err := account.Container(a.endpoint(), name, a.Account, a.Key, "")
		return &containerStore{client}, below, err
	}
	return nil, "", fmt.Errorf("%q is no place: share/NAME[/PATH] or container/NAME[/PATH]", place)
}

func (a Admin) endpoint() string {
	return account.Endpoint("", a.BlobEndpoint, a.Account)
}

type limited struct {
	to   io.Writer
	left int64
}

func (l *limited) Write(data []byte) (int, error) {
	part := data[:min(int64(len(data)), l.left)]
	l.left -= int64(len(part))
	if _, err := l.to.Write(part); err != nil {
		return 0, err
	}
	return len(data), nil
}
