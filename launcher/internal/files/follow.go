package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"batchai.dev/launcher/internal/packing"
)

const (
	followPoll = 200 * time.Millisecond
	// sampleBytes is how much of its beginning and of its last bytes a file is known again by.
	sampleBytes = 4 << 10
	pieceBytes  = 256 << 10
	headerBytes = packing.HeaderBytes
)

// Shown is how much of a file its reader has, and by what the file is known again.
type Shown struct {
	Offset int64
	Sum    string // Empty: whatever file there is, is the right one.
}

// Form is how a file is written to its reader.
type Form struct {
	Framed bool // Each piece has a header.
	Packed bool // And is compressed where that pays.
}

// Follow writes what the file has and what it gets, until final says that nothing will be added.
//
// It waits for a file that is not there yet. A file that became shorter, or that does not begin with
// what was shown, was written anew and is shown from its beginning; inode numbers would not tell,
// because they are not the same on another node's mount, nor for one blob over time. Framed, each
// piece has a line "OFFSET LENGTH" before it, so that the reader knows, and a file that has nothing
// to show yet is told of by a piece of nothing; packed, a piece that shrinks has "OFFSET LENGTH
// PACKED" before so many bytes of deflate. Each look opens the file
// again, because a file on a blob container shows its new content only to those who open it.
func (f *Folder) Follow(out io.Writer, name string, shown Shown, form Form, final func() bool) error {
	follower := follower{out: out, framed: form.Framed, offset: shown.Offset, sum: shown.Sum}
	if form.Packed {
		follower.packer = new(packing.Packer)
	}
	for {
		last := final() // Asked before looking, so that nothing written before it is missed.
		err := follower.look(f, name)
		if err != nil && (!errors.Is(err, ErrNotFound) || last) {
			return err
		}
		if last {
			return nil
		}
		time.Sleep(followPoll)
	}
}

// follower is one reader's place in a file.
type follower struct {
	out        io.Writer
	framed     bool
	packer     *packing.Packer // Nil: nothing is packed.
	offset     int64
	sum        string // Until the first look: of what the reader was shown by somebody else.
	known      bool   // Whether head and tail are what was shown.
	told       bool   // Whether there was a frame of this file.
	head, tail []byte // The first and the last bytes that were shown.
	before     os.FileInfo
}

func (f *follower) look(folder *Folder, name string) error {
	file, err := folder.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if f.before != nil && os.SameFile(f.before, info) && f.before.ModTime().Equal(info.ModTime()) && info.Size() == f.offset {
		return nil
	}
	same, err := f.recognise(file, info.Size())
	if err != nil {
		return err
	}
	if !same {
		f.offset, f.head, f.tail, f.told = 0, nil, nil, false
	}
	f.known = true
	if err := f.pass(file); err != nil {
		return err
	}
	if f.framed && !f.told {
		if _, err := fmt.Fprintf(f.out, "%d 0\n", f.offset); err != nil {
			return err
		}
		f.told = true
	}
	f.before = info
	return nil
}

// recognise tells whether a file begins with what was shown, as far as samples can tell.
func (f *follower) recognise(file io.ReaderAt, size int64) (bool, error) {
	if size < f.offset {
		return false, nil
	}
	length := min(f.offset, sampleBytes)
	head, errHead := sampleAt(file, 0, length)
	tail, errTail := sampleAt(file, f.offset-length, length)
	if err := errors.Join(errHead, errTail); errors.Is(err, io.EOF) {
		return false, nil // It became shorter meanwhile.
	} else if err != nil {
		return false, err
	}
	if f.known {
		return bytes.Equal(head, f.head) && bytes.Equal(tail, f.tail), nil
	}
	f.head, f.tail = head, tail
	return f.sum == "" || f.sum == sampleSum(head, tail), nil
}

func sampleAt(file io.ReaderAt, at, length int64) ([]byte, error) {
	sample := make([]byte, length)
	n, err := file.ReadAt(sample, at)
	if int64(n) == length {
		return sample, nil
	}
	return nil, err
}

// pass writes what the file has after the offset.
func (f *follower) pass(file io.ReaderAt) error {
	buffer := make([]byte, headerBytes+pieceBytes)
	for {
		n, err := file.ReadAt(buffer[headerBytes:], f.offset)
		if n > 0 {
			sent := buffer[headerBytes : headerBytes+n]
			if f.framed {
				sent = f.packer.Frame(f.offset, buffer[:headerBytes+n])
			}
			if _, err := f.out.Write(sent); err != nil {
				return err
			}
			f.told = true
			f.note(buffer[headerBytes : headerBytes+n])
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// note remembers the samples of what was shown.
func (f *follower) note(piece []byte) {
	f.head = append(f.head, piece[:min(len(piece), sampleBytes-len(f.head))]...)
	f.tail = append(f.tail, piece[max(0, len(piece)-sampleBytes):]...)
	f.tail = bytes.Clone(f.tail[max(0, len(f.tail)-sampleBytes):])
	f.offset += int64(len(piece))
}

func sampleSum(head, tail []byte) string {
	sum := sha256.New()
	sum.Write(head)
	sum.Write(tail)
	return hex.EncodeToString(sum.Sum(nil))
}
