// Package sharefs shows a folder of this machine as a mounted SMB share.
//
// What one mount writes, every other sees at once. Owner and modes are what the mount options say,
// as with cifs, and faults can be made on command (fault.go). The folder underneath is reached
// through go-fuse's loopback; this package stands between it and the kernel.
package sharefs

import (
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"batchai.dev/devcluster/storage/mounting"
)

type served struct {
	*fuse.Server
}

// Drain has nothing to do: what was written is in the folder.
func (served) Drain() {}

// Mount mounts a share; the program must be root.
func Mount(spec mounting.Spec) (mounting.Served, error) {
	root, err := fs.NewLoopbackRoot(spec.Share.Folder)
	if err != nil {
		return nil, fmt.Errorf("share %s: %w", spec.Share.Folder, err)
	}
	options := &fuse.MountOptions{
		FsName:            spec.Source,
		Name:              "cifs-standin",
		AllowOther:        true,
		DirectMountStrict: true,
		DirectMountFlags:  syscall.MS_NOSUID | syscall.MS_NODEV,
		// With ReadDirPlus and passthrough the kernel would get past this package.
		DisableReadDirPlus:   true,
		DisabledCapabilities: fuse.CAP_PASSTHROUGH,
		DisableXAttrs:        true,
		MaxWrite:             1 << 20,
	}
	if !spec.Share.Cifs.NoPerm {
		options.Options = append(options.Options, "default_permissions")
	}
	if spec.Share.Cifs.ReadOnly {
		options.DirectMountFlags |= syscall.MS_RDONLY
	}
	raw := &share{
		RawFileSystem: fs.NewNodeFS(root, &fs.Options{}),
		cifs:          spec.Share.Cifs,
		faults:        watch(spec.Share.FaultFile),
	}
	server, err := fuse.NewServer(raw, spec.Target, options)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", spec.Target, err)
	}
	go server.Serve()
	return served{server}, server.WaitMount()
}
