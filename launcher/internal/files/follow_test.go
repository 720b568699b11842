package files

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"batchai.dev/launcher/internal/plan"
)

// shownBy puts together what a reader has who goes by the frames; an offset that is not where it
// stands means that the file was replaced.
func shownBy(t *testing.T, framed []byte) (string, int) {
	t.Helper()
	var shown []byte
	anew := 0
	for len(framed) > 0 {
		header, rest, found := bytes.Cut(framed, []byte("\n"))
		numbers := make([]int, 0, 3)
		for word := range strings.FieldsSeq(string(header)) {
			number, err := strconv.Atoi(word)
			if err != nil {
				t.Fatalf("not a frame: %q", header)
			}
			numbers = append(numbers, number)
		}
		if !found || len(numbers) < 2 || numbers[len(numbers)-1] > len(rest) {
			t.Fatalf("not a frame: %q", header)
		}
		at, size := numbers[0], numbers[1]
		content := rest[:numbers[len(numbers)-1]]
		rest = rest[len(content):]
		if len(numbers) == 3 {
			var err error
			content, err = io.ReadAll(flate.NewReader(bytes.NewReader(content)))
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(content) != size {
			t.Fatalf("%d bytes behind %q", len(content), header)
		}
		if at != len(shown) {
			if at != 0 {
				t.Fatalf("a gap: %d after %d", at, len(shown))
			}
			shown, anew = nil, anew+1
		}
		shown, framed = append(shown, content...), rest
	}
	return string(shown), anew
}

// TestFollowKnowsTheFileAgain goes through what may happen to a file between two looks.
func TestFollowKnowsTheFileAgain(t *testing.T) {
	old := strings.Repeat("epoch: loss 0.1234\n", 2000)
	other := strings.Repeat("another run's line\n", 3000)
	steps := map[string]struct {
		change func(path string) error
		want   string
		anew   int
	}{
		"nothing":                     {func(string) error { return nil }, old, 0},
		"grown":                       {func(p string) error { return write(p, old+"more\n") }, old + "more\n", 0},
		"replaced by itself and more": {func(p string) error { return replace(p, old+"more\n") }, old + "more\n", 0},
		"emptied":                     {func(p string) error { return write(p, "") }, "", 1},
		"truncated":                   {func(p string) error { return write(p, "new\n") }, "new\n", 1},
		"replaced by a longer one":    {func(p string) error { return replace(p, other) }, other, 1},
		"replaced by one as long":     {func(p string) error { return replace(p, other[:len(old)]) }, other[:len(old)], 1},
		"overwritten by a longer one": {func(p string) error { return write(p, other) }, other, 1},
		"another beginning":           {func(p string) error { return replace(p, "E"+old[1:]+"more\n") }, "E" + old[1:] + "more\n", 1},
		"gone":                        {os.Remove, old, 0},
	}
	for name, step := range steps {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", packed ", packed), func(t *testing.T) {
				folder, path := open(t)
				if err := write(path, old); err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				looks := 0
				err := folder.Follow(&out, "file", Shown{}, Form{Framed: true, Packed: packed}, func() bool {
					if looks++; looks == 2 {
						if err := step.change(path); err != nil {
							t.Fatal(err)
						}
					}
					return looks == 3
				})
				if err != nil && (name != "gone" || !errors.Is(err, ErrNotFound)) {
					t.Fatal(err)
				}
				shown, anew := shownBy(t, out.Bytes())
				if shown != step.want || anew != step.anew {
					t.Errorf("%d bytes shown, %d times anew; want %d, %d", len(shown), anew, len(step.want), step.anew)
				}
				if packed && out.Len() > len(old)/4 {
					t.Errorf("%d bytes were sent", out.Len())
				}
			})
		}
	}
}

// TestFollowTakesUpWhereAnotherEnded: a reader that comes back says by a sum what it has.
func TestFollowTakesUpWhereAnotherEnded(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1000)
	cases := []struct {
		now    string
		shown  Shown
		framed string
	}{
		{text, Shown{}, text},
		{text, Shown{Offset: 15990}, "cut: " + text[15990:]},
		{text, Shown{15990, sampleSum([]byte(text[:4096]), []byte(text[15990-4096:15990]))}, "cut: " + text[15990:]},
		{text, Shown{9, sampleSum([]byte(text[:9]), []byte(text[:9]))}, "cut: " + text[9:]},
		{text, Shown{15990, sampleSum([]byte(text[:4096]), []byte(text[15991-4096:15991]))}, text},
		{text, Shown{16001, ""}, text},
	}
	for i, c := range cases {
		folder, path := open(t)
		if err := write(path, c.now); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := folder.Follow(&out, "file", c.shown, Form{Framed: true}, func() bool { return true }); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		want := fmt.Sprintf("0 %d\n%s", len(c.framed), c.framed)
		if rest, cut := strings.CutPrefix(c.framed, "cut: "); cut {
			want = fmt.Sprintf("%d %d\n%s", len(text)-len(rest), len(rest), rest)
		}
		if got != want {
			t.Errorf("case %d: %.40q, want %.40q", i, got, want)
		}
	}
}

// TestFollowTellsOfAnEmptyFile: by a frame of nothing, once; a missing file has none.
func TestFollowTellsOfAnEmptyFile(t *testing.T) {
	for _, framed := range []bool{true, false} {
		folder, path := open(t)
		var out bytes.Buffer
		looks := 0
		err := folder.Follow(&out, "file", Shown{}, Form{Framed: framed}, func() bool {
			looks++
			if looks == 2 {
				if out.Len() > 0 {
					t.Errorf("%q shown of a file that is not there", out.String())
				}
				if err := write(path, ""); err != nil {
					t.Fatal(err)
				}
			}
			return looks == 4
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "0 0\n"}[framed]; out.String() != want {
			t.Errorf("framed %v: %q, want %q", framed, out.String(), want)
		}
	}
}

// TestListInPages: all names once, in order, whatever they are made of.
func TestListInPages(t *testing.T) {
	folder, path := open(t)
	var want []string
	for i := range 2500 {
		name := fmt.Sprintf("%d-\xff%d", i%7, i)
		want = append(want, name)
		if err := write(filepath.Join(filepath.Dir(path), name), ""); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	var got []string
	after, pages := "", 0
	for {
		var out bytes.Buffer
		if err := folder.List(&out, ".", after, 100); err != nil {
			t.Fatal(err)
		}
		pages++
		last := More{}
		for line := range strings.Lines(out.String()) {
			var entry Entry
			if err := errors.Join(json.Unmarshal([]byte(line), &entry), json.Unmarshal([]byte(line), &last)); err != nil {
				t.Fatal(err)
			}
			if entry.Name != "" {
				got = append(got, strings.ReplaceAll(entry.Name, `\xff`, "\xff"))
			}
		}
		if last.Token == "" {
			break
		}
		token, err := base64.RawURLEncoding.DecodeString(last.Token)
		if err != nil {
			t.Fatal(err)
		}
		after = string(token)
	}
	if pages != 25 || !slices.Equal(got, want) {
		t.Errorf("%d names in %d pages, want %d in 25", len(got), pages, len(want))
	}
}

func open(t *testing.T) (*Folder, string) {
	t.Helper()
	share := t.TempDir()
	folder, err := Open(&plan.Plan{Directories: map[string]string{"MODEL": share}}, "MODEL")
	if err != nil {
		t.Fatal(err)
	}
	return folder, filepath.Join(share, "file")
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

func replace(path, text string) error {
	return errors.Join(write(path+".new", text), os.Rename(path+".new", path))
}
