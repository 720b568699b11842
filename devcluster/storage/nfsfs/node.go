package nfsfs

import (
	"context"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/willscott/go-nfs-client/nfs"
)

// node is a file or folder of the export as the kernel knows it.
type node struct {
	fs.Inode
	server *server
	handle []byte
}

var (
	_ fs.NodeGetattrer  = (*node)(nil)
	_ fs.NodeSetattrer  = (*node)(nil)
	_ fs.NodeLookuper   = (*node)(nil)
	_ fs.NodeReaddirer  = (*node)(nil)
	_ fs.NodeOpener     = (*node)(nil)
	_ fs.NodeCreater    = (*node)(nil)
	_ fs.NodeMkdirer    = (*node)(nil)
	_ fs.NodeSymlinker  = (*node)(nil)
	_ fs.NodeReadlinker = (*node)(nil)
	_ fs.NodeLinker     = (*node)(nil)
	_ fs.NodeUnlinker   = (*node)(nil)
	_ fs.NodeRmdirer    = (*node)(nil)
	_ fs.NodeRenamer    = (*node)(nil)
	_ fs.NodeStatfser   = (*node)(nil)
)

// callerOf returns who asks. The kernel tells user and group; further groups stand in /proc.
func callerOf(ctx context.Context) who {
	caller, isKnown := fuse.FromContext(ctx)
	if !isKnown {
		return who{}
	}
	result := who{uid: caller.Uid, gid: caller.Gid}
	if caller.Uid != 0 {
		result.groups = groupsOf(caller.Pid)
	}
	return result
}

func groupsOf(pid uint32) []uint32 {
	text, _ := os.ReadFile("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/status")
	for _, line := range strings.Split(string(text), "\n") {
		numbers, isIt := strings.CutPrefix(line, "Groups:")
		if !isIt {
			continue
		}
		var result []uint32
		for _, word := range strings.Fields(numbers) {
			if group, err := strconv.ParseUint(word, 10, 32); err == nil && len(result) < supplementaryMax {
				result = append(result, uint32(group))
			}
		}
		return result
	}
	return nil
}

// child returns the kernel's node for a file; another file in its place has another generation.
func (n *node) child(ctx context.Context, file found, out *fuse.EntryOut) *fs.Inode {
	fill(file.attr, &out.Attr)
	generation := fnv.New64a()
	_, _ = generation.Write(file.handle)
	stable := fs.StableAttr{Mode: kindOf(file.attr.Type), Ino: file.attr.Fileid, Gen: generation.Sum64()}
	return n.NewInode(ctx, &node{server: n.server, handle: file.handle}, stable)
}

func kindOf(kind uint32) uint32 {
	switch kind {
	case nfs.NF3Dir:
		return syscall.S_IFDIR
	case 3:
		return syscall.S_IFBLK
	case 4:
		return syscall.S_IFCHR
	case 5:
		return syscall.S_IFLNK
	case 6:
		return syscall.S_IFSOCK
	case 7:
		return syscall.S_IFIFO
	}
	return syscall.S_IFREG
}

func fill(from nfs.Fattr, out *fuse.Attr) {
	out.Ino = from.Fileid
	out.Mode = from.FileMode&0o7777 | kindOf(from.Type)
	out.Nlink = from.Nlink
	out.Uid, out.Gid = from.UID, from.GID
	out.Size = from.Filesize
	out.Blocks = (from.Used + 511) / 512
	out.Blksize = 4096
	out.Atime, out.Atimensec = uint64(from.Atime.Seconds), from.Atime.Nseconds
	out.Mtime, out.Mtimensec = uint64(from.Mtime.Seconds), from.Mtime.Nseconds
	out.Ctime, out.Ctimensec = uint64(from.Ctime.Seconds), from.Ctime.Nseconds
}

func (n *node) Getattr(ctx context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	attr, err := n.server.getattr(ctx, callerOf(ctx), n.handle)
	if err != nil {
		return fs.ToErrno(err)
	}
	fill(attr, &out.Attr)
	return 0
}

func (n *node) Setattr(ctx context.Context, open fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	var change nfs.Sattr3
	if mode, isSet := in.GetMode(); isSet {
		change.Mode = nfs.SetMode{SetIt: true, Mode: mode & 0o7777}
	}
	if uid, isSet := in.GetUID(); isSet {
		change.UID = nfs.SetUID{SetIt: true, UID: uid}
	}
	if gid, isSet := in.GetGID(); isSet {
		change.GID = nfs.SetUID{SetIt: true, UID: gid}
	}
	if size, isSet := in.GetSize(); isSet {
		change.Size = nfs.SetSize{SetIt: true, Size: size}
	}
	if at, isSet := in.GetATime(); isSet {
		change.Atime = nfs.SetTime{SetIt: nfs.SetToClientTime, Time: nfs.NFS3Time{Seconds: uint32(at.Unix()), Nseconds: uint32(at.Nanosecond())}}
	}
	if at, isSet := in.GetMTime(); isSet {
		change.Mtime = nfs.SetTime{SetIt: nfs.SetToClientTime, Time: nfs.NFS3Time{Seconds: uint32(at.Unix()), Nseconds: uint32(at.Nanosecond())}}
	}
	if err := n.server.setattr(ctx, callerOf(ctx), n.handle, change); err != nil {
		return fs.ToErrno(err)
	}
	return n.Getattr(ctx, open, out)
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	file, err := n.server.lookup(ctx, callerOf(ctx), n.handle, name)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.child(ctx, file, out), 0
}

func (n *node) Readdir(ctx context.Context) (fs.DirStream, syscall.Errno) {
	entries, err := n.server.list(ctx, callerOf(ctx), n.handle)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	result := make([]fuse.DirEntry, 0, len(entries))
	for _, entry := range entries {
		shown := fuse.DirEntry{Name: entry.FileName, Ino: entry.FileId}
		if entry.Attr.IsSet {
			shown.Mode = kindOf(entry.Attr.Attr.Type)
		}
		result = append(result, shown)
	}
	return fs.NewListDirStream(result), 0
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	file, err := n.server.mkdir(ctx, callerOf(ctx), n.handle, name, mode&0o7777)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.child(ctx, file, out), 0
}

func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	file, err := n.server.symlink(ctx, callerOf(ctx), n.handle, name, target)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.child(ctx, file, out), 0
}

func (n *node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	target, err := n.server.readlink(ctx, callerOf(ctx), n.handle)
	return []byte(target), fs.ToErrno(err)
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	other, isOurs := target.(*node)
	if !isOurs {
		return nil, syscall.EXDEV
	}
	if err := n.server.link(ctx, callerOf(ctx), other.handle, n.handle, name); err != nil {
		return nil, fs.ToErrno(err)
	}
	return n.Lookup(ctx, name, out)
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	return fs.ToErrno(n.server.remove(ctx, callerOf(ctx), n.handle, name, false))
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	return fs.ToErrno(n.server.remove(ctx, callerOf(ctx), n.handle, name, true))
}

func (n *node) Rename(ctx context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	folder, isOurs := to.(*node)
	if !isOurs {
		return syscall.EXDEV
	}
	if flags != 0 {
		// As with the kernel's client, neither exchange nor "only if it is not there".
		return syscall.EINVAL
	}
	return fs.ToErrno(n.server.rename(ctx, callerOf(ctx), n.handle, name, folder.handle, newName))
}

func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	result, err := n.server.statfs(ctx, callerOf(ctx), n.handle)
	if err != nil {
		return fs.ToErrno(err)
	}
	const block = 4096
	out.Bsize, out.Frsize, out.NameLen = block, block, 255
	out.Blocks, out.Bfree, out.Bavail = result.Bytes/block, result.Free/block, result.Usable/block
	out.Files, out.Ffree = result.Files, result.UsableF
	return 0
}
