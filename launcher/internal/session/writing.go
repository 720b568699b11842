package session

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

const (
	partialPrefix = "."
	partialSuffix = ".batchai-part"
)

// partialOf names the file that collects the bytes of another until they are all there, in the same
// folder, so that renaming it moves nothing.
func partialOf(name string) string {
	return path.Join(path.Dir(name), partialPrefix+path.Base(name)+partialSuffix)
}

func isPartial(name string) bool {
	return strings.HasPrefix(path.Base(name), partialPrefix) && strings.HasSuffix(name, partialSuffix)
}

// partial tells how many bytes of a file have arrived in earlier conversations.
func (s *Session) partial(name string) (int64, error) {
	info, err := s.root.Stat(partialOf(name))
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// write takes bytes into the partial file. The second error is the volume's; the bytes are taken
// off the stream all the same, so that the conversation can go on.
func (s *Session) write(wish Request) (broken, failure error) {
	from := io.LimitReader(s.in, wish.Length)
	file, failure := s.openPartial(wish)
	var taken int64
	if failure == nil {
		buffer := make([]byte, pieceBytes)
		for taken < wish.Length && failure == nil {
			count, err := from.Read(buffer)
			taken += int64(count)
			if _, writing := file.Write(buffer[:count]); writing != nil {
				failure = writing
			}
			if err != nil && taken < wish.Length {
				broken = fmt.Errorf("%s: the client went away: %w", wish.Path, err)
				break
			}
		}
		// A container takes what was written when the file is closed, so closing can fail too.
		if err := file.Close(); failure == nil {
			failure = err
		}
	}
	if broken == nil {
		_, broken = io.Copy(io.Discard, from)
	}
	return broken, failure
}

func (s *Session) openPartial(wish Request) (*os.File, error) {
	if !s.writable {
		return nil, errReadOnly
	}
	if err := s.folder(path.Dir(wish.Path)); err != nil {
		return nil, err
	}
	flags := os.O_RDWR | os.O_CREATE
	if wish.Offset == 0 {
		flags |= os.O_TRUNC
	}
	file, err := s.root.OpenFile(partialOf(wish.Path), flags, 0o666)
	if err != nil {
		return nil, err
	}
	if wish.Offset > 0 {
		if _, err := file.Seek(wish.Offset, io.SeekStart); err != nil {
			_ = file.Close()
			return nil, err
		}
	}
	return file, nil
}

// commit reads back what arrived, compares it with what was sent, and gives it its name.
func (s *Session) commit(wish Request) (int64, string, error) {
	if !s.writable {
		return 0, "", errReadOnly
	}
	partial := partialOf(wish.Path)
	size, sum, err := s.hash(partial, -1)
	if err != nil {
		return size, sum, err
	}
	if size != wish.Length || sum != wish.MD5 {
		_ = s.root.Remove(partial)
		return size, sum, fmt.Errorf("%w: %d bytes with MD5 %s, not %d with %s", errMismatch, size, sum, wish.Length, wish.MD5)
	}
	if wish.Modified > 0 {
		// A container keeps no such time; then the content is compared where the time would do.
		_ = s.root.Chtimes(partial, time.Time{}, time.Unix(0, wish.Modified))
	}
	return size, sum, s.root.Rename(partial, wish.Path)
}

// folder makes a folder, and those above it.
func (s *Session) folder(name string) error {
	if !s.writable {
		return errReadOnly
	}
	if name == "." {
		return nil
	}
	return s.root.MkdirAll(name, 0o777)
}
