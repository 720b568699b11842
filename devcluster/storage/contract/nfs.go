package contract

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
)

// NFSDriver is the name of csi-driver-nfs.
const NFSDriver = "nfs.csi.k8s.io"

const (
	share            = "share"
	subDir           = "subdir"
	mountPermissions = "mountpermissions"
	pvcName          = "csi.storage.k8s.io/pvc/name"
	pvName           = "csi.storage.k8s.io/pv/name"
)

// nfsOptions are the options of mount.nfs that have no effect on the stand-in.
var nfsOptions = words(`
	_netdev ac acdirmax acdirmin acl acregmax acregmin actimeo async atime bg clientaddr cto defaults
	dev exec fg fsc hard intr local_lock lock lookupcache max_connect minorversion mounthost
	mountproto mountvers namlen nconnect nfsvers noac noacl noatime nocto nodev nodiratime noexec
	nofail nofsc nointr nolock nordirplus noresvport nosharecache nosuid posix proto rdirplus
	relatime resvport retrans retry rsize rw sec sharecache soft softerr softreval suid sync tcp
	timeo user vers wsize
`)

// NFS is a volume of an NFS server.
type NFS struct {
	ID, Target string
	// Server is a host name or an address, Path what to mount of it.
	Server, Path string
	// Permissions are set on the mounted folder unless they are zero.
	Permissions uint32
	Options     []string
	Mount       NFSMount
}

// NFSMount are the options that change how the stand-in mounts.
type NFSMount struct {
	// Port and MountPort are zero unless an option names them.
	Port, MountPort int
	// Soft lets requests fail when the server is away; without it they wait.
	Soft bool
	// TenthsOfSeconds and Retries bound a soft request (timeo, retrans).
	TenthsOfSeconds, Retries int
	ReadOnly                 bool
	// AnyPort calls from an ordinary port (noresvport).
	AnyPort bool
}

// Source is what stands in the mount table, for example 10.0.0.4:/data/team.
func (v NFS) Source() string {
	return v.Server + ":" + v.Path
}

// ReadNFS applies the rules of csi-driver-nfs, which mounts in NodePublishVolume and knows no Secret.
func ReadNFS(r Request) (NFS, error) {
	a, _, _ := normalize(r.Attributes)
	v := NFS{ID: r.ID, Target: r.Target, Options: append([]string{}, r.Flags...)}
	if r.ReadOnly {
		v.Options = append(v.Options, "ro")
	}
	if a[mountOptions] != "" {
		v.Options = append(v.Options, a[mountOptions])
	}
	if text := a[mountPermissions]; text != "" {
		number, err := strconv.ParseUint(text, 8, 32)
		if err != nil {
			return NFS{}, invalid("invalid mountPermissions %s", text)
		}
		v.Permissions = uint32(number)
	}
	if a[server] == "" {
		return NFS{}, invalid("server is a required parameter")
	}
	if a[share] == "" {
		return NFS{}, invalid("share is a required parameter")
	}
	v.Server, v.Path = a[server], a[share]
	if address := net.ParseIP(v.Server); address != nil && address.To4() == nil {
		v.Server = "[" + v.Server + "]"
	}
	if folder := a[subDir]; folder != "" {
		names := strings.NewReplacer(
			"${pvc.metadata.name}", a[pvcName], "${pvc.metadata.namespace}", a[pvcNamespace],
			"${pv.metadata.name}", a[pvName],
		)
		v.Path = strings.TrimRight(v.Path, "/") + "/" + names.Replace(folder)
	}
	if strings.Contains("/"+v.Path+"/", "/../") {
		return NFS{}, invalid("invalid volume source %q: path contains directory traversal sequence", v.Source())
	}
	v.Path = path.Clean(v.Path)
	return v, nil
}

// ParseNFS reads mount.nfs's options; false means that mount.nfs knows one of them not.
func ParseNFS(options []string) (NFSMount, bool) {
	result := NFSMount{TenthsOfSeconds: 600, Retries: 2}
	for _, option := range strings.Split(strings.Join(options, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		var target *int
		switch name {
		case "":
		case "port":
			target = &result.Port
		case "mountport":
			target = &result.MountPort
		case "timeo":
			target = &result.TenthsOfSeconds
		case "retrans":
			target = &result.Retries
		case "soft", "softerr":
			result.Soft = true
		case "ro":
			result.ReadOnly = true
		case "noresvport":
			result.AnyPort = true
		default:
			if !nfsOptions[name] {
				return result, false
			}
		}
		if target != nil {
			number, err := strconv.Atoi(value)
			if err != nil || number < 0 {
				return result, false
			}
			*target = number
		}
	}
	return result, true
}

// NFSMountError is the driver's text around what mount.nfs says.
func NFSMountError(v NFS, output string) error {
	return internal("%s", mountFailed("nfs", strings.Join(v.Options, ","), v.Source(), v.Target, "mount.nfs: "+output))
}

// mountFailed is the text of Kubernetes' mount library when mount(8) ends with 32.
func mountFailed(kind, options, source, target, output string) string {
	return fmt.Sprintf(
		"mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t %s -o %s %s %s\nOutput: %s\n",
		kind, options, source, target, output,
	)
}
