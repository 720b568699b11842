// Package journal writes the execution log (spec 4.7): a time, a space, one line of text.
//
// Sidecar and launcher both write it, each line with one write(2), so that lines never mix.
package journal

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Journal appends to the node's execution log in the spool.
type Journal struct{ file *os.File }

// Open makes the log if need be.
func Open(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open the execution log: %w", err)
	}
	return &Journal{file: file}, nil
}

// Say adds one line. A failure to write is not worth more than the job itself and is ignored.
func (j *Journal) Say(format string, arguments ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, arguments...), "\n", " ")
	_, _ = j.file.WriteString(time.Now().UTC().Format("2006-01-02T15:04:05Z ") + text + "\n")
}
