package nfsfs

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/willscott/go-nfs-client/nfs"
	"github.com/willscott/go-nfs-client/nfs/rpc"
	"github.com/willscott/go-nfs-client/nfs/xdr"
)

// Procedures of NFS version 3 that go-nfs-client has no names for.
const (
	procedureAccess  = 4
	procedureLink    = 15
	procedureFSStat  = 18
	procedureCommit  = 21
	rightRead        = 0x01
	rightModify      = 0x04
	rightExtend      = 0x08
	guarded          = 1
	fileSync         = 2
	listBytes        = 8 << 10
	listBytesAtMost  = 64 << 10
	transferAtMost   = 1 << 20
	machine          = "batchai-storage"
	authUnix         = 1
	supplementaryMax = 16
)

// who is the caller of a request, as AUTH_SYS tells the server.
type who struct {
	uid, gid uint32
	groups   []uint32
}

func (w who) auth() rpc.Auth {
	var text writer
	_ = xdr.Write(&text, struct {
		Stamp    uint32
		Machine  string
		UID, GID uint32
		Groups   []uint32
	}{1, machine, w.uid, w.gid, w.groups})
	return rpc.Auth{Flavor: authUnix, Body: text}
}

type writer []byte

func (w *writer) Write(data []byte) (int, error) {
	*w = append(*w, data...)
	return len(data), nil
}

// server makes the calls of NFS version 3.
type server struct {
	wire *wire
	// transfer is how much the server takes or gives at once.
	transfer uint32
}

func header(procedure uint32, caller who) rpc.Header {
	return rpc.Header{Rpcvers: 2, Prog: nfs.Nfs3Prog, Vers: nfs.Nfs3Vers, Proc: procedure, Cred: caller.auth()}
}

// do makes a call and reads its result unless the server refused it.
func (s *server) do(ctx context.Context, request, result any) error {
	_, err := s.open(ctx, request, result)
	return err
}

// open is do for answers that go on behind the result.
func (s *server) open(ctx context.Context, request, result any) (io.Reader, error) {
	answer, err := s.wire.call(ctx, request)
	if err != nil {
		return nil, err
	}
	state, err := xdr.ReadUint32(answer)
	if err != nil {
		return nil, err
	}
	if state != 0 {
		return nil, errnoOf(state)
	}
	if result == nil {
		return answer, nil
	}
	return answer, xdr.Read(answer, result)
}

type onHandle struct {
	rpc.Header
	Handle []byte
}

type onName struct {
	rpc.Header
	Where nfs.Diropargs3
}

type made struct {
	Handle nfs.PostOpFH3
	Attr   nfs.PostOpAttr
}

// found is a file and what is known of it.
type found struct {
	handle []byte
	attr   nfs.Fattr
}

func (s *server) getattr(ctx context.Context, caller who, handle []byte) (nfs.Fattr, error) {
	var result nfs.Fattr
	err := s.do(ctx, &onHandle{header(nfs.NFSProc3GetAttr, caller), handle}, &result)
	return result, err
}

func (s *server) lookup(ctx context.Context, caller who, folder []byte, name string) (found, error) {
	var result struct {
		Handle []byte
		Attr   nfs.PostOpAttr
	}
	request := &onName{header(nfs.NFSProc3Lookup, caller), nfs.Diropargs3{FH: folder, Filename: name}}
	if err := s.do(ctx, request, &result); err != nil {
		return found{}, err
	}
	return s.complete(ctx, caller, result.Handle, result.Attr)
}

// complete asks for the attributes that an answer left out.
func (s *server) complete(ctx context.Context, caller who, handle []byte, attr nfs.PostOpAttr) (found, error) {
	if attr.IsSet {
		return found{handle, attr.Attr}, nil
	}
	asked, err := s.getattr(ctx, caller, handle)
	return found{handle, asked}, err
}

// madeOf turns the answer of what makes files into a file.
func (s *server) madeOf(ctx context.Context, caller who, folder []byte, name string, result made) (found, error) {
	if !result.Handle.IsSet {
		return s.lookup(ctx, caller, folder, name)
	}
	return s.complete(ctx, caller, result.Handle.FH, result.Attr)
}

func (s *server) setattr(ctx context.Context, caller who, handle []byte, change nfs.Sattr3) error {
	request := &struct {
		rpc.Header
		Handle    []byte
		Change    nfs.Sattr3
		IsGuarded bool
	}{Header: header(nfs.NFSProc3SetAttr, caller), Handle: handle, Change: change}
	return s.do(ctx, request, nil)
}

// access returns those of the wanted rights that the caller has.
func (s *server) access(ctx context.Context, caller who, handle []byte, wanted uint32) (uint32, error) {
	var result struct {
		Attr   nfs.PostOpAttr
		Rights uint32
	}
	request := &struct {
		rpc.Header
		Handle []byte
		Wanted uint32
	}{header(procedureAccess, caller), handle, wanted}
	err := s.do(ctx, request, &result)
	return result.Rights, err
}

func (s *server) create(ctx context.Context, caller who, folder []byte, name string, mode uint32, isNew bool) (found, error) {
	request := &struct {
		rpc.Header
		Where nfs.Diropargs3
		How   uint32
		Attr  nfs.Sattr3
	}{
		Header: header(nfs.NFSProc3Create, caller), Where: nfs.Diropargs3{FH: folder, Filename: name},
		Attr: nfs.Sattr3{Mode: nfs.SetMode{SetIt: true, Mode: mode}},
	}
	if isNew {
		request.How = guarded
	}
	var result made
	if err := s.do(ctx, request, &result); err != nil {
		return found{}, err
	}
	return s.madeOf(ctx, caller, folder, name, result)
}

func (s *server) mkdir(ctx context.Context, caller who, folder []byte, name string, mode uint32) (found, error) {
	request := &struct {
		rpc.Header
		Where nfs.Diropargs3
		Attr  nfs.Sattr3
	}{
		header(nfs.NFSProc3Mkdir, caller), nfs.Diropargs3{FH: folder, Filename: name},
		nfs.Sattr3{Mode: nfs.SetMode{SetIt: true, Mode: mode}},
	}
	var result made
	if err := s.do(ctx, request, &result); err != nil {
		return found{}, err
	}
	return s.madeOf(ctx, caller, folder, name, result)
}

func (s *server) symlink(ctx context.Context, caller who, folder []byte, name, target string) (found, error) {
	request := &struct {
		rpc.Header
		Where  nfs.Diropargs3
		Attr   nfs.Sattr3
		Target string
	}{Header: header(nfs.NFSProc3Symlink, caller), Where: nfs.Diropargs3{FH: folder, Filename: name}, Target: target}
	var result made
	if err := s.do(ctx, request, &result); err != nil {
		return found{}, err
	}
	return s.madeOf(ctx, caller, folder, name, result)
}

func (s *server) readlink(ctx context.Context, caller who, handle []byte) (string, error) {
	var result struct {
		Attr   nfs.PostOpAttr
		Target string
	}
	err := s.do(ctx, &onHandle{header(nfs.NFSProc3Readlink, caller), handle}, &result)
	return result.Target, err
}

func (s *server) link(ctx context.Context, caller who, handle, folder []byte, name string) error {
	request := &struct {
		rpc.Header
		Handle []byte
		Where  nfs.Diropargs3
	}{header(procedureLink, caller), handle, nfs.Diropargs3{FH: folder, Filename: name}}
	return s.do(ctx, request, nil)
}

func (s *server) remove(ctx context.Context, caller who, folder []byte, name string, isFolder bool) error {
	procedure := uint32(nfs.NFSProc3Remove)
	if isFolder {
		procedure = nfs.NFSProc3RmDir
	}
	return s.do(ctx, &onName{header(procedure, caller), nfs.Diropargs3{FH: folder, Filename: name}}, nil)
}

func (s *server) rename(ctx context.Context, caller who, from []byte, name string, to []byte, newName string) error {
	request := &struct {
		rpc.Header
		From, To nfs.Diropargs3
	}{
		header(nfs.NFSProc3Rename, caller),
		nfs.Diropargs3{FH: from, Filename: name}, nfs.Diropargs3{FH: to, Filename: newName},
	}
	return s.do(ctx, request, nil)
}

func (s *server) read(ctx context.Context, caller who, handle []byte, offset int64, count int) ([]byte, bool, error) {
	request := &struct {
		rpc.Header
		Handle []byte
		Offset uint64
		Count  uint32
	}{header(nfs.NFSProc3Read, caller), handle, uint64(offset), min(uint32(count), s.transfer)}
	var result struct {
		Attr  nfs.PostOpAttr
		Count uint32
		IsEnd bool
		Data  []byte
	}
	err := s.do(ctx, request, &result)
	return result.Data, result.IsEnd, err
}

// write returns when the bytes are on the server's disk, so a server that is killed loses none.
func (s *server) write(ctx context.Context, caller who, handle []byte, offset int64, data []byte) (int, error) {
	written := 0
	for written < len(data) {
		part := data[written:min(len(data), written+int(s.transfer))]
		request := &struct {
			rpc.Header
			Handle   []byte
			Offset   uint64
			Count    uint32
			How      uint32
			Contents []byte
		}{header(nfs.NFSProc3Write, caller), handle, uint64(offset) + uint64(written), uint32(len(part)), fileSync, part}
		var result struct {
			Wcc   nfs.WccData
			Count uint32
		}
		if err := s.do(ctx, request, &result); err != nil {
			return written, err
		}
		if result.Count == 0 {
			return written, errors.New("the server took nothing")
		}
		written += int(result.Count)
	}
	return written, nil
}

func (s *server) commit(ctx context.Context, caller who, handle []byte) error {
	request := &struct {
		rpc.Header
		Handle []byte
		Offset uint64
		Count  uint32
	}{Header: header(procedureCommit, caller), Handle: handle}
	return s.do(ctx, request, nil)
}

// list returns a whole folder without `.` and `..`.
func (s *server) list(ctx context.Context, caller who, handle []byte) ([]nfs.EntryPlus, error) {
	var result []nfs.EntryPlus
	cookie, verifier := uint64(0), uint64(0)
	for {
		request := &struct {
			rpc.Header
			Handle             []byte
			Cookie, Verifier   uint64
			FolderMost, AllMax uint32
		}{header(nfs.NFSProc3ReadDirPlus, caller), handle, cookie, verifier, listBytes, listBytesAtMost}
		var head struct {
			Attr     nfs.PostOpAttr
			Verifier uint64
		}
		answer, err := s.open(ctx, request, &head)
		if err != nil {
			return nil, err
		}
		verifier = head.Verifier
		for {
			var item struct {
				IsSet bool          `xdr:"union"`
				Entry nfs.EntryPlus `xdr:"unioncase=1"`
			}
			if err := xdr.Read(answer, &item); err != nil {
				return nil, err
			}
			if !item.IsSet {
				break
			}
			cookie = item.Entry.Cookie
			if name := item.Entry.FileName; name != "." && name != ".." {
				result = append(result, item.Entry)
			}
		}
		if isEnd, err := xdr.ReadUint32(answer); err != nil || isEnd != 0 {
			return result, err
		}
	}
}

// space is the answer of FSSTAT.
type space struct {
	Attr                                       nfs.PostOpAttr
	Bytes, Free, Usable, Files, FreeF, UsableF uint64
	Seconds                                    uint32
}

func (s *server) statfs(ctx context.Context, caller who, handle []byte) (space, error) {
	var result space
	err := s.do(ctx, &onHandle{header(procedureFSStat, caller), handle}, &result)
	return result, err
}

// errnoOf turns a state of the protocol into the error that programs see.
func errnoOf(state uint32) syscall.Errno {
	switch state {
	case nfs.NFS3ErrNameTooLong:
		return syscall.ENAMETOOLONG
	case nfs.NFS3ErrNotEmpty:
		return syscall.ENOTEMPTY
	case nfs.NFS3ErrDQuot:
		return syscall.EDQUOT
	case nfs.NFS3ErrStale, nfs.NFS3ErrBadHandle:
		return syscall.ESTALE
	case nfs.NFS3ErrNotSupp:
		return syscall.EOPNOTSUPP
	}
	if state < 63 {
		return syscall.Errno(state)
	}
	return syscall.EREMOTEIO
}
