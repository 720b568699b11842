package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// chunk is how much one splice moves at most.
	chunk = 1 << 20
	// pause is the wait after an error of the disk and while the backlog is too long.
	pause = 50 * time.Millisecond
)

// errDry means that the FIFO is empty but has a writer.
var errDry = errors.New("nothing to move yet")

// Pump moves one stream from its FIFO to its spool file.
//
// It uses splice(2): the kernel takes from the FIFO exactly what it has put into the file, in one
// system call, so a SIGKILL between or during calls neither loses nor doubles a byte, and whoever
// goes on begins at the file's size. Where the kernel refuses to splice (a file system that cannot),
// Weak becomes true and a kill between read and write may lose up to 64 KiB.
type Pump struct {
	stream Stream
	in     *os.File
	raw    syscall.RawConn
	out    *os.File
	offset int64
	limit  int64
	buffer []byte
	size   atomic.Int64
	ended  chan struct{}
	finish atomic.Bool
	held   atomic.Pointer[time.Time]
	// Wake receives a token after every move.
	Wake chan struct{}
}

// NewPump takes over a FIFO's read end. It stops reading, so that the program has to wait, while
// more than limit bytes of the spool file are neither shipped nor echoed.
func NewPump(stream Stream, fifo int, limit int64) (*Pump, error) {
	in := os.NewFile(uintptr(fifo), stream.fifo())
	raw, err := in.SyscallConn()
	if err != nil {
		return nil, err
	}
	// Not O_APPEND: splice refuses it.
	out, err := os.OpenFile(stream.Data(), os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	info, err := out.Stat()
	if err != nil {
		return nil, err
	}
	p := &Pump{stream: stream, in: in, raw: raw, out: out, offset: info.Size(), limit: limit,
		ended: make(chan struct{}), Wake: make(chan struct{}, 1)}
	p.size.Store(p.offset)
	return p, nil
}

// Size is the number of bytes in the spool file.
func (p *Pump) Size() int64 { return p.size.Load() }

// Name is the stream's file name on the share.
func (p *Pump) Name() string { return p.stream.Name() }

// Ended is closed when nothing more will come through this pump.
func (p *Pump) Ended() <-chan struct{} { return p.ended }

// Weak tells whether the kernel refused to splice.
func (p *Pump) Weak() bool { return p.buffer != nil }

// Run moves until the FIFO has no writer left or Finish was called and the FIFO is empty.
func (p *Pump) Run() {
	defer close(p.ended)
	defer p.in.Close()
	for {
		p.await()
		err := p.move()
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.rest()
			return
		default:
			// The disk is full or ill. The bytes are still in the FIFO; the program waits.
			time.Sleep(pause)
			if p.finish.Load() {
				p.rest()
				return
			}
		}
	}
}

// Finish makes Run move what is in the FIFO and return, even though some process holds it open.
func (p *Pump) Finish() {
	p.finish.Store(true)
	_ = p.in.SetReadDeadline(time.Unix(1, 0))
}

// Held is for how long the program has had to wait without one more byte being safe on the volume;
// 0 while it does not wait, or waits for the container's log only.
func (p *Pump) Held() time.Duration {
	if since := p.held.Load(); since != nil {
		return time.Since(*since)
	}
	return 0
}

// await holds the program back while too much waits to be shipped.
func (p *Pump) await() {
	defer p.held.Store(nil)
	for seen := int64(-1); !p.finish.Load() && p.offset >= p.limit && p.offset-p.stream.Released() >= p.limit; {
		if shipped := p.stream.Confirmed(); p.offset-shipped < p.limit {
			p.held.Store(nil)
		} else if shipped != seen {
			now := time.Now()
			seen = shipped
			p.held.Store(&now)
		}
		time.Sleep(pause)
	}
}

// move waits for bytes and moves some.
func (p *Pump) move() error {
	var result error
	err := p.raw.Read(func(fd uintptr) bool {
		result = p.once(int(fd))
		return !errors.Is(result, errDry)
	})
	if err != nil {
		return err
	}
	return result
}

// rest moves what is there without waiting, and tries for a while when the disk is ill.
func (p *Pump) rest() {
	for failures := 0; failures < 100; {
		var result error
		if err := p.raw.Control(func(fd uintptr) { result = p.once(int(fd)) }); err != nil {
			return
		}
		switch {
		case result == nil:
		case errors.Is(result, errDry), errors.Is(result, io.EOF):
			return
		default:
			failures++
			time.Sleep(pause)
		}
	}
}

func (p *Pump) once(fd int) error {
	if p.buffer != nil {
		return p.copyOnce(fd)
	}
	at := p.offset
	moved, err := unix.Splice(fd, nil, int(p.out.Fd()), &at, chunk, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	switch {
	case err == nil && moved == 0:
		return io.EOF
	case err == nil:
		p.advance(moved)
		return nil
	case err == unix.EAGAIN:
		return errDry
	case err == unix.EINTR:
		return nil
	case err == unix.EINVAL || err == unix.ENOSYS || err == unix.EPERM:
		p.buffer = make([]byte, 64<<10)
		return nil
	}
	return fmt.Errorf("splice into %s: %w", p.out.Name(), err)
}

// copyOnce is the weaker way: what was read is in memory until it is written.
func (p *Pump) copyOnce(fd int) error {
	n, err := unix.Read(fd, p.buffer)
	switch {
	case err == unix.EAGAIN:
		return errDry
	case err == unix.EINTR:
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	for written := 0; written < n; {
		m, err := p.out.WriteAt(p.buffer[written:n], p.offset)
		written += m
		p.advance(int64(m))
		if err != nil {
			time.Sleep(pause)
		}
	}
	return nil
}

func (p *Pump) advance(n int64) {
	p.offset += n
	p.size.Store(p.offset)
	select {
	case p.Wake <- struct{}{}:
	default:
	}
}
