// Package spool carries the output of programs from FIFOs to files on the Pod's own disk.
//
// Launcher and sidecar use it, never both at once for moving: the launcher while it lives, the
// sidecar after. It must not touch the share: a share may hang, and programs must not notice.
//
// Per stream there are four files: NAME.fifo (the program's standard output is its write end),
// NAME.data (the spool file: everything that came out, whose shipped beginning is a hole),
// NAME.echoed (how far it was repeated for `kubectl logs`) and NAME.shipped (see package shipping).
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pipeSize lets a program run ahead of the launcher by as much as Linux allows to everybody.
const pipeSize = PipeSize

// PipeSize is what a FIFO may hold, in bytes.
const PipeSize = 1 << 20

// Limit is what one node's spool may hold, in bytes, before its programs have to wait.
const Limit = 512 << 20

// Stream is one output of one program.
type Stream struct{ base string }

// At names the stream in a spool folder.
func At(folder, name string) Stream { return Stream{base: filepath.Join(folder, name)} }

// Data is the path of the spool file.
func (s Stream) Data() string { return s.base + ".data" }

// Name is the stream's file name on the share.
func (s Stream) Name() string { return filepath.Base(s.base) }

func (s Stream) fifo() string { return s.base + ".fifo" }

// Echoed is the mark that says how far the stream was repeated on the launcher's own output.
func (s Stream) Echoed() Mark { return Mark{path: s.base + ".echoed"} }

// Shipped is the mark of package shipping: where the stream begins on the share, how far it is safe.
func (s Stream) Shipped() Mark { return Mark{path: s.base + ".shipped"} }

// Make creates the folder and the FIFOs. It may be called any number of times.
//
// Modes are wide because the job may run as another user than the sidecar; the folder is the Pod's own.
func Make(folder string, names []string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for _, name := range names {
		stream := At(folder, name)
		if err := unix.Mkfifo(stream.fifo(), 0o666); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("make FIFO %s: %w", stream.fifo(), err)
		}
		for _, path := range []string{stream.Data(), stream.Echoed().path} {
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
			if err != nil {
				return err
			}
			_ = file.Close()
		}
	}
	return nil
}

// Backlog is what all streams together still have to ship.
func Backlog(folder string, names []string) int64 {
	var sum int64
	for _, name := range names {
		stream := At(folder, name)
		sum += stream.Size() - stream.Confirmed()
	}
	return sum
}

// Safe is how many bytes of all streams together are safe on the volume.
func Safe(folder string, names []string) int64 {
	var sum int64
	for _, name := range names {
		sum += At(folder, name).Confirmed()
	}
	return sum
}

// OpenRead opens the FIFO's read end without waiting for a writer.
func (s Stream) OpenRead() (int, error) {
	fd, err := unix.Open(s.fifo(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", s.fifo(), err)
	}
	// Best effort: a user without privileges may have used up its share of pipe memory.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize)
	return fd, nil
}

// Waiting is how many bytes are in the FIFO behind an open end of it.
func Waiting(fifo int) int64 {
	count, err := unix.IoctlGetInt(fifo, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return int64(count)
}

// OpenWrite opens the write end for a program. Some read end must be open already.
//
// The file stays in blocking mode, because the program inherits that mode.
func (s Stream) OpenWrite() (*os.File, error) {
	fd, err := unix.Open(s.fifo(), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.fifo(), err)
	}
	return os.NewFile(uintptr(fd), s.fifo()), nil
}

// Size is the number of bytes that the spool file has received so far.
func (s Stream) Size() int64 {
	info, err := os.Stat(s.Data())
	if err != nil {
		return 0
	}
	return info.Size()
}

// Confirmed is the number of leading bytes that are safe on the volume.
func (s Stream) Confirmed() int64 {
	_, confirmed, _ := s.Shipped().Load()
	return confirmed
}

// Released is the number of leading bytes that nobody needs any more on this disk.
func (s Stream) Released() int64 {
	_, echoed, _ := s.Echoed().Load()
	return min(s.Confirmed(), echoed)
}

// Punch gives the disk space of [from, to) back. The file keeps its size and its offsets.
func Punch(file *os.File, from, to int64) error {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	if err := unix.Fallocate(int(file.Fd()), mode, from, to-from); err != nil {
		return fmt.Errorf("punch a hole into %s: %w", file.Name(), err)
	}
	return nil
}

// Mark is a pair of numbers in a file, which one process writes and others read.
//
// It is written by one pwrite of 16 bytes, so a reader sees the old or the new pair and a killed
// writer leaves one of them.
type Mark struct{ path string }

// Load returns the pair; given is false while nobody has stored one.
func (m Mark) Load() (first, second int64, given bool) {
	file, err := os.Open(m.path)
	if err != nil {
		return 0, 0, false
	}
	defer file.Close()
	var pair [16]byte
	if _, err := file.ReadAt(pair[:], 0); err != nil {
		return 0, 0, false
	}
	return int64(binary.LittleEndian.Uint64(pair[:8])), int64(binary.LittleEndian.Uint64(pair[8:])), true
}

// Store replaces the pair.
func (m Mark) Store(first, second int64) error {
	file, err := os.OpenFile(m.path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	var pair [16]byte
	binary.LittleEndian.PutUint64(pair[:8], uint64(first))
	binary.LittleEndian.PutUint64(pair[8:], uint64(second))
	_, err = file.WriteAt(pair[:], 0)
	return errors.Join(err, file.Close())
}
