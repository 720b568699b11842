package contract

import (
	"strconv"
	"strings"
)

// cifsOptions are the options of mount.cifs that have no effect on the stand-in.
var cifsOptions = words(`
	_netdev acdirmax acregmax actimeo atime cache closetimeo domain echo_interval exec file_mode
	forcegid forceuid guest handletimeout hard iocharset mapchars mapposix max_channels mfsymlinks
	multichannel nobrl nodev nodiratime noexec nofail noatime nomapposix noperm noserverino
	nosharesock nostrictsync nosuid nounix perm persistenthandles relatime resilienthandles
	rsize rw seal sec serverino soft suid strictsync user_xattr vers wsize
`)

// Cifs are the options that change what a mounted share looks like.
type Cifs struct {
	FileMode, DirMode uint32
	UID, GID          uint32
	ReadOnly          bool
	// NoPerm leaves the check of permissions to the server, which checks none.
	NoPerm bool
}

// ParseCifs reads mount.cifs's options; false means `mount error(22): Invalid argument`.
func ParseCifs(options []string) (Cifs, bool) {
	result := Cifs{FileMode: 0o777, DirMode: 0o777}
	for _, option := range strings.Split(strings.Join(options, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		var target *uint32
		base := 10
		switch name {
		case "":
		case "file_mode":
			target, base = &result.FileMode, 8
		case "dir_mode":
			target, base = &result.DirMode, 8
		case "uid":
			target = &result.UID
		case "gid":
			target = &result.GID
		case "ro":
			result.ReadOnly = true
		case "noperm":
			result.NoPerm = true
		default:
			if !cifsOptions[name] {
				return result, false
			}
		}
		if target != nil {
			number, err := strconv.ParseUint(value, base, 32)
			if err != nil {
				return result, false
			}
			*target = uint32(number)
		}
	}
	return result, true
}
