package session

import (
	"crypto/md5" //nolint:gosec // The storage services' own check of content, not a signature.
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/naming"
	"batchai.dev/launcher/internal/packing"
)

// Entry is a file or folder in a listing.
type Entry struct {
	Name      string `json:"name"`
	Raw       string `json:"raw,omitempty"` // See naming.Spell.
	Directory bool   `json:"directory"`
	Size      int64  `json:"size"`
	Modified  int64  `json:"modified"`
}

// workingEvery is how often a request that takes long says that it is alive.
var workingEvery = 5 * time.Second

// list tells what lies in a folder, or everything below it; of a file, that file as ".". What has gone
// meanwhile, leads out, or is not whole yet is not told.
func (s *Session) list(folder string, tree bool) error {
	info, err := s.root.Stat(folder)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return s.tell(".", folder)
	}
	if !tree {
		names, err := s.names(folder)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := s.tell(name, path.Join(folder, name)); err != nil {
				return err
			}
		}
		return nil
	}
	return s.walk(folder, "", []fs.FileInfo{info})
}

// walk tells everything below a folder. Links are followed where they stay inside, as those of files
// are; one to a folder that it lies in has no end and is left out.
func (s *Session) walk(folder, shown string, above []fs.FileInfo) error {
	names, err := s.names(folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		inside, told := path.Join(folder, name), path.Join(shown, name)
		info, err := s.root.Stat(inside)
		isFolder := err == nil && info.IsDir()
		if isFolder && slices.ContainsFunc(above, func(one fs.FileInfo) bool { return os.SameFile(one, info) }) {
			continue
		}
		if err := s.tell(told, inside); err != nil {
			return err
		}
		if !isFolder {
			continue
		}
		if err := s.walk(inside, told, append(slices.Clip(above), info)); err != nil && kind(err) != "notFound" {
			return err
		}
	}
	return nil
}

func (s *Session) names(folder string) ([]string, error) {
	opened, err := s.root.OpenFile(folder, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	names, err := opened.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func (s *Session) tell(shown, name string) error {
	info, err := s.root.Stat(name)
	if err != nil || isPartial(name) || (!info.IsDir() && !info.Mode().IsRegular()) {
		return nil //nolint:nilerr // A listing is a snapshot; a file may vanish during it.
	}
	entry := Entry{Directory: info.IsDir(), Modified: info.ModTime().UnixNano()}
	entry.Name, entry.Raw = naming.Spell(shown)
	if !entry.Directory {
		entry.Size = info.Size()
	}
	return s.say(entry)
}

// open opens a regular file; a FIFO or device in the folder must not make us wait.
func (s *Session) open(name string) (*os.File, int64, error) {
	file, err := s.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", fs.ErrNotExist, name)
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// hash sums up the first bytes of a file, all of them when length is negative.
func (s *Session) hash(name string, length int64) (int64, string, error) {
	file, _, err := s.open(name)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	sum, said := md5.New(), time.Now() //nolint:gosec // See above.
	buffer := make([]byte, pieceBytes)
	var from io.Reader = file
	if length >= 0 {
		from = io.LimitReader(file, length)
	}
	var size int64
	for {
		count, err := from.Read(buffer)
		_, _ = sum.Write(buffer[:count])
		size += int64(count)
		if err == io.EOF {
			return size, hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return size, "", err
		}
		if time.Since(said) > workingEvery {
			said = time.Now()
			if err := s.say(Answer{Working: true, Size: size}); err != nil {
				return size, "", err
			}
		}
	}
}

// read says how many bytes come, and sends them; a file that became shorter ends the conversation.
func (s *Session) read(wish Request) error {
	file, size, err := s.open(wish.Path)
	if err != nil {
		return s.end(Answer{}, err)
	}
	defer file.Close()
	count := max(min(wish.Length, size-wish.Offset), 0)
	if err := s.say(Answer{OK: true, Size: count, Packed: wish.Packed}); err != nil {
		return err
	}
	if wish.Packed {
		if err := s.send(file, wish.Offset, count); err != nil {
			return fmt.Errorf("%s: %w", wish.Path, err)
		}
		return s.out.Flush()
	}
	from := io.NewSectionReader(file, wish.Offset, count)
	sent, err := io.CopyBuffer(struct{ io.Writer }{s.out}, struct{ io.Reader }{from}, make([]byte, pieceBytes))
	if err == nil && sent != count {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%s: %w", wish.Path, err)
	}
	return s.out.Flush()
}

// send writes so many bytes of a file in frames, whose offsets are those of the file.
func (s *Session) send(file io.ReaderAt, offset, count int64) error {
	packer := new(packing.Packer)
	buffer := make([]byte, packing.HeaderBytes+pieceBytes)
	for end := offset + count; offset < end; {
		piece := buffer[packing.HeaderBytes:][:min(pieceBytes, end-offset)]
		if n, err := file.ReadAt(piece, offset); n < len(piece) {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if _, err := s.out.Write(packer.Frame(offset, buffer[:packing.HeaderBytes+len(piece)])); err != nil {
			return err
		}
		offset += int64(len(piece))
	}
	return nil
}
