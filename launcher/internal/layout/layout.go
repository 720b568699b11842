// Package layout knows where the launcher's own files are.
//
// Every subcommand asks it; nobody else spells such a path. It must not create anything but locks.
package layout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Layout is the set of paths below one root, which is "/" outside of tests.
type Layout struct{ root, last string }

// FromEnvironment reads the root from BATCHAI_ROOT and the place of last words from
// BATCHAI_TERMINATION_LOG, which only tests set: there, containers of a Pod share their root.
func FromEnvironment() Layout {
	return Layout{root: os.Getenv("BATCHAI_ROOT"), last: os.Getenv("BATCHAI_TERMINATION_LOG")}
}

// At returns the layout below root.
func At(root string) Layout { return Layout{root: root} }

func (l Layout) in(name string) string { return filepath.Join(l.root, "/.batchai", name) }

// Home is the folder that sidecar and job container share.
func (l Layout) Home() string { return l.in("") }

// Program is the copy of the launcher that the job container runs.
func (l Layout) Program() string { return l.in("launcher") }

// Spool holds the FIFOs and what came out of them.
func (l Layout) Spool() string { return l.in("spool") }

// Started says that the job container's launcher has run; it appears under the launcher's lock.
func (l Layout) Started() string { return l.in("started") }

// Final says that no byte will be added to any log of this node.
func (l Layout) Final() string { return l.in("final") }

// Drained says that the sidecar has taken out of the FIFOs what a dead launcher left in them.
func (l Layout) Drained() string { return l.in("drained") }

// Record is the full exit record.
func (l Layout) Record() string { return l.in("record.json") }

// LauncherLock is held by the launcher of the job container while it lives.
func (l Layout) LauncherLock() string { return l.in("launcher.lock") }

// SidecarLock is held by the sidecar while it holds the read ends of all FIFOs.
func (l Layout) SidecarLock() string { return l.in("sidecar.lock") }

// ReadersLock is held, shared, by those who read files through the sidecar's container.
func (l Layout) ReadersLock() string { return l.in("readers.lock") }

// TerminationLog is where Kubernetes looks for a container's last words.
func (l Layout) TerminationLog() string {
	if l.last != "" {
		return l.last
	}
	return filepath.Join(l.root, "/dev/termination-log")
}

// ErrHeld means that another process holds the lock.
var ErrHeld = errors.New("the lock is held by another process")

// Lock takes a flock that lasts until the file is closed or the process dies.
// With wait it blocks; without, it returns ErrHeld when somebody else holds it.
func Lock(path string, shared, wait bool) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open lock %s: %w", path, err)
	}
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		err = unix.Flock(fd, how)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		if err == unix.EWOULDBLOCK {
			return nil, ErrHeld
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Held tells whether somebody holds the lock exclusively. A lock that does not exist is not held.
func Held(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock, err := Lock(path, true, false)
	if err != nil {
		return errors.Is(err, ErrHeld)
	}
	_ = lock.Close()
	return false
}

// Exists tells whether the path is there.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// WriteByRename makes a file appear complete or not at all.
func WriteByRename(path string, content []byte, mode os.FileMode) error {
	temporary := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(temporary, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
