// Package session answers requests about the files of one folder over a pair of streams.
//
// `transfer serve` (a transfer Pod, for `batchai storage`) and `files session` (a job's sidecar or
// reader, for `batchai job file download`) call it. A request is a line of JSON, for `write`
// followed by so many bytes; the answer is lines of JSON, for `read` followed by so many bytes. It
// keeps nothing between requests, so whoever lost a connection opens another and goes on. It never
// leaves the folder, which os.Root sees to.
package session

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const pieceBytes = 256 << 10

var (
	errReadOnly = errors.New("this folder can only be read")
	errMismatch = errors.New("what arrived is not what was sent")
	errKey      = errors.New("a key is 64 small hexadecimal digits at most")
)

// final are errors that do not pass by themselves; after all others it is worth trying again.
var final = []unix.Errno{
	unix.EACCES, unix.EPERM, unix.EROFS, unix.ENOSPC, unix.EDQUOT, unix.ENAMETOOLONG, unix.EISDIR, unix.EEXIST, unix.EINVAL,
}

// Request is one wish of the client.
type Request struct {
	Do       string `json:"do"` // tree, list, hash, read, partial, write, commit, folder
	Path     string `json:"path"`
	Key      string `json:"key"` // of the source, for partial, write, commit
	Offset   int64  `json:"offset"`
	Length   int64  `json:"length"`
	MD5      string `json:"md5"`
	Modified int64  `json:"modified"` // nanoseconds since 1970; 0 for now
	Packed   bool   `json:"packed"`   // read: in frames, compressed where that pays
}

// Answer ends what is said to a request, or tells on the way that it is being worked on.
type Answer struct {
	OK      bool   `json:"ok"`
	Working bool   `json:"working,omitempty"`
	Size    int64  `json:"size"`
	Packed  bool   `json:"packed,omitempty"` // The bytes come in frames.
	MD5     string `json:"md5,omitempty"`
	Error   string `json:"error,omitempty"`
	Kind    string `json:"kind,omitempty"` // notFound, escapes, mismatch, readOnly, forbidden, refused, failed
}

// Session is one conversation.
type Session struct {
	root     *os.Root
	writable bool
	in       *bufio.Reader
	out      *bufio.Writer
}

// Serve answers until the client has no more requests; it returns an error when the streams broke.
func Serve(root *os.Root, writable bool, in io.Reader, out io.Writer) error {
	s := &Session{root, writable, bufio.NewReaderSize(in, pieceBytes), bufio.NewWriterSize(out, pieceBytes)}
	for {
		line, err := s.in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		var wish Request
		if err := json.Unmarshal(line, &wish); err != nil {
			return fmt.Errorf("not a request: %w", err)
		}
		if err := s.answer(wish); err != nil {
			return err
		}
	}
}

// answer carries a request out; it returns an error when the conversation cannot go on.
func (s *Session) answer(wish Request) error {
	wish.Path = strings.TrimPrefix(wish.Path, "./")
	if wish.Path == "" {
		wish.Path = "."
	}
	var answer Answer
	var err error
	switch wish.Do {
	case "tree", "list":
		err = s.list(wish.Path, wish.Do == "tree")
	case "hash":
		answer.Size, answer.MD5, err = s.hash(wish.Path, wish.Length)
	case "read":
		return s.read(wish)
	case "write":
		broken, failure := s.write(wish)
		if broken != nil {
			return broken
		}
		err = s.explained(failure)
	case "partial":
		answer.Size, err = s.partial(wish)
	case "commit":
		answer.Size, answer.MD5, err = s.commit(wish)
		err = s.explained(err)
	case "folder":
		err = s.explained(s.folder(wish.Path))
	default:
		err = fmt.Errorf("%q is no request", wish.Do)
	}
	return s.end(answer, err)
}

func (s *Session) end(answer Answer, err error) error {
	answer.OK = err == nil
	if err != nil {
		answer.Error, answer.Kind = err.Error(), kind(err)
	}
	return s.say(answer)
}

func (s *Session) say(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := s.out.Write(append(text, '\n')); err != nil {
		return err
	}
	return s.out.Flush()
}

func kind(err error) string {
	switch {
	case errors.Is(err, errReadOnly):
		return "readOnly"
	case errors.Is(err, errNoWriting), errors.Is(err, errNoRemoving):
		return "forbidden"
	case errors.Is(err, errMismatch):
		return "mismatch"
	case strings.Contains(err.Error(), "path escapes from parent"):
		return "escapes"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, fs.ErrInvalid):
		return "notFound"
	case slices.ContainsFunc(final, func(code unix.Errno) bool { return errors.Is(err, code) }):
		return "refused"
	}
	return "failed"
}
