package files

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/plan"
)

// Exit codes of the `files` subcommand.
const (
	codeFailed   = 1
	codeUsage    = 2
	codeNotFound = 3
	codeEscapes  = 4
)

const usage = `usage: launcher files list|read|follow|tree|session --id ID [--path PATH] [--offset N]
  list: [--limit N [--after TOKEN]]   read: [--length N]   follow: [--framed [--packed] [--seen SUM]]`

// Command runs `files WORD ...` and returns its exit code.
func Command(arguments []string, where layout.Layout, p *plan.Plan, out, problems io.Writer) int {
	if len(arguments) == 0 || !slices.Contains([]string{"list", "read", "follow", "tree", "session"}, arguments[0]) {
		_, _ = fmt.Fprintln(problems, usage)
		return codeUsage
	}
	word := arguments[0]
	flags := flag.NewFlagSet("files "+word, flag.ContinueOnError)
	flags.SetOutput(problems)
	id := flags.String("id", "", "stdouterr or the id of an output directory")
	name := flags.String("path", "", "path below the folder of the id")
	offset := flags.Int64("offset", 0, "first byte")
	length := flags.Int64("length", -1, "number of bytes; -1 for all")
	limit := flags.Int("limit", 0, "list so many entries at most and say where to go on; 0 for all")
	after := flags.String("after", "", "go on with a listing, by the token that its last page ended with")
	framed := flags.Bool("framed", false, "put the offset and length of each piece before it")
	packed := flags.Bool("packed", false, "compress pieces that shrink; their headers have a third number")
	seen := flags.String("seen", "", "sum of what was shown before --offset; another file is shown anew")
	if err := flags.Parse(arguments[1:]); err != nil {
		return codeUsage
	}
	reads := word == "read" || word == "follow"
	cursor, err := base64.RawURLEncoding.DecodeString(*after)
	if err != nil || *id == "" || flags.NArg() > 0 || *offset < 0 || *limit < 0 || (reads && *name == "") {
		_, _ = fmt.Fprintln(problems, usage)
		return codeUsage
	}
	// An ending sidecar waits a little for those who hold this lock. Without it reading works too.
	if lock, err := layout.Lock(where.ReadersLock(), true, false); err == nil {
		defer lock.Close()
	}
	folder, err := Open(p, *id)
	if err == nil {
		switch word {
		case "list":
			err = folder.List(out, *name, string(cursor), *limit)
		case "tree":
			err = folder.Tree(out)
		case "read":
			err = folder.Read(out, *name, *offset, *length)
		case "session":
			err = folder.Serve(os.Stdin, out)
		case "follow":
			shown := Shown{Offset: *offset, Sum: *seen}
			err = folder.Follow(out, *name, shown, Form{Framed: *framed, Packed: *packed}, func() bool { return Final(where) || abandoned(out) })
		}
	}
	return exitCode(err, problems)
}

// abandoned tells whether nobody reads our output any more: an exec whose client went away is not
// ended by Kubernetes, and one that waits for more of a file would not notice.
func abandoned(out io.Writer) bool {
	file, isFile := out.(*os.File)
	if !isFile {
		return false
	}
	polled := []unix.PollFd{{Fd: int32(file.Fd())}}
	n, err := unix.Poll(polled, 0)
	return err == nil && n > 0 && polled[0].Revents&unix.POLLERR != 0
}

// Final tells whether the node's logs will not change: the sidecar said so, or there is none.
func Final(where layout.Layout) bool {
	return layout.Exists(where.Final()) || !layout.Held(where.SidecarLock())
}

func exitCode(err error, problems io.Writer) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(problems, "batchai: %v\n", err)
	switch {
	case errors.Is(err, ErrEscapes):
		return codeEscapes
	case errors.Is(err, ErrNotFound):
		return codeNotFound
	}
	return codeFailed
}
