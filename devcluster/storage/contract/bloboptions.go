package contract

import (
	"strconv"
	"strings"
)

// allowed are the arguments of blobfuse2 that an inline volume may give.
//
// The driver checks them since 1.27.5; which it refuses by name is known (platform guide 1.3), the
// list itself is rebuilt here from blobfuse2's arguments, less all that name a file, a program's
// identity or what the driver sets itself.
var allowed = words(`
	allow-other attr-cache-timeout attr-timeout block-cache block-cache-block-size
	block-cache-disk-size block-cache-disk-timeout block-cache-parallelism block-cache-pool-size
	block-cache-prefetch block-cache-prefetch-on-open block-size-mb cache-on-list cache-size-mb
	cancel-list-on-mount-seconds create-empty-file direct-io disable-compression
	disable-kernel-cache disable-writeback-cache display-capacity-mb empty-dir-check
	enable-symlinks entry-timeout fail-unsupported-op file-cache-timeout
	file-cache-timeout-in-seconds hard-limit high-disk-threshold honour-acl ignore-open-flags
	ignore-sync invalidate-on-sync kernel-list-cache-timeout lazy-write log-level
	low-disk-threshold max-concurrency max-eviction max-results-for-list max-retry
	max-retry-interval-in-seconds negative-timeout no-symlinks offload-io prefetch-on-open
	pre-mount-validate read-only refresh-sec retry-delay-factor streaming stream-cache-mb
	subdirectory sync-to-flush update-md5 upload-modified-only use-adls use-attr-cache
	validate-md5 virtual-directory wait-for-mount
`)

// fuseOptions are what blobfuse2 takes after -o, and what it lets pass without effect.
var fuseOptions = words(`
	allow_other allow_root attr_timeout default_permissions direct_io entry_timeout gid
	negative_timeout nonempty ro uid umask
	auto delay_connect dev exec noauto nodev noexec nosuid nouser rw suid user
`)

const fuseHelp = "invalid FUSE options. Allowed FUSE configurations are: `-o attr_timeout=TIMEOUT`, " +
	"`-o negative_timeout=TIMEOUT`, `-o entry_timeout=TIMEOUT` `-o allow_other`, `-o allow_root`, " +
	"`-o umask=PERMISSIONS -o default_permissions`, `-o ro`"

// Fuse are the options that change what a mounted container looks like.
type Fuse struct {
	AllowOther, ReadOnly bool
	UID, GID, Umask      uint32
	Folder               string
}

func words(text string) map[string]bool {
	result := map[string]bool{}
	for _, word := range strings.Fields(text) {
		result[word] = true
	}
	return result
}

// allowedOptions joins `-o` with what follows it and refuses what is not on the list.
func allowedOptions(tokens []string) ([]string, error) {
	var result []string
	for i := 0; i < len(tokens); i++ {
		token := tokens[i]
		switch {
		case token == "-o":
			if i+1 >= len(tokens) || strings.HasPrefix(tokens[i+1], "-") {
				return nil, invalid("NodeStageVolume: mount option %q needs a value", token)
			}
			i++
			result = append(result, "-o "+tokens[i])
		case strings.HasPrefix(token, "--"):
			name, value, _ := strings.Cut(strings.TrimPrefix(token, "--"), "=")
			if !allowed[name] {
				return nil, invalid("mount option %q is not allowed for ephemeral volumes", "--"+name)
			}
			if name == "block-cache-parallelism" {
				if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 128 {
					return nil, invalid("mount option %q must be between 1 and 128", token)
				}
			}
			result = append(result, token)
		default:
			return nil, invalid("mount option %q is not allowed for ephemeral volumes", token)
		}
	}
	return result, nil
}

// ParseFuse reads blobfuse2's arguments; the second result is blobfuse2's complaint, or empty.
func ParseFuse(options []string) (Fuse, string) {
	var result Fuse
	tokens := strings.Fields(strings.Join(options, " "))
	for i := 0; i < len(tokens); i++ {
		token := tokens[i]
		if token == "-o" && i+1 < len(tokens) {
			i++
			token = tokens[i]
		} else if strings.HasPrefix(token, "-o") {
			token = strings.TrimPrefix(token, "-o")
		} else {
			name, value, _ := strings.Cut(strings.TrimPrefix(token, "--"), "=")
			isOn := value == "" || value == "true"
			switch name {
			case "allow-other":
				result.AllowOther = isOn
			case "read-only":
				result.ReadOnly = isOn
			case "subdirectory":
				result.Folder = strings.Trim(value, "/")
			}
			continue
		}
		for _, option := range strings.Split(token, ",") {
			if complaint := result.set(option); complaint != "" {
				return result, complaint
			}
		}
	}
	return result, ""
}

func (f *Fuse) set(option string) string {
	name, value, _ := strings.Cut(option, "=")
	if !fuseOptions[name] {
		return fuseHelp
	}
	var target *uint32
	base := 10
	switch name {
	case "allow_other":
		f.AllowOther = value != "false"
	case "ro":
		f.ReadOnly = value != "false"
	case "uid":
		target = &f.UID
	case "gid":
		target = &f.GID
	case "umask":
		target, base = &f.Umask, 8
	}
	if target != nil {
		number, err := strconv.ParseUint(value, base, 32)
		if err != nil {
			return fuseHelp
		}
		*target = uint32(number)
	}
	return ""
}
