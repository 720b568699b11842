package spool

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

const (
	// tick is how long the beginning of a line may wait for its end.
	tick = 100 * time.Millisecond
	// tailKept is what is still repeated when the container's log lags too far behind.
	tailKept = 256 << 10
)

// Echo repeats a stream on the launcher's own output, where `kubectl logs` finds it.
//
// It reads the spool file at its own pace, so that a slow reader of the container's output does not
// slow the way to the share: containerd takes a few MB/s of short lines, and keeps 10 MiB. When the
// echo lags by half of what the spool may hold, or the job has ended, it leaves a part out and says
// so. It writes whole lines where it can, because several streams share one output.
type Echo struct {
	pump   *Pump
	to     io.Writer
	offset int64
	done   chan struct{}
	moved  atomic.Int64
	hurry  atomic.Bool
}

// NewEcho goes on from where an earlier echo of this stream stopped.
func NewEcho(pump *Pump, to io.Writer) *Echo {
	_, offset, _ := pump.stream.Echoed().Load()
	return &Echo{pump: pump, to: to, offset: offset, done: make(chan struct{})}
}

// Done is closed when everything was repeated.
func (e *Echo) Done() <-chan struct{} { return e.done }

// Progress changes while the echo gets on.
func (e *Echo) Progress() int64 { return e.moved.Load() }

// Hurry lets the echo leave out all but the end of what it has not said yet.
func (e *Echo) Hurry() { e.hurry.Store(true) }

// skip leaves a part out when the echo lags too far behind.
func (e *Echo) skip() {
	lag := e.pump.Size() - e.offset
	if lag < e.pump.limit/2 && (!e.hurry.Load() || lag <= 2*tailKept) {
		return
	}
	left := lag - min(tailKept, lag/2)
	e.offset += left
	_, _ = fmt.Fprintf(e.to, "\n[batchai: %d bytes are left out here; %s in the job's folder has them all]\n", left, e.pump.stream.Name())
}

// Run repeats until the pump has ended and all is said.
func (e *Echo) Run() {
	defer close(e.done)
	file, err := os.Open(e.pump.stream.Data())
	if err != nil {
		return
	}
	defer file.Close()
	buffer := make([]byte, 64<<10)
	for ended := false; ; {
		if e.offset < e.pump.Size() {
			e.skip()
			if !e.say(file, buffer, ended) {
				// Nobody listens any more: do not hold the spool's disk space for nobody.
				_ = e.pump.stream.Echoed().Store(0, 1<<62)
				return
			}
			continue
		}
		if ended {
			return
		}
		select {
		case <-e.pump.Wake:
		case <-e.pump.Ended():
			ended = true
		}
	}
}

// say repeats one piece: whole lines if there are any, else what is there after a short wait.
func (e *Echo) say(file *os.File, buffer []byte, ended bool) bool {
	n, _ := file.ReadAt(buffer[:min(int64(len(buffer)), e.pump.Size()-e.offset)], e.offset)
	end := bytes.LastIndexByte(buffer[:n], '\n') + 1
	if end == 0 {
		if n < len(buffer) && !ended {
			select {
			case <-time.After(tick):
			case <-e.pump.Ended():
			}
			more, _ := file.ReadAt(buffer[n:min(int64(len(buffer)), e.pump.Size()-e.offset)], e.offset+int64(n))
			n += more
			end = bytes.LastIndexByte(buffer[:n], '\n') + 1
		}
		if end == 0 {
			end = n
		}
	}
	written, err := e.to.Write(buffer[:end])
	e.offset += int64(written)
	e.moved.Add(int64(written))
	_ = e.pump.stream.Echoed().Store(0, e.offset)
	return err == nil
}
