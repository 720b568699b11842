package nfsfs

import (
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// file is a file that a program has opened. The one who opened it is whom the server is told of, as
// with the kernel's client: a program may give up its user afterwards.
type file struct {
	node     *node
	caller   who
	isAppend bool
	// appending keeps two writes of one file apart, so that neither overwrites the other.
	appending sync.Mutex
}

var (
	_ fs.FileReader  = (*file)(nil)
	_ fs.FileWriter  = (*file)(nil)
	_ fs.FileFsyncer = (*file)(nil)
)

// Open asks the server for the rights, because its files may be of users that this node knows not.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	caller := callerOf(ctx)
	wanted := uint32(0)
	switch flags & syscall.O_ACCMODE {
	case syscall.O_RDONLY:
		wanted = rightRead
	case syscall.O_WRONLY:
		wanted = rightModify | rightExtend
	default:
		wanted = rightRead | rightModify | rightExtend
	}
	rights, err := n.server.access(ctx, caller, n.handle, wanted)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	if rights&wanted != wanted {
		return nil, 0, syscall.EACCES
	}
	return n.opened(caller, flags), how(flags), 0
}

func (n *node) opened(caller who, flags uint32) *file {
	return &file{node: n, caller: caller, isAppend: flags&syscall.O_APPEND != 0}
}

// how lets files that are written to past the kernel's cache. Those that are only read may use it:
// the kernel empties it when size or time of the file have changed.
func how(flags uint32) uint32 {
	if flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return 0
	}
	return fuse.FOPEN_DIRECT_IO
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	caller := callerOf(ctx)
	made, err := n.server.create(ctx, caller, n.handle, name, mode&0o7777, flags&syscall.O_EXCL != 0)
	if err != nil {
		return nil, nil, 0, fs.ToErrno(err)
	}
	inode := n.child(ctx, made, out)
	return inode, inode.Operations().(*node).opened(caller, flags), how(flags), 0
}

func (f *file) Read(ctx context.Context, buffer []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	count := 0
	for count < len(buffer) {
		data, isEnd, err := f.node.server.read(ctx, f.caller, f.node.handle, offset+int64(count), len(buffer)-count)
		if err != nil {
			return nil, fs.ToErrno(err)
		}
		count += copy(buffer[count:], data)
		if isEnd || len(data) == 0 {
			break
		}
	}
	return fuse.ReadResultData(buffer[:count]), 0
}

// Write appends at the end that the server knows, which another node may have moved.
func (f *file) Write(ctx context.Context, data []byte, offset int64) (uint32, syscall.Errno) {
	if f.isAppend {
		f.appending.Lock()
		defer f.appending.Unlock()
		attr, err := f.node.server.getattr(ctx, f.caller, f.node.handle)
		if err != nil {
			return 0, fs.ToErrno(err)
		}
		offset = int64(attr.Filesize)
	}
	count, err := f.node.server.write(ctx, f.caller, f.node.handle, offset, data)
	if count > 0 {
		return uint32(count), 0
	}
	return 0, fs.ToErrno(err)
}

func (f *file) Fsync(ctx context.Context, _ uint32) syscall.Errno {
	return fs.ToErrno(f.node.server.commit(ctx, f.caller, f.node.handle))
}
