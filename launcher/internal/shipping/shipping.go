// Package shipping copies spool files to the volume that keeps the job's logs.
//
// The sidecar runs one Shipment per file, because each may hang by itself. It must not touch FIFOs.
//
// The mark NAME.shipped holds two numbers: where the stream begins in the file on the volume (not 0
// when an earlier attempt of the job wrote there) and how many of its bytes are safe: fsynced on a
// share, closed on blob. All writes are at explicit offsets, so whatever is written again after an
// error or a restart lands where it belongs, and nothing is dropped while the spool has it.
package shipping

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/spool"
	"batchai.dev/launcher/internal/timing"
)

const (
	poll       = 100 * time.Millisecond
	pieces     = 256 << 10
	punchStep  = 1 << 20
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
	// blobLongest is the longest time between two uploads of a file that is still growing.
	blobLongest = 10 * time.Minute
	// blobStep adds one base interval per so many bytes: each upload sends the whole file.
	blobStep = 64 << 20
	blobBase = 30 * time.Second
)

// Shipment is the way of one file.
type Shipment struct {
	Stream spool.Stream
	Folder string
	Kind   string
	Limit  int64 // Of bytes not shipped, beyond which the program has to wait.
	Times  timing.Timing
	Say    func(format string, arguments ...any)
	// Blame is told the volume's last error, and "" when it works again.
	Blame func(reason string)
	// Hurry is closed when the job has ended: upload now, more is not worth waiting for.
	Hurry <-chan struct{}
	// Last is closed when the spool file does not grow any more.
	Last <-chan struct{}

	source    *os.File
	target    *os.File
	buffer    []byte
	begin     int64 // Where the stream begins in the target.
	written   int64
	confirmed atomic.Int64
	punched   int64
	synced    time.Time
	interval  time.Duration
	failing   string
	shown     bool // The file was closed once, which makes it visible on blob.
}

// Run ships until the spool file is final and all of it is safe. It ends only then.
func (s *Shipment) Run() {
	s.buffer = make([]byte, pieces)
	s.synced = time.Now()
	s.interval = s.Times.Blob
	for retry := firstRetry; ; {
		last := closed(s.Last)
		complete, err := s.step(last)
		switch {
		case err != nil:
			s.complain(err)
			s.drop()
			time.Sleep(retry)
			retry = min(2*retry, lastRetry)
			continue
		case complete:
			s.recovered()
			return
		}
		if s.failing != "" {
			s.recovered()
		}
		retry = firstRetry
		s.rest()
	}
}

// Confirmed is the number of bytes that are safe.
func (s *Shipment) Confirmed() int64 { return s.confirmed.Load() }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *Shipment) rest() {
	select {
	case <-s.Last:
	case <-time.After(poll):
	}
}

// step does what is due; complete means that nothing is left to do, ever.
func (s *Shipment) step(last bool) (complete bool, err error) {
	if err := s.open(); err != nil {
		return false, err
	}
	info, err := s.source.Stat()
	if err != nil {
		return false, err
	}
	size := info.Size()
	if s.Kind == plan.KindBlob {
		err = s.upload(size, last)
	} else {
		err = s.append(size, last)
	}
	if err != nil {
		return false, err
	}
	s.punch()
	return last && s.confirmed.Load() == size, nil
}

// open makes the file exist, even when it stays empty, and settles where the stream begins in it.
func (s *Shipment) open() error {
	if s.source == nil {
		source, err := os.OpenFile(s.Stream.Data(), os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return err
		}
		s.source = source
		begin, confirmed, given := s.Stream.Shipped().Load()
		if given {
			s.begin, s.punched = begin, confirmed&^(punchStep-1)
			s.written = confirmed
			s.confirmed.Store(confirmed)
		} else {
			s.begin = -1
		}
	}
	if s.target != nil || s.shown {
		return nil
	}
	return s.openTarget()
}

func (s *Shipment) openTarget() error {
	path := filepath.Join(s.Folder, s.Stream.Name())
	target, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if errors.Is(err, os.ErrNotExist) {
		// Not before: on a volume that fails, making the folders finds that they exist.
		if err := os.MkdirAll(s.Folder, 0o777); err != nil {
			return err
		}
		target, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	}
	if err != nil {
		return err
	}
	info, err := target.Stat()
	if err != nil {
		_ = target.Close()
		return err
	}
	if s.begin < 0 {
		s.begin = info.Size()
		if err := s.Stream.Shipped().Store(s.begin, 0); err != nil {
			s.begin = -1
			_ = target.Close()
			return err
		}
	}
	s.target = target
	return nil
}

// append brings a file share up to date, and makes it safe from time to time.
func (s *Shipment) append(size int64, last bool) error {
	if err := s.copyTo(size); err != nil {
		return err
	}
	if s.written == s.confirmed.Load() && !last {
		return nil
	}
	if last || closed(s.Hurry) || time.Since(s.synced) >= s.Times.Sync || s.written-s.confirmed.Load() >= s.Limit/4 {
		if err := s.target.Sync(); err != nil {
			return err
		}
		return s.confirm()
	}
	return nil
}

// upload writes to a blob container, where a file is sent, whole, when it is closed.
func (s *Shipment) upload(size int64, last bool) error {
	waiting := size - s.confirmed.Load()
	urgent := last || closed(s.Hurry) || waiting >= s.Limit/4
	if s.target == nil && waiting == 0 {
		return nil
	}
	if !urgent && s.shown && time.Since(s.synced) < s.interval {
		return nil
	}
	if s.target == nil {
		if err := s.openTarget(); err != nil {
			return err
		}
	}
	if err := s.copyTo(size); err != nil {
		return err
	}
	target := s.target
	s.target = nil
	if err := target.Close(); err != nil {
		return err
	}
	s.shown = true
	if s.written > 0 {
		s.interval = min(2*s.interval, blobLongest, blobBase*time.Duration(1+size/blobStep))
	}
	return s.confirm()
}

func (s *Shipment) copyTo(size int64) error {
	for s.written < size {
		n, err := s.source.ReadAt(s.buffer[:min(int64(len(s.buffer)), size-s.written)], s.written)
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("the spool file %s became shorter", s.source.Name())
			}
			return err
		}
		m, err := s.target.WriteAt(s.buffer[:n], s.begin+s.written)
		s.written += int64(m)
		if err != nil {
			return err
		}
		if time.Since(s.synced) >= s.Times.Sync && s.Kind != plan.KindBlob {
			if err := s.target.Sync(); err != nil {
				return err
			}
			if err := s.confirm(); err != nil {
				return err
			}
			s.punch()
		}
	}
	return nil
}

// confirm notes that everything written is safe.
func (s *Shipment) confirm() error {
	s.synced = time.Now()
	if s.written == s.confirmed.Load() {
		return nil
	}
	if err := s.Stream.Shipped().Store(s.begin, s.written); err != nil {
		return err
	}
	s.confirmed.Store(s.written)
	return nil
}

// punch gives back the disk space of what is shipped and echoed.
func (s *Shipment) punch() {
	to := s.Stream.Released() &^ (punchStep - 1)
	if to <= s.punched {
		return
	}
	if err := spool.Punch(s.source, s.punched, to); err == nil {
		s.punched = to
	}
}

// drop forgets the file on the volume after an error: what is not confirmed is written again.
func (s *Shipment) drop() {
	if s.target != nil {
		target := s.target
		s.target = nil
		_ = target.Close()
	}
	s.written = s.confirmed.Load()
}

func (s *Shipment) complain(err error) {
	if text := err.Error(); text != s.failing {
		s.failing = text
		s.Blame(text)
		s.Say("Writing %s fails and is tried again: %s", s.Stream.Name(), text)
	}
}

func (s *Shipment) recovered() {
	if s.failing != "" {
		s.failing = ""
		s.Blame("")
		s.Say("Writing %s works again", s.Stream.Name())
	}
}
