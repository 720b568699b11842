package files

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/plan"
)

const mountList = "/proc/self/mountinfo"

// openBase opens the folder of an id, wherever the job has led the way to it.
//
// The job may put a symbolic link in place of its folder, or of one above it, and the sidecar's file
// system is not the job's: a link to / would show the sidecar's. So the way begins at the volume, of
// which no link leads out; above the job's own folder, named by its uid, links within the volume are
// the business of whoever owns the volume; from there on there may be none.
func openBase(directory, uid string, links []plan.Link) (*os.Root, error) {
	for _, link := range links {
		if rest, found := below(directory, link.Path); found {
			directory = path.Join(link.Target, rest) // Our own link; the job may have changed it.
			break
		}
	}
	volume := innermost(mountPoints(mountList), directory)
	rest, _ := below(directory, volume)
	parts := split(rest)
	own := max(slices.Index(parts, uid), 0)
	root, err := descend("/", split(volume))
	if err != nil {
		return nil, err
	}
	if own > 0 {
		above, err := root.OpenRoot(path.Join(parts[:own]...))
		_ = root.Close()
		if err != nil {
			return nil, err
		}
		root = above
	}
	defer root.Close()
	handle, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	return descend(fmt.Sprintf("/proc/self/fd/%d", handle.Fd()), parts[own:])
}

// descend opens a folder below another, by a way on which there is no symbolic link.
func descend(start string, parts []string) (*os.Root, error) {
	fd, err := unix.Open(start, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: start, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	for _, part := range parts {
		next, err := unix.Openat(fd, part, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			var found unix.Stat_t
			if unix.Fstatat(fd, part, &found, unix.AT_SYMLINK_NOFOLLOW) == nil && found.Mode&unix.S_IFMT == unix.S_IFLNK {
				return nil, fmt.Errorf("%w: %s is a symbolic link now", ErrEscapes, part)
			}
			return nil, &os.PathError{Op: "open", Path: part, Err: err}
		}
		_ = unix.Close(fd)
		fd = next
	}
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// mountPoints lists where something is mounted; only / when the kernel does not tell.
func mountPoints(list string) []string {
	text, err := os.ReadFile(list)
	if err != nil {
		return []string{"/"}
	}
	points := []string{"/"}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			points = append(points, unescape.Replace(fields[4]))
		}
	}
	return points
}

func innermost(points []string, directory string) string {
	best := "/"
	for _, point := range points {
		if _, found := below(directory, point); found && len(point) > len(best) {
			best = point
		}
	}
	return best
}

// below returns what is left of a path after a folder that it is or lies in.
func below(full, folder string) (string, bool) {
	rest, found := strings.CutPrefix(full, strings.TrimSuffix(folder, "/"))
	if !found || (rest != "" && rest[0] != '/') {
		return "", false
	}
	return strings.Trim(rest, "/"), true
}

func split(name string) []string {
	return slices.DeleteFunc(strings.Split(path.Clean(name), "/"), func(part string) bool { return part == "" || part == "." })
}
