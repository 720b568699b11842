package sharefs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Kinds of faults.
const (
	Hang = "hang"
	EIO  = "eio"
	Full = "full"
)

// How soon a fault takes effect, and how soon one that is cleared lets go.
const glance = 100 * time.Millisecond

// Fault is what is wrong with a share, as it stands in its file.
type Fault struct {
	Kind string `json:"kind"`
	// Until is zero for a fault that stays until it is cleared.
	Until time.Time `json:"until,omitzero"`
}

// Write puts a fault into a file, or removes it when the kind is empty.
func Write(file string, fault Fault) error {
	switch fault.Kind {
	case "":
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	case Hang, EIO, Full:
	default:
		return fmt.Errorf("%q is no fault: hang, eio, full or clear", fault.Kind)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(fault)
	if err != nil {
		return err
	}
	fresh := file + ".new"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

func read(file string) Fault {
	var fault Fault
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &fault) != nil {
		return Fault{}
	}
	if !fault.Until.IsZero() && time.Now().After(fault.Until) {
		return Fault{}
	}
	return fault
}

// faults watches one share's file.
type faults struct {
	kind atomic.Value
}

func watch(file string) *faults {
	result := &faults{}
	result.kind.Store(read(file).Kind)
	go func() {
		for range time.Tick(glance) {
			result.kind.Store(read(file).Kind)
		}
	}()
	return result
}

// gate lets a request pass, refuses it, or holds it as long as the share hangs.
//
// While it holds, only SIGKILL frees the caller, as with a share that is mounted hard: the kernel
// says that some signal came, /proc which.
func (f *faults) gate(cancel <-chan struct{}, caller uint32, writes bool) fuse.Status {
	for {
		switch f.kind.Load() {
		case EIO:
			return fuse.EIO
		case Full:
			if writes {
				return fuse.Status(syscall.ENOSPC)
			}
			return fuse.OK
		case Hang:
			time.Sleep(glance)
			select {
			case <-cancel:
				if isKilled(caller) {
					return fuse.EINTR
				}
			default:
			}
		default:
			return fuse.OK
		}
	}
}

// isKilled tells whether SIGKILL waits for a thread; one that cannot be seen counts as killed.
func isKilled(thread uint32) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if thread == 0 || err != nil {
		return true
	}
	for _, line := range bytes.Split(text, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "SigPnd" && string(name) != "ShdPnd" {
			continue
		}
		pending, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
		if err == nil && pending>>(uint(syscall.SIGKILL)-1)&1 == 1 {
			return true
		}
	}
	return false
}
