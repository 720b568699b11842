package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"time"
)

const (
	partialPrefix = "."
	partialSuffix = ".batchai-part"
	longestName   = 255
	// From this size on it is worth a look whether others have left bytes of a file, after a day for good.
	sweptBytes = 1 << 20
	sweptAfter = 24 * time.Hour
)

var validKey = regexp.MustCompile(`^[0-9a-f]{0,64}$`)

// partialOf names the file that collects the bytes of another until they are all there, in the same
// folder, so that renaming it moves nothing. The key tells of which source they are: who sends another
// file under the same name at the same time has a partial file of his own.
func partialOf(wish Request) (string, error) {
	if !validKey.MatchString(wish.Key) {
		return "", errKey
	}
	return path.Join(path.Dir(wish.Path), partialBase(path.Base(wish.Path))+keyPart(wish.Key)+partialSuffix), nil
}

func keyPart(key string) string {
	if key == "" {
		return ""
	}
	return "." + key
}

// partialBase is how all partial files of a name begin; those of the longest names are summed up.
func partialBase(base string) string {
	if len(partialPrefix+base+keyPart(strings.Repeat("0", 64))+partialSuffix) > longestName {
		sum := sha256.Sum256([]byte(base))
		base = hex.EncodeToString(sum[:])
	}
	return partialPrefix + base
}

func isPartial(name string) bool {
	return strings.HasPrefix(path.Base(name), partialPrefix) && strings.HasSuffix(name, partialSuffix)
}

// partial tells how many bytes of a file have arrived in earlier conversations.
func (s *Session) partial(wish Request) (int64, error) {
	partial, err := partialOf(wish)
	if err != nil {
		return 0, err
	}
	info, err := s.root.Stat(partial)
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
	partial, err := partialOf(wish)
	if err != nil {
		return nil, err
	}
	flags := os.O_RDWR | os.O_CREATE
	if wish.Offset == 0 && wish.Key == "" {
		// With a key, what is there is of the same source; another command may be writing it.
		flags |= os.O_TRUNC
	}
	file, err := s.root.OpenFile(partial, flags, 0o666)
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
	partial, err := partialOf(wish)
	if err != nil {
		return 0, "", err
	}
	size, sum, err := s.hash(partial, -1)
	if errors.Is(err, fs.ErrNotExist) {
		// Another command with the same source may have been first.
		if size, sum, err := s.hash(wish.Path, -1); err == nil && size == wish.Length && sum == wish.MD5 {
			return size, sum, nil
		}
		return 0, "", fmt.Errorf("%w: it is not there any more", errMismatch)
	}
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
	if err := s.root.Rename(partial, wish.Path); err != nil {
		return size, sum, err
	}
	if size >= sweptBytes {
		s.sweep(wish.Path)
	}
	return size, sum, nil
}

// sweep removes partial files of a name that nobody goes on with: their sources have changed.
func (s *Session) sweep(name string) {
	folder := path.Dir(name)
	names, err := s.names(folder)
	if err != nil {
		return
	}
	for _, left := range names {
		key, is := strings.CutPrefix(strings.TrimSuffix(left, partialSuffix), partialBase(path.Base(name)))
		if !is || !isPartial(left) || !validKey.MatchString(strings.TrimPrefix(key, ".")) {
			continue
		}
		info, err := s.root.Lstat(path.Join(folder, left))
		if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > sweptAfter {
			_ = s.root.Remove(path.Join(folder, left))
		}
	}
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
