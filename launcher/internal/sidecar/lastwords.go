package sidecar

import (
	"bytes"
	"encoding/json"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/spool"
)

const (
	// often is how old the last words may be when the sidecar is killed.
	often = 250 * time.Millisecond
	// mostFiles keeps the words below what Kubernetes keeps of a termination message, 4096 bytes.
	mostFiles  = 16
	mostReason = 500
)

// Words are the sidecar's termination message while something is not on the volume: what would be
// missing if the sidecar ended now. Empty otherwise. The operator's planner reads them.
type Words struct {
	Version int       `json:"version"`
	Node    int       `json:"node"`
	Bytes   int64     `json:"bytes"`
	Missing []Missing `json:"missing"` // The first files of those, in the plan's order.
	// Torn is how much of each output may have been lost when launcher and sidecar died together.
	Torn   int64  `json:"torn,omitempty"`
	Reason string `json:"reason,omitempty"` // What the volume answered last.
}

// Missing is how much of a file is not known to be on the volume.
type Missing struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// lastWords keeps the termination message true from the start of the job to the end. Kubernetes
// reads it also when the sidecar, or the whole machine, was killed.
type lastWords struct {
	where   layout.Layout
	plan    *plan.Plan
	lock    sync.Mutex
	fifos   map[string]int // Ends of our own, for counting only; empty once the FIFOs are.
	torn    bool
	reason  string
	said    []byte
	longest int
	stop    chan struct{}
	done    chan struct{}
}

func newLastWords(where layout.Layout, p *plan.Plan) *lastWords {
	return &lastWords{where: where, plan: p, fifos: map[string]int{}, stop: make(chan struct{}), done: make(chan struct{})}
}

// watch opens its own ends of the FIFOs and begins. A FIFO that cannot be opened counts as empty.
func (w *lastWords) watch() {
	for _, name := range w.plan.Streams() {
		if fd, err := spool.At(w.where.Spool(), name).OpenRead(); err == nil {
			w.fifos[name] = fd
		}
	}
	go func() {
		defer close(w.done)
		for {
			w.say()
			select {
			case <-w.stop:
				w.say()
				return
			case <-time.After(often):
			}
		}
	}()
}

// drained says that nothing is left in the FIFOs, and lets go of them.
func (w *lastWords) drained() {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, fd := range w.fifos {
		_ = unix.Close(fd)
	}
	clear(w.fifos)
}

// tore notes that launcher and sidecar were dead at the same time, and with them the FIFOs.
func (w *lastWords) tore() {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.torn = true
}

// blame notes what the volume answered; "" means that it works again.
func (w *lastWords) blame(reason string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.reason = reason[:min(len(reason), mostReason)]
}

// end says the last of the last words.
func (w *lastWords) end() {
	close(w.stop)
	<-w.done
}

func (w *lastWords) say() {
	w.lock.Lock()
	defer w.lock.Unlock()
	words := Words{Version: 1, Node: w.plan.Node.Index, Missing: []Missing{}, Reason: w.reason}
	if w.torn {
		words.Torn = spool.PipeSize
	}
	for _, name := range w.plan.Streams() {
		stream := spool.At(w.where.Spool(), name)
		left := stream.Size() - stream.Confirmed()
		if fd, open := w.fifos[name]; open {
			left += spool.Waiting(fd)
		}
		if left <= 0 {
			continue
		}
		words.Bytes += left
		if len(words.Missing) < mostFiles {
			words.Missing = append(words.Missing, Missing{File: name, Bytes: left})
		}
	}
	if words.Bytes == 0 && words.Torn == 0 {
		w.clear()
		return
	}
	if text, err := json.Marshal(words); err == nil {
		w.write(text)
	}
}

// write replaces the message by one pwrite, padded with blanks, so that a kill leaves the old one
// or the new one. The file cannot be renamed: Kubernetes has mounted it.
func (w *lastWords) write(text []byte) {
	if bytes.Equal(text, w.said) {
		return
	}
	file, err := os.OpenFile(w.where.TerminationLog(), os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return
	}
	defer file.Close()
	w.longest = max(w.longest, len(text))
	padded := append(bytes.Clone(text), bytes.Repeat([]byte(" "), w.longest-len(text))...)
	if _, err := file.WriteAt(padded, 0); err == nil {
		w.said = text
	}
}

func (w *lastWords) clear() {
	if w.said != nil && os.Truncate(w.where.TerminationLog(), 0) == nil {
		w.said, w.longest = nil, 0
	}
}
