package sharefs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"batchai.dev/devcluster/storage/contract"
)

// share passes every request through the gate and shows every file as the options say.
type share struct {
	fuse.RawFileSystem
	cifs   contract.Cifs
	faults *faults
}

// show sets what mount options decide; a link's mode stays.
func (s *share) show(attr *fuse.Attr) {
	attr.Uid, attr.Gid = s.cifs.UID, s.cifs.GID
	switch attr.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		attr.Mode = syscall.S_IFDIR | s.cifs.DirMode
	case syscall.S_IFREG:
		attr.Mode = syscall.S_IFREG | s.cifs.FileMode
	}
}

func (s *share) entry(code fuse.Status, out *fuse.EntryOut) fuse.Status {
	if code.Ok() {
		s.show(&out.Attr)
	}
	return code
}

func (s *share) Lookup(cancel <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if code := s.faults.gate(cancel, h.Pid, false); !code.Ok() {
		return code
	}
	return s.entry(s.RawFileSystem.Lookup(cancel, h, name, out), out)
}

func (s *share) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	code := s.RawFileSystem.GetAttr(cancel, in, out)
	if code.Ok() {
		s.show(&out.Attr)
	}
	return code
}

// SetAttr lets chmod and chown succeed without effect, as cifs does.
func (s *share) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	writes := in.Valid&fuse.FATTR_SIZE != 0 && in.Size > 0
	if code := s.faults.gate(cancel, in.Pid, writes); !code.Ok() {
		return code
	}
	in.Valid &^= fuse.FATTR_MODE | fuse.FATTR_UID | fuse.FATTR_GID
	code := s.RawFileSystem.SetAttr(cancel, in, out)
	if code.Ok() {
		s.show(&out.Attr)
	}
	return code
}

// Statx is left to GetAttr, which shows what the options say.
func (s *share) Statx(<-chan struct{}, *fuse.StatxIn, *fuse.StatxOut) fuse.Status {
	return fuse.ENOSYS
}

// Mknod makes regular files only: SMB has no others.
func (s *share) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.EPERM
	}
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return code
	}
	return s.entry(s.RawFileSystem.Mknod(cancel, in, name, out), out)
}

func (s *share) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return code
	}
	return s.entry(s.RawFileSystem.Mkdir(cancel, in, name, out), out)
}

func (s *share) Symlink(cancel <-chan struct{}, h *fuse.InHeader, to, name string, out *fuse.EntryOut) fuse.Status {
	if code := s.faults.gate(cancel, h.Pid, true); !code.Ok() {
		return code
	}
	return s.entry(s.RawFileSystem.Symlink(cancel, h, to, name, out), out)
}

// Link fails: Azure Files has no hard links.
func (s *share) Link(<-chan struct{}, *fuse.LinkIn, string, *fuse.EntryOut) fuse.Status {
	return fuse.Status(syscall.EOPNOTSUPP)
}

func (s *share) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return code
	}
	return s.entry(s.RawFileSystem.Create(cancel, in, name, out), &out.EntryOut)
}

// Tmpfile is missing, as on cifs; programs make a named file instead.
func (s *share) Tmpfile(<-chan struct{}, *fuse.CreateIn, *fuse.CreateOut) fuse.Status {
	return fuse.Status(syscall.EOPNOTSUPP)
}

func (s *share) Unlink(cancel <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	if code := s.faults.gate(cancel, h.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Unlink(cancel, h, name)
}

func (s *share) Rmdir(cancel <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	if code := s.faults.gate(cancel, h.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Rmdir(cancel, h, name)
}

func (s *share) Rename(cancel <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Rename(cancel, in, from, to)
}

func (s *share) Readlink(cancel <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	if code := s.faults.gate(cancel, h.Pid, false); !code.Ok() {
		return nil, code
	}
	return s.RawFileSystem.Readlink(cancel, h)
}

func (s *share) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Open(cancel, in, out)
}

func (s *share) Read(cancel <-chan struct{}, in *fuse.ReadIn, buffer []byte) (fuse.ReadResult, fuse.Status) {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return nil, code
	}
	return s.RawFileSystem.Read(cancel, in, buffer)
}

func (s *share) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return 0, code
	}
	return s.RawFileSystem.Write(cancel, in, data)
}

func (s *share) Writev(cancel <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return 0, code
	}
	return s.RawFileSystem.Writev(cancel, in, data)
}

func (s *share) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return 0, code
	}
	return s.RawFileSystem.CopyFileRange(cancel, in)
}

func (s *share) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, true); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Fallocate(cancel, in)
}

func (s *share) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Flush(cancel, in)
}

func (s *share) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.Fsync(cancel, in)
}

func (s *share) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.OpenDir(cancel, in, out)
}

func (s *share) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if code := s.faults.gate(cancel, in.Pid, false); !code.Ok() {
		return code
	}
	return s.RawFileSystem.ReadDir(cancel, in, out)
}

func (s *share) StatFs(cancel <-chan struct{}, h *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if code := s.faults.gate(cancel, h.Pid, false); !code.Ok() {
		return code
	}
	code := s.RawFileSystem.StatFs(cancel, h, out)
	if s.faults.kind.Load() == Full {
		out.Bfree, out.Bavail = 0, 0
	}
	return code
}
