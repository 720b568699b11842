// Package mounting makes and removes mounts.
//
// Each mounted share, container or export is served by a child process of its own (this same program), as
// each blobfuse2 is. The child gets its Spec on standard input, so that no key stands in a command
// line, and says on standard output when the mount is there. Package plugin calls it.
package mounting

import (
	"batchai.dev/devcluster/storage/contract"
)

// Spec is one mount; exactly one of Share, Blob and NFS is set.
type Spec struct {
	Target string
	// Source is what the mount table shows.
	Source string
	Share  *Share
	Blob   *Blob
	NFS    *NFS
}

// Share is a folder of this machine, shown as SMB would show it.
type Share struct {
	Folder    string
	FaultFile string
	Cifs      contract.Cifs
}

// Blob is a container of an account.
type Blob struct {
	Endpoint  string
	Container string
	Account   string
	Key       string
	SAS       string
	// Cache is a folder for this mount alone; it is removed with it.
	Cache string
	Fuse  contract.Fuse
}

// NFS is an export of a server.
type NFS struct {
	Server  string
	Path    string
	Options contract.NFSMount
}

// Mounter is what the plugin needs; children.go has the real one, tests have a fake.
type Mounter interface {
	// State tells whether something is mounted at target and whether it is served.
	State(target string) (isMounted, isServed bool, err error)
	// Mount serves a spec; it returns when the mount can be used.
	Mount(spec Spec) error
	// Bind shows source at target too.
	Bind(source, target string, readOnly bool) error
	// Unmount removes the mount, waits for what serves it, and removes the empty folder.
	Unmount(target string) error
}
