package nfsfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/willscott/go-nfs-client/nfs"
	"github.com/willscott/go-nfs-client/nfs/rpc"
	"github.com/willscott/go-nfs-client/nfs/xdr"

	"batchai.dev/devcluster/storage/mounting"
)

const (
	entryTime = 500 * time.Millisecond
	attrTime  = 100 * time.Millisecond
	// How long the server may take to answer before a mount is given up; the kubelet tries again.
	mountTime = 20 * time.Second
	nfsPort   = 2049
	mountPort = 20048
)

type served struct {
	*fuse.Server
	wire *wire
}

// Drain closes the connection; what was written is on the server already.
func (s served) Drain() {
	s.wire.close()
}

// Mount mounts an export; the program must be root. Errors are worded as mount.nfs words them.
func Mount(spec mounting.Spec) (mounting.Served, error) {
	ctx, cancel := context.WithTimeout(context.Background(), mountTime)
	defer cancel()
	asked := spec.NFS
	root, err := export(ctx, asked)
	if err != nil {
		return nil, err
	}
	line := &wire{address: address(asked.Server, portOf(ctx, asked, nfs.Nfs3Prog, asked.Options.Port)), anyPort: asked.Options.AnyPort}
	far := &server{wire: line, transfer: transferAtMost}
	if err := far.learnSizes(ctx, root); err != nil {
		return nil, complaint(asked, err)
	}
	attr, err := far.getattr(ctx, who{}, root)
	if err != nil {
		return nil, complaint(asked, err)
	}
	if asked.Options.Soft {
		line.patience = time.Duration(asked.Options.TenthsOfSeconds*(asked.Options.Retries+1)) * time.Second / 10
	}
	options := &fs.Options{
		MountOptions: fuse.MountOptions{
			FsName:            spec.Source,
			Name:              "nfs-standin",
			AllowOther:        true,
			DirectMountStrict: true,
			DirectMountFlags:  syscall.MS_NOSUID | syscall.MS_NODEV,
			// What the kernel knows from a list it would believe for too long.
			DisableReadDirPlus:   true,
			DisabledCapabilities: fuse.CAP_PASSTHROUGH,
			DisableXAttrs:        true,
			MaxWrite:             transferAtMost,
		},
		EntryTimeout:    after(entryTime),
		AttrTimeout:     after(attrTime),
		NullPermissions: true,
		RootStableAttr:  &fs.StableAttr{Ino: attr.Fileid, Mode: syscall.S_IFDIR},
	}
	if asked.Options.ReadOnly {
		options.DirectMountFlags |= syscall.MS_RDONLY
	}
	mounted, err := fs.Mount(spec.Target, &node{server: far, handle: root}, options)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", spec.Target, err)
	}
	return served{mounted, line}, nil
}

func after(duration time.Duration) *time.Duration {
	return &duration
}

// learnSizes asks how much the server takes and gives at once.
func (s *server) learnSizes(ctx context.Context, root []byte) error {
	var result nfs.FSInfo
	if err := s.do(ctx, &onHandle{header(nfs.NFSProc3FSInfo, who{}), root}, &result); err != nil {
		return err
	}
	for _, most := range []uint32{result.RTMax, result.WTMax} {
		if most > 0 {
			s.transfer = min(s.transfer, most)
		}
	}
	return nil
}

// export asks the server's mount service for the handle of what is to be mounted.
func export(ctx context.Context, asked *mounting.NFS) ([]byte, error) {
	host := asked.Server
	if _, err := net.DefaultResolver.LookupHost(ctx, bare(host)); err != nil {
		return nil, fmt.Errorf("Failed to resolve server %s: Name or service not known", host) //nolint:staticcheck // mount.nfs's text
	}
	door := &wire{
		address:  address(host, portOf(ctx, asked, nfs.MountProg, asked.Options.MountPort)),
		anyPort:  asked.Options.AnyPort,
		patience: mountTime,
	}
	defer door.close()
	answer, err := door.call(ctx, &struct {
		rpc.Header
		Path string
	}{
		rpc.Header{Rpcvers: 2, Prog: nfs.MountProg, Vers: nfs.MountVers, Proc: nfs.MountProc3MNT, Cred: who{}.auth()},
		asked.Path,
	})
	if err != nil {
		return nil, complaint(asked, err)
	}
	state, err := xdr.ReadUint32(answer)
	if err != nil {
		return nil, complaint(asked, err)
	}
	if state != nfs.MNT3Ok {
		return nil, complaint(asked, errnoOf(state))
	}
	return xdr.ReadOpaque(answer)
}

// portOf returns a service's port: the option's, else what rpcbind says, else the usual one.
func portOf(ctx context.Context, asked *mounting.NFS, program uint32, option int) int {
	if option > 0 {
		return option
	}
	if asked.Options.Port > 0 && program == nfs.MountProg {
		return asked.Options.Port
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	binder := &wire{address: address(asked.Server, rpc.PmapPort), anyPort: true, patience: time.Second}
	defer binder.close()
	answer, err := binder.call(ctx, &struct {
		rpc.Header
		rpc.Mapping
	}{
		rpc.Header{Rpcvers: 2, Prog: rpc.PmapProg, Vers: rpc.PmapVers, Proc: rpc.PmapProcGetPort},
		rpc.Mapping{Prog: program, Vers: nfs.Nfs3Vers, Prot: rpc.IPProtoTCP},
	})
	if err == nil {
		if port, err := xdr.ReadUint32(answer); err == nil && port > 0 {
			return int(port)
		}
	}
	if program == nfs.MountProg {
		if link, err := dial(ctx, address(asked.Server, mountPort), true); err == nil {
			_ = link.Close()
			return mountPort
		}
	}
	return nfsPort
}

func bare(host string) string {
	if len(host) > 2 && host[0] == '[' {
		return host[1 : len(host)-1]
	}
	return host
}

func address(host string, port int) string {
	return net.JoinHostPort(bare(host), strconv.Itoa(port))
}

// complaint words an error as mount.nfs does.
func complaint(asked *mounting.NFS, err error) error {
	source := asked.Server + ":" + asked.Path
	var number syscall.Errno
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("access denied by server while mounting %s", source)
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("mounting %s failed, reason given by server: No such file or directory", source)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("mounting %s failed, reason given by server: Not a directory", source)
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("Connection refused") //nolint:staticcheck // mount.nfs's text
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return errors.New("No route to host") //nolint:staticcheck // mount.nfs's text
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return errors.New("Connection timed out") //nolint:staticcheck // mount.nfs's text
	case errors.As(err, &number) && number != syscall.EIO: // EIO is ours, the reason stands behind it.
		return fmt.Errorf("mounting %s failed, reason given by server: %w", source, number)
	}
	return fmt.Errorf("Connection timed out: %w", err) //nolint:staticcheck // mount.nfs's text
}
