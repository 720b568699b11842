package sidecar

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/spool"
	"batchai.dev/launcher/internal/timing"
)

// sidecarMax is how long `prepare` waits for the sidecar itself, which starts at the same time.
const sidecarMax = 30 * time.Second

// Prepare makes ready what the job container needs. Kubernetes starts that container only when
// this has returned without an error, and starts the sidecar again when it has not.
func Prepare(where layout.Layout, p *plan.Plan, times timing.Timing) error {
	unix.Umask(0) // The job may run as another user than the sidecar.
	if err := publish(where); err != nil {
		return fmt.Errorf("put the launcher into %s: %w", where.Home(), err)
	}
	if err := spool.Make(where.Spool(), p.Streams()); err != nil {
		return err
	}
	for _, folder := range p.Folders {
		if err := within(times.Folder, func() error { return os.MkdirAll(folder, 0o777) }); err != nil {
			return fmt.Errorf("make the folder %s on its volume: %w", folder, err)
		}
	}
	for _, link := range p.Links {
		if err := within(times.Folder, func() error { return makeLink(link) }); err != nil {
			return fmt.Errorf("link %s to %s: %w", link.Path, link.Target, err)
		}
	}
	for deadline := time.Now().Add(sidecarMax); !layout.Held(where.SidecarLock()); {
		if time.Now().After(deadline) {
			return errors.New("the sidecar does not hold the job's outputs; see its own log")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// publish copies this program to where the job container finds it, complete or not at all.
func publish(where layout.Layout) error {
	if err := os.MkdirAll(where.Home(), 0o777); err != nil {
		return err
	}
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	temporary := fmt.Sprintf("%s.%d.new", where.Program(), os.Getpid())
	to, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o555)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, where.Program())
}

// within gives up on a volume that hangs. The stuck thread ends with this process.
func within(limit time.Duration, action func() error) error {
	done := make(chan error, 1)
	go func() { done <- action() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("the volume has not answered for %v", limit)
	}
}

func makeLink(link plan.Link) error {
	if target, err := os.Readlink(link.Path); err == nil {
		if target == link.Target {
			return nil
		}
		if err := os.Remove(link.Path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(link.Path), 0o777); err != nil {
		return err
	}
	return os.Symlink(link.Target, link.Path)
}
