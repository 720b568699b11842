package blobfs

import (
	"context"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/rclone/rclone/vfs"
)

// node is a file or folder of the container as the kernel knows it.
type node struct {
	fs.Inode
	entry vfs.Node
}

var (
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// aux marks the place in rclone's node where ours is kept, so that both stay one to one.
type aux struct{}

// child returns the kernel's node for one of rclone's.
func (n *node) child(ctx context.Context, entry vfs.Node, out *fuse.Attr) *fs.Inode {
	ours, ok := entry.Aux(aux{}).(*node)
	if !ok {
		ours = &node{entry: entry}
		entry.SetAux(aux{}, ours)
	}
	fill(entry, out)
	return n.NewInode(ctx, ours, fs.StableAttr{Mode: out.Mode & syscall.S_IFMT, Ino: entry.Inode()})
}

func fill(entry vfs.Node, out *fuse.Attr) {
	out.Mode = uint32(entry.Mode().Perm()) | syscall.S_IFREG
	if entry.IsDir() {
		out.Mode = uint32(entry.Mode().Perm()) | syscall.S_IFDIR
	}
	out.Ino = entry.Inode()
	out.Size = uint64(max(entry.Size(), 0))
	out.Blocks = (out.Size + 511) / 512
	out.Nlink = 1
	options := entry.VFS().Opt
	out.Uid, out.Gid = options.UID, options.GID
	at := entry.ModTime()
	out.SetTimes(&at, &at, &at)
}

func (n *node) folder() (*vfs.Dir, syscall.Errno) {
	folder, ok := n.entry.(*vfs.Dir)
	if !ok {
		return nil, syscall.ENOTDIR
	}
	return folder, 0
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	fill(n.entry, &out.Attr)
	return 0
}

// Setattr cuts files and sets times; owner and mode stay without effect, as with blobfuse2.
func (n *node) Setattr(_ context.Context, open fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		var err error
		if opened, ok := open.(*handle); ok {
			err = opened.truncate(int64(size))
		} else {
			err = n.entry.Truncate(int64(size))
		}
		if err != nil {
			return errno(err)
		}
	}
	if at, ok := in.GetMTime(); ok {
		if err := n.entry.SetModTime(at); err != nil {
			return errno(err)
		}
	}
	fill(n.entry, &out.Attr)
	return 0
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	folder, code := n.folder()
	if code != 0 {
		return nil, code
	}
	entry, err := folder.Stat(name)
	if err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, entry, &out.Attr), 0
}

func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	folder, code := n.folder()
	if code != 0 {
		return nil, code
	}
	entries, err := folder.ReadDirAll()
	if err != nil {
		return nil, errno(err)
	}
	list := make([]fuse.DirEntry, 0, len(entries))
	for _, entry := range entries {
		var attr fuse.Attr
		fill(entry, &attr)
		list = append(list, fuse.DirEntry{Name: entry.Name(), Mode: attr.Mode & syscall.S_IFMT, Ino: attr.Ino})
	}
	return fs.NewListDirStream(list), 0
}

func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	inner, err := n.entry.Open(int(flags) &^ os.O_APPEND)
	if err != nil {
		return nil, 0, errno(err)
	}
	return newHandle(n.entry, inner, int(flags)), 0, 0
}

func (n *node) Create(ctx context.Context, name string, flags, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	folder, code := n.folder()
	if code != 0 {
		return nil, nil, 0, code
	}
	mode := int(flags)&^os.O_APPEND | os.O_CREATE
	file, err := folder.Create(name, mode)
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	inner, err := file.Open(mode)
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	open := newHandle(file, inner, mode)
	// An empty file is a blob too.
	open.isDirty = true
	return n.child(ctx, file, &out.Attr), open, 0, 0
}

func (n *node) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	folder, code := n.folder()
	if code != 0 {
		return nil, code
	}
	made, err := folder.Mkdir(name)
	if err != nil {
		return nil, errno(err)
	}
	return n.child(ctx, made, &out.Attr), 0
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	folder, code := n.folder()
	if code != 0 {
		return code
	}
	return errno(folder.RemoveName(name))
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.Unlink(ctx, name)
}

func (n *node) Rename(_ context.Context, name string, parent fs.InodeEmbedder, target string, flags uint32) syscall.Errno {
	from, code := n.folder()
	if code != 0 {
		return code
	}
	if flags != 0 {
		return syscall.EINVAL
	}
	to, ok := parent.(*node).entry.(*vfs.Dir)
	if !ok {
		return syscall.ENOTDIR
	}
	return errno(from.Rename(name, target, to))
}

// Statfs tells of as much room as blobfuse2 does without --display-capacity-mb: plenty.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<30, 1<<30, 1<<30
	out.Files, out.Ffree = 1<<30, 1<<30
	return 0
}
