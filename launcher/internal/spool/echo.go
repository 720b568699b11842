package spool

import (
	"bytes"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// tick is how long the beginning of a line may wait for its end.
const tick = 100 * time.Millisecond

// Echo repeats a stream on the launcher's own output, where `kubectl logs` finds it.
//
// It reads the spool file at its own pace, so that a slow reader of the container's output never
// slows the way to the share. It writes whole lines where it can, because several streams share
// one output.
type Echo struct {
	pump   *Pump
	to     io.Writer
	offset int64
	done   chan struct{}
	moved  atomic.Int64
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
