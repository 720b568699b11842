package mounting

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	ready = "ready"
	// How long a child may take until its mount is there.
	startTime = 30 * time.Second
	// How long a child may take to finish uploads before it is killed.
	drainTime = 20 * time.Second
)

// Children is the real Mounter.
type Children struct {
	// Command starts a child, for example ["/storage", "mount"].
	Command []string

	lock    sync.Mutex
	serving map[string]*child
}

type child struct {
	process *os.Process
	ended   chan struct{}
}

// State looks into the mount table; a mount without a child of ours is not served.
func (c *Children) State(target string) (bool, bool, error) {
	count, err := mountsAt(target)
	c.lock.Lock()
	defer c.lock.Unlock()
	_, isServed := c.serving[target]
	return count > 0, count > 0 && isServed, err
}

// Mount starts a child and waits until it says that the mount is there.
//
// A mount that is left from an earlier life of this program, and so answers nobody, is removed.
func (c *Children) Mount(spec Spec) error {
	if err := c.detach(spec.Target); err != nil {
		return err
	}
	if err := os.MkdirAll(spec.Target, 0o777); err != nil {
		return err
	}
	input, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	command := exec.Command(c.Command[0], c.Command[1:]...)
	command.Stdin = bytes.NewReader(input)
	complaints := &tail{limit: 4096}
	command.Stderr = io.MultiWriter(os.Stderr, complaints)
	// A group of its own, so that a signal for the plugin does not end the mounts before their Pods.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	started := &child{process: command.Process, ended: make(chan struct{})}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(output).ReadString('\n')
		answer <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, output)
		err := command.Wait()
		log.Printf("the process that served %s has ended: %v", spec.Target, err)
		c.lock.Lock()
		if c.serving[spec.Target] == started {
			delete(c.serving, spec.Target)
		}
		c.lock.Unlock()
		close(started.ended)
	}()
	select {
	case line := <-answer:
		if line == ready {
			c.lock.Lock()
			defer c.lock.Unlock()
			if c.serving == nil {
				c.serving = map[string]*child{}
			}
			c.serving[spec.Target] = started
			return nil
		}
		<-started.ended
		return errors.New(strings.TrimSpace(complaints.String()))
	case <-time.After(startTime):
		_ = command.Process.Kill()
		// A child that waits for its own mount cannot even be killed; cutting it off ends that wait.
		_ = syscall.Unmount(spec.Target, syscall.MNT_FORCE|syscall.MNT_DETACH)
		<-started.ended
		return fmt.Errorf("the mount did not come up within %s", startTime)
	}
}

// Bind shows source at target too.
func (c *Children) Bind(source, target string, readOnly bool) error {
	if err := os.MkdirAll(target, 0o777); err != nil {
		return err
	}
	if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", source, target, err)
	}
	if !readOnly {
		return nil
	}
	flags := uintptr(syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV)
	return syscall.Mount("", target, "", flags, "")
}

// Unmount removes the mount, lets the child finish, and removes the empty folder.
func (c *Children) Unmount(target string) error {
	c.lock.Lock()
	serving := c.serving[target]
	c.lock.Unlock()
	if err := c.detach(target); err != nil {
		return err
	}
	if serving != nil {
		stop(serving)
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// detach removes every mount on a path. Whoever still has files open there keeps them until the
// child ends, so a share that hangs cannot hold up its removal.
func (c *Children) detach(target string) error {
	for {
		count, err := mountsAt(target)
		if err != nil || count == 0 {
			return err
		}
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
}

// stop asks a child to finish its uploads and end, and kills one that does not.
func stop(serving *child) {
	_ = serving.process.Signal(syscall.SIGTERM)
	select {
	case <-serving.ended:
	case <-time.After(drainTime):
		_ = serving.process.Kill()
		<-serving.ended
	}
}

// Close ends all children; their mounts become dead, as those of a restarted driver do.
func (c *Children) Close() {
	c.lock.Lock()
	all := make([]*child, 0, len(c.serving))
	for _, serving := range c.serving {
		all = append(all, serving)
	}
	c.lock.Unlock()
	for _, serving := range all {
		stop(serving)
	}
}

// CacheFolder returns a folder's name for one mount's cache.
func CacheFolder(root, target string) string {
	return filepath.Join(root, strings.ReplaceAll(strings.Trim(target, "/"), "/", "_"))
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	lock  sync.Mutex
	text  []byte
}

func (t *tail) Write(data []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.text = append(t.text, data...)
	if len(t.text) > t.limit {
		t.text = t.text[len(t.text)-t.limit:]
	}
	return len(data), nil
}

func (t *tail) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return string(t.text)
}
