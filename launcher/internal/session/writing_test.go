package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func send(do, name, key, text string, offset, length int) string {
	return fmt.Sprintf(`{"do":%q,"path":%q,"key":%q,"offset":%d,"length":%d,"md5":%q}`+"\n", do, name, key, offset, length, sum(text))
}

// TestTwoSourcesAtOnce: who sends another file under the same name is in nobody's way.
func TestTwoSourcesAtOnce(t *testing.T) {
	folder := t.TempDir()
	said := send("write", "f", "aa", "", 0, 4) + "1234" + // The first is half there,
		send("write", "f", "bb", "", 0, 8) + "abcdefgh" + // when the second comes,
		send("write", "f", "aa", "", 4, 4) + "5678" +
		send("commit", "f", "aa", "12345678", 0, 8) + send("hash", "f", "", "", 0, 8) +
		send("commit", "f", "bb", "abcdefgh", 0, 8) + send("hash", "f", "", "", 0, 8)
	lines, err := talk(t, folder, true, said)
	if err != nil || len(lines) != 7 {
		t.Fatal(lines, err)
	}
	if lines[4]["md5"] != sum("12345678") || lines[6]["md5"] != sum("abcdefgh") {
		t.Error(lines)
	}
	if left, _ := os.ReadDir(folder); len(left) != 1 {
		t.Error(left)
	}
}

// TestOneSourceTwice: two commands with the same source may write the same bytes; both succeed.
func TestOneSourceTwice(t *testing.T) {
	folder := t.TempDir()
	said := send("write", "f", "aa", "", 0, 8) + "12345678" +
		send("write", "f", "aa", "", 0, 4) + "1234" + // The second begins anew, and takes nothing away.
		send("commit", "f", "aa", "12345678", 0, 8) + send("commit", "f", "aa", "12345678", 0, 8) +
		send("commit", "f", "aa", "another!", 0, 8)
	lines, err := talk(t, folder, true, said)
	if err != nil || len(lines) != 5 {
		t.Fatal(lines, err)
	}
	if lines[2]["ok"] != true || lines[3]["ok"] != true || lines[4]["kind"] != "mismatch" {
		t.Error(lines)
	}
}

// TestAKeyIsNoPath: it cannot lead anywhere.
func TestAKeyIsNoPath(t *testing.T) {
	folder := t.TempDir()
	said := send("partial", "f", "/../x", "", 0, 0) + send("write", "f", "/../x", "", 0, 1) + "a" + send("commit", "f", "AA", "a", 0, 1)
	lines, err := talk(t, folder, true, said)
	if err != nil || len(lines) != 3 {
		t.Fatal(lines, err)
	}
	for _, line := range lines {
		if line["ok"] == true {
			t.Error(line)
		}
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Error(left)
	}
}

// TestTheLongestNames: 255 bytes leave no room for a longer name beside, 200 none for the key.
func TestTheLongestNames(t *testing.T) {
	for _, length := range []int{176, 177, 200, 242, 255} {
		folder, name := t.TempDir(), strings.Repeat("n", length)
		said := send("write", name, strings.Repeat("a", 64), "", 0, 2) + "ab" + `{"do":"tree"}` + "\n" +
			send("partial", name, strings.Repeat("a", 64), "", 0, 0) + send("commit", name, strings.Repeat("a", 64), "ab", 0, 2)
		lines, err := talk(t, folder, true, said)
		if err != nil || len(lines) != 4 || lines[2]["size"] != 2.0 || lines[3]["ok"] != true {
			t.Error(length, lines, err)
		}
	}
}

// TestWhatNobodyGoesOnWithIsRemoved: after a day, when a large file of that name has arrived.
func TestWhatNobodyGoesOnWithIsRemoved(t *testing.T) {
	folder, text := t.TempDir(), strings.Repeat("x", sweptBytes)
	old := time.Now().Add(-25 * time.Hour)
	for name, at := range map[string]time.Time{".f.bb.batchai-part": old, ".f.batchai-part": old, ".f.cc.batchai-part": time.Now(), ".f.x.bb.batchai-part": old} {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	said := send("write", "f", "aa", "", 0, sweptBytes) + text + send("commit", "f", "aa", text, 0, sweptBytes)
	if _, err := talk(t, folder, true, said); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(folder)
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); got != ".f.cc.batchai-part .f.x.bb.batchai-part f" {
		t.Error(got)
	}
}
