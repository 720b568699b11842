package blobfs

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"sync"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/vfs"
)

// handle is an open file.
//
// rclone uploads when its own handle is closed, which the kernel asks for only after close(2) has
// returned. So a handle that was written is closed in Flush, which close(2) waits for, and opened
// again if a copy of the descriptor is used further.
type handle struct {
	entry vfs.Node
	flags int

	lock    sync.Mutex
	inner   vfs.Handle
	isDirty bool
}

var (
	_ fs.FileReader   = (*handle)(nil)
	_ fs.FileWriter   = (*handle)(nil)
	_ fs.FileFlusher  = (*handle)(nil)
	_ fs.FileFsyncer  = (*handle)(nil)
	_ fs.FileReleaser = (*handle)(nil)
)

func newHandle(entry vfs.Node, inner vfs.Handle, flags int) *handle {
	again := flags &^ (os.O_CREATE | os.O_EXCL | os.O_TRUNC | os.O_APPEND)
	return &handle{entry: entry, inner: inner, flags: again, isDirty: flags&os.O_TRUNC != 0}
}

// open returns rclone's handle; the lock must be held.
func (h *handle) open() (vfs.Handle, error) {
	if h.inner == nil {
		inner, err := h.entry.Open(h.flags)
		if err != nil {
			return nil, err
		}
		h.inner = inner
	}
	return h.inner, nil
}

// close uploads what was written; the lock must be held.
func (h *handle) close() error {
	if h.inner == nil {
		return nil
	}
	inner := h.inner
	h.inner, h.isDirty = nil, false
	err := inner.Release()
	if isNotPermitted(err) {
		return syscall.EACCES
	}
	return err
}

// isNotPermitted tells that the credentials lack a right. blobfuse2 says so (EACCES) of a file's
// upload only; a folder, a new name and a removal that are not permitted are EIO.
func isNotPermitted(err error) bool {
	return bloberror.HasCode(err, bloberror.AuthorizationPermissionMismatch, bloberror.InsufficientAccountPermissions)
}

func (h *handle) Read(_ context.Context, buffer []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	h.lock.Lock()
	inner, err := h.open()
	h.lock.Unlock()
	if err != nil {
		return nil, errno(err)
	}
	count, err := inner.ReadAt(buffer, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errno(err)
	}
	return fuse.ReadResultData(buffer[:count]), 0
}

func (h *handle) Write(_ context.Context, data []byte, offset int64) (uint32, syscall.Errno) {
	h.lock.Lock()
	defer h.lock.Unlock()
	inner, err := h.open()
	if err != nil {
		return 0, errno(err)
	}
	h.isDirty = true
	count, err := inner.WriteAt(data, offset)
	return uint32(count), errno(err)
}

func (h *handle) truncate(size int64) error {
	h.lock.Lock()
	defer h.lock.Unlock()
	inner, err := h.open()
	if err != nil {
		return err
	}
	h.isDirty = true
	return inner.Truncate(size)
}

func (h *handle) Flush(context.Context) syscall.Errno {
	h.lock.Lock()
	defer h.lock.Unlock()
	if !h.isDirty {
		return 0
	}
	return errno(h.close())
}

// Fsync leaves the upload to close, as blobfuse2 does.
func (h *handle) Fsync(context.Context, uint32) syscall.Errno {
	return 0
}

func (h *handle) Release(context.Context) syscall.Errno {
	h.lock.Lock()
	defer h.lock.Unlock()
	return errno(h.close())
}

func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	_, cause := fserrors.Cause(err)
	var code syscall.Errno
	switch {
	case errors.Is(err, syscall.EACCES):
		return syscall.EACCES
	case errors.Is(err, vfs.ENOTEMPTY):
		return syscall.ENOTEMPTY
	case errors.Is(err, vfs.ECLOSED):
		return syscall.EBADF
	case errors.Is(err, vfs.ENOSYS), errors.Is(err, rclone.ErrorNotImplemented):
		return syscall.ENOSYS
	case errors.Is(err, vfs.EROFS):
		return syscall.EROFS
	case errors.Is(err, os.ErrNotExist), errors.Is(cause, rclone.ErrorObjectNotFound), errors.Is(cause, rclone.ErrorDirNotFound):
		return syscall.ENOENT
	case errors.Is(err, os.ErrExist), errors.Is(cause, rclone.ErrorDirExists):
		return syscall.EEXIST
	case errors.Is(err, os.ErrPermission), errors.Is(cause, rclone.ErrorPermissionDenied):
		return syscall.EPERM
	case errors.As(err, &code):
		return code
	}
	log.Printf("storage: %v", err)
	return syscall.EIO
}
