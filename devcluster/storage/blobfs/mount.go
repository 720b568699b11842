// Package blobfs shows a blob container as blobfuse2 mounts it.
//
// rclone's virtual file system does the work: files are read and written in a cache and become
// blobs when they are closed. This package puts it before the kernel with blobfuse2's promise that
// close(2) returns only when the blob is there, or says why it is not.
package blobfs

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	_ "github.com/rclone/rclone/backend/azureblob" // The backend that source names.
	_ "github.com/rclone/rclone/backend/local"     // The cache's backend.
	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/vfs"
	"github.com/rclone/rclone/vfs/vfscommon"

	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
)

// How long a listing is believed: what another mount closes is seen here after at most this time.
const listingTime = time.Second

type served struct {
	*fuse.Server
	files *vfs.VFS
	cache string
}

// Drain uploads what is still open and removes the cache.
func (s served) Drain() {
	s.files.WaitForWriters(10 * time.Second)
	s.files.Shutdown()
	_ = os.RemoveAll(s.cache)
}

// Mount mounts a container that is known to be there; the program must be root.
func Mount(spec mounting.Spec) (mounting.Served, error) {
	blob := spec.Blob
	if err := os.MkdirAll(blob.Cache, 0o700); err != nil {
		return nil, err
	}
	if err := config.SetCacheDir(blob.Cache); err != nil {
		return nil, err
	}
	remote, err := rclone.NewFs(context.Background(), source(blob))
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", blob.Container, err)
	}
	if blob.Key == "" {
		remote.Features().Copy = copyHere
	}
	files := vfs.New(context.Background(), remote, options(blob.Fuse))
	top, err := files.Root()
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", blob.Container, err)
	}
	mountOptions := &fuse.MountOptions{
		FsName:               spec.Source,
		Name:                 "blobfuse2",
		AllowOther:           blob.Fuse.AllowOther,
		DirectMountStrict:    true,
		DirectMountFlags:     syscall.MS_NOSUID | syscall.MS_NODEV,
		DisableReadDirPlus:   true,
		DisabledCapabilities: fuse.CAP_PASSTHROUGH,
		DisableXAttrs:        true,
		MaxWrite:             1 << 20,
	}
	if blob.Fuse.ReadOnly {
		mountOptions.DirectMountFlags |= syscall.MS_RDONLY
	}
	owner := blob.Fuse
	server, err := fs.Mount(spec.Target, &node{entry: top}, &fs.Options{
		MountOptions: *mountOptions,
		UID:          owner.UID,
		GID:          owner.GID,
	})
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", spec.Target, err)
	}
	return served{server, files, blob.Cache}, nil
}

// copyHere makes rclone read a file and write it anew where it is renamed, with the same rights of a
// SAS token as the copy that blobfuse2 has storage make.
//
// Before Azurite copies what is named with a token it asks for it over the network, at the address
// that its client used. That is its own Service's, which a Pod need not be able to reach; then it
// waits, and the rename with it.
func copyHere(context.Context, rclone.Object, string) (rclone.Object, error) {
	return nil, rclone.ErrorCantCopy
}

// source is rclone's name for the container; the key is in it, so it is never printed.
func source(blob *mounting.Blob) string {
	quote := func(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
	path := blob.Container
	if blob.Fuse.Folder != "" {
		path += "/" + blob.Fuse.Folder
	}
	if blob.Key == "" {
		address := byNumber(blob.Endpoint) + "/" + blob.Container + "?" + strings.TrimPrefix(blob.SAS, "?")
		return ":azureblob,directory_markers=true,sas_url=" + quote(address) + ":" + path
	}
	return ":azureblob,directory_markers=true,account=" + quote(blob.Account) + ",key=" + quote(blob.Key) +
		",endpoint=" + quote(blob.Endpoint) + ":" + path
}

// byNumber puts an address in the place of a host's name when the account stands in the path.
//
// The SDK takes the first part of a path for the account behind a numeric address only; behind a
// name it would be the container.
func byNumber(endpoint string) string {
	parts, err := url.Parse(endpoint)
	if err != nil || strings.Trim(parts.Path, "/") == "" {
		return endpoint
	}
	addresses, err := net.LookupHost(parts.Hostname())
	if err != nil || len(addresses) == 0 {
		return endpoint
	}
	if port := parts.Port(); port != "" {
		parts.Host = net.JoinHostPort(addresses[0], port)
	} else {
		parts.Host = addresses[0]
	}
	return parts.String()
}

func options(fuse contract.Fuse) *vfscommon.Options {
	result := vfscommon.Opt
	result.CacheMode = vfscommon.CacheModeFull
	// Zero: the upload is part of closing, not of a queue.
	result.WriteBack = 0
	result.DirCacheTime = rclone.Duration(listingTime)
	result.PollInterval = 0
	result.ReadOnly = fuse.ReadOnly
	result.UID, result.GID = fuse.UID, fuse.GID
	// blobfuse2 shows 0777 to all when it is mounted for all, else 0755.
	mode := vfscommon.FileMode(0o755)
	if fuse.AllowOther {
		mode = 0o777
	}
	result.FilePerms, result.DirPerms = mode, mode
	result.Umask = vfscommon.FileMode(fuse.Umask)
	return &result
}
