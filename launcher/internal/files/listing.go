package files

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/naming"
	"batchai.dev/launcher/internal/record"
)

// Entry is one file or folder, as the service's listing shows it (spec 2.12).
type Entry struct {
	Name          string `json:"name"`
	Raw           string `json:"raw,omitempty"` // See naming.Spell.
	FileType      string `json:"fileType"`      // "file" or "directory"
	ContentLength *int64 `json:"contentLength,omitempty"`
	LastModified  string `json:"lastModified,omitempty"`
}

// More ends a page after which there is another. The token is opaque, because a name need not be text.
type More struct {
	Token string `json:"more"`
}

// namesAtATime bounds what is read of a folder at once.
const namesAtATime = 1024

// List writes one JSON object per line for each entry of a folder, sorted by name.
//
// With a limit, it writes so many at most, after the name `after`, and then a More when there are
// others. It then keeps no more names in memory than twice the limit, however many the folder has.
func (f *Folder) List(out io.Writer, directory, after string, limit int) error {
	if directory == "" {
		directory = "."
	}
	opened, err := f.root.OpenFile(directory, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return translate(err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a folder", ErrNotFound, directory)
	}
	names, more, err := firstNames(opened, after, limit)
	if err != nil {
		return err
	}
	encoder := newEncoder(out)
	for _, name := range names {
		if err := f.show(encoder, name, path.Join(directory, name)); err != nil {
			return err
		}
	}
	if more {
		return encoder.Encode(More{base64.RawURLEncoding.EncodeToString([]byte(names[len(names)-1]))})
	}
	return nil
}

// Tree writes all entries below the id's folder, with names relative to it.
func (f *Folder) Tree(out io.Writer) error {
	encoder := newEncoder(out)
	return translate(fs.WalkDir(f.root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		return f.show(encoder, name, name)
	}))
}

// firstNames returns the first names of a folder after one, in order, and whether there are more.
func firstNames(folder *os.File, after string, limit int) ([]string, bool, error) {
	var names []string
	more := false
	for {
		some, err := folder.Readdirnames(namesAtATime)
		for _, name := range some {
			if after == "" || name > after {
				names = append(names, name)
			}
		}
		ends := err == io.EOF //nolint:errorlint // Readdirnames says it bare.
		if err != nil && !ends {
			return nil, false, err
		}
		if ends || (limit > 0 && len(names) >= 2*limit) {
			slices.Sort(names)
			if limit > 0 && len(names) > limit {
				names, more = slices.Clone(names[:limit]), true
			}
		}
		if ends {
			return names, more, nil
		}
	}
}

// show writes one entry. What has gone meanwhile, or is a link that leads out, is not shown.
func (f *Folder) show(encoder *json.Encoder, shown, name string) error {
	info, err := f.root.Stat(name)
	if err != nil {
		return nil //nolint:nilerr // A listing is a snapshot; a file may vanish during it.
	}
	entry := Entry{FileType: "directory"}
	entry.Name, entry.Raw = naming.Spell(shown)
	if !info.IsDir() {
		size := info.Size()
		entry.FileType, entry.ContentLength = "file", &size
		entry.LastModified = record.Time(info.ModTime())
	}
	return encoder.Encode(entry)
}

func newEncoder(out io.Writer) *json.Encoder {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder
}
