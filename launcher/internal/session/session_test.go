package session

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/md5" //nolint:gosec // As in the package.
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// talk holds one conversation and returns the lines of JSON and the error that ended it.
func talk(t *testing.T, folder string, writable bool, said string) ([]map[string]any, error) {
	t.Helper()
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var out bytes.Buffer
	ended := Serve(root, writable, strings.NewReader(said), &out)
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, one)
	}
	return lines, ended
}

func sum(text string) string {
	of := md5.Sum([]byte(text)) //nolint:gosec // As in the package.
	return hex.EncodeToString(of[:])
}

func commit(name, text string) string {
	return fmt.Sprintf(`{"do":"commit","path":%q,"length":%d,"md5":%q,"modified":1500000000000000000}`+"\n", name, len(text), sum(text))
}

// TestABrokenTransferGoesOn: bytes of a conversation that broke are kept, not shown, and completed.
func TestABrokenTransferGoesOn(t *testing.T) {
	folder := t.TempDir()
	lines, err := talk(t, folder, true, `{"do":"write","path":"a/b.bin","length":10}`+"\n01234")
	if err == nil || len(lines) != 0 {
		t.Fatalf("%v, %v", lines, err)
	}
	said := `{"do":"tree"}` + "\n" + `{"do":"partial","path":"a/b.bin"}` + "\n" +
		`{"do":"write","path":"a/b.bin","offset":5,"length":5}` + "\n56789" + commit("a/b.bin", "0123456789") + `{"do":"tree"}` + "\n"
	lines, err = talk(t, folder, true, said)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, line := range lines {
		if line["name"] == nil {
			line["name"] = "-"
		}
		told = append(told, fmt.Sprint(line["name"], " ", line["size"]))
	}
	if got := strings.Join(told, ", "); got != "a 0, - 0, - 5, - 0, - 10, a 0, a/b.bin 10, - 0" {
		t.Error(got)
	}
	content, err := os.ReadFile(filepath.Join(folder, "a/b.bin"))
	info, _ := os.Stat(filepath.Join(folder, "a/b.bin"))
	if err != nil || string(content) != "0123456789" || info.ModTime().Unix() != 1500000000 {
		t.Errorf("%q, %v, %v", content, info.ModTime(), err)
	}
	if left, _ := os.ReadDir(filepath.Join(folder, "a")); len(left) != 1 {
		t.Error(left)
	}
}

// TestWhatArrivedIsCompared: content that is not what was sent gets no name and is thrown away.
func TestWhatArrivedIsCompared(t *testing.T) {
	folder := t.TempDir()
	lines, err := talk(t, folder, true, `{"do":"write","path":"f","length":4}`+"\nabcd"+commit("f", "abcX"))
	if err != nil || lines[1]["kind"] != "mismatch" {
		t.Fatalf("%v, %v", lines, err)
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Error(left)
	}
}

// remover removes a folder as soon as it has been told.
type remover struct {
	bytes.Buffer
	folder string
}

func (r *remover) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte(`"`+filepath.Base(r.folder)+`"`)) {
		_ = os.RemoveAll(r.folder)
	}
	return r.Buffer.Write(text)
}

// TestATreeThatChanges: what a job removes while its tree is told is no reason to fail the others.
func TestATreeThatChanges(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a", "b/c", "d"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	out := &remover{folder: filepath.Join(folder, "b")}
	if err := Serve(root, false, strings.NewReader(`{"do":"tree"}`+"\n"), out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, `"name":"d"`) || strings.Contains(text, `"ok":false`) {
		t.Error(text)
	}
}

// TestATreeWithLinks: a link to a folder inside is entered, one that leads round or out is not told.
func TestATreeWithLinks(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "real", "file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "real", "out": "/etc", "real/up": "..", "real/self": "."} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := talk(t, folder, false, `{"do":"tree"}`+"\n"+`{"do":"tree","path":"link"}`+"\n")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, line := range lines {
		if line["name"] != nil {
			told = append(told, fmt.Sprint(line["name"]))
		}
	}
	// The link's own tree does not know what is above it, so it goes up once.
	if got := strings.Join(told[:4], " "); got != "link link/file real real/file" {
		t.Error(told)
	}
	if told[4] != "file" {
		t.Error(told)
	}
}

// TestRefusals: an error is an answer, the conversation goes on, and nothing outside is touched.
func TestRefusals(t *testing.T) {
	folder := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(folder, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		said, kind string
		writable   bool
	}{
		{`{"do":"read","path":"nothing","length":1}`, "notFound", true},
		{`{"do":"hash","path":".","length":-1}`, "notFound", true},
		{`{"do":"tree","path":"nothing"}`, "notFound", true},
		{`{"do":"list","path":"../"}`, "escapes", true},
		{`{"do":"read","path":"out/passwd","length":1}`, "escapes", true},
		{`{"do":"folder","path":"../x"}`, "escapes", true},
		{`{"do":"write","path":"out/x","length":3}` + "\nabc", "escapes", true},
		{`{"do":"write","path":"file/x","length":3}` + "\nabc", "refused", true},
		{`{"do":"write","path":"x","length":3}` + "\nabc", "readOnly", false},
		{`{"do":"commit","path":"x"}`, "readOnly", false},
		{`{"do":"folder","path":"x"}`, "readOnly", false},
		{`{"do":"dance"}`, "failed", true},
	}
	for _, c := range cases {
		end := ""
		if !strings.HasSuffix(c.said, "abc") {
			end = "\n"
		}
		lines, err := talk(t, folder, c.writable, c.said+end+`{"do":"hash","path":"file","length":4}`+"\n")
		if err != nil || len(lines) != 2 || lines[0]["kind"] != c.kind || lines[1]["md5"] != sum("text") {
			t.Errorf("%s: %v, %v", c.said, lines, err)
		}
	}
}

// TestRead: as many bytes as were promised follow the answer.
func TestRead(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, _ := os.OpenRoot(folder)
	defer root.Close()
	var out bytes.Buffer
	said := `{"do":"read","path":"file","offset":4,"length":3}` + "\n" + `{"do":"read","path":"./file","offset":8,"length":9}` + "\n"
	if err := Serve(root, false, strings.NewReader(said), &out); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(&out)
	for _, want := range []string{"456", "89"} {
		var head Answer
		line, _ := from.ReadBytes('\n')
		if err := json.Unmarshal(line, &head); err != nil || head.Size != int64(len(want)) {
			t.Fatalf("%s: %v", line, err)
		}
		got := make([]byte, head.Size)
		if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestReadInFrames: a client that asks for it gets text packed, and each byte once.
func TestReadInFrames(t *testing.T) {
	folder := t.TempDir()
	text := strings.Repeat("INFO:tensorflow:loss = 0.25, step = 100\n", 20_000)
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	root, _ := os.OpenRoot(folder)
	defer root.Close()
	var out bytes.Buffer
	said := `{"do":"read","path":"file","offset":4,"length":9999999,"packed":true}` + "\n" + `{"do":"partial","path":"file"}` + "\n"
	if err := Serve(root, false, strings.NewReader(said), &out); err != nil {
		t.Fatal(err)
	}
	sent := out.Len()
	from := bufio.NewReader(&out)
	var head Answer
	line, _ := from.ReadBytes('\n')
	if err := json.Unmarshal(line, &head); err != nil || !head.Packed || head.Size != int64(len(text)-4) {
		t.Fatalf("%s: %v", line, err)
	}
	var got []byte
	for int64(len(got)) < head.Size {
		var offset, length, packed int
		header, _ := from.ReadString('\n')
		if _, err := fmt.Sscan(header, &offset, &length, &packed); err != nil || offset != len(got)+4 {
			t.Fatalf("%q: %v", header, err)
		}
		piece, err := io.ReadAll(flate.NewReader(io.LimitReader(from, int64(packed))))
		if err != nil || len(piece) != length {
			t.Fatalf("%d bytes, %v", len(piece), err)
		}
		got = append(got, piece...)
	}
	if string(got) != text[4:] || sent > len(text)/10 {
		t.Errorf("%d of %d bytes came, as %d", len(got), len(text)-4, sent)
	}
	if line, _ := from.ReadString('\n'); !strings.HasPrefix(line, `{"ok":true`) {
		t.Errorf("the next answer is %s", line)
	}
}

// TestALongHashSaysThatItIsAlive: otherwise the client could not tell it from a share that hangs.
func TestALongHashSaysThatItIsAlive(t *testing.T) {
	was := workingEvery
	workingEvery = 0
	defer func() { workingEvery = was }()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), make([]byte, 3*pieceBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := talk(t, folder, false, `{"do":"hash","path":"file","length":-1}`+"\n")
	if err != nil || len(lines) < 3 || lines[0]["working"] != true || lines[len(lines)-1]["ok"] != true {
		t.Errorf("%v, %v", lines, err)
	}
}

// TestWaitEnds: with nobody else in the Pod, the first process ends by itself.
func TestWaitEnds(t *testing.T) {
	if othersRun(t.TempDir()) {
		t.Error("an empty list of processes has others")
	}
	if !othersRun("/proc") {
		t.Error("the test's parent was not seen")
	}
	if code := wait(time.Nanosecond); code != 0 {
		t.Error(code)
	}
}
