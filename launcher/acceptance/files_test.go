package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFiles goes through the words of `files` in a reader's place: no sidecar, logs are final.
func TestFiles(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) { p.plan.Directories["MODEL"] = p.at("share/model") })
	for path, text := range map[string]string{"b.txt": "0123456789", "a.txt": "", "sub/deep/c": "c"} {
		full := filepath.Join(p.share, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"out": "../../..", "absolute": p.share + "/b.txt", "inside": "b.txt", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(p.share, name)); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		arguments, stdout string
		code              int
	}{
		{"list --id stdouterr", "a.txt b.txt inside sub", 0},
		{"list --id stdouterr --path sub", "deep", 0},
		{"tree --id stdouterr", "a.txt b.txt inside sub sub/deep sub/deep/c", 0},
		{"read --id stdouterr --path b.txt", "0123456789", 0},
		{"read --id stdouterr --path inside --offset 7", "789", 0},
		{"read --id stdouterr --path b.txt --offset 2 --length 3", "234", 0},
		{"read --id stdouterr --path sub/../b.txt --offset 99", "", 0},
		{"follow --id stdouterr --path b.txt --offset 5", "56789", 0},
		{"read --id stdouterr --path nothing", "", 3},
		{"read --id stdouterr --path sub", "", 3},
		{"follow --id stdouterr --path nothing", "", 3},
		{"list --id NOBODY", "", 3},
		{"list --id MODEL", "", 3},
		{"list --id stdouterr --path b.txt", "", 3},
		{"read --id stdouterr --path ../../../dev/null", "", 4},
		{"read --id stdouterr --path /etc/passwd", "", 4},
		{"read --id stdouterr --path absolute", "", 4},
		{"read --id stdouterr --path out/wd", "", 4},
		{"read --id stdouterr --path loop", "", 3},
		{"list --id stdouterr --path out", "", 4},
		{"list --id stdouterr --path ..", "", 4},
		{"read --id stdouterr", "", 2},
		{"read --id stdouterr --path b.txt --offset -1", "", 2},
		{"list", "", 2},
		{"remove --id stdouterr", "", 2},
	}
	for _, c := range cases {
		command := p.start(append([]string{"files"}, strings.Fields(c.arguments)...)...)
		equal(t, c.arguments, command.wait(), c.code)
		got := command.stdout.String()
		if word := strings.Fields(c.arguments)[0]; word == "list" || word == "tree" {
			got = strings.Join(names(t, got), " ")
		}
		equal(t, c.arguments, got, c.stdout)
		equal(t, c.arguments+": says why", command.stderr.Len() > 0, c.code != 0)
	}
}

func names(t *testing.T, lines string) []string {
	var found []string
	for line := range strings.Lines(lines) {
		var entry struct {
			Name, FileType, LastModified string
			ContentLength                *int64
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		_, err := time.Parse("2006-01-02T15:04:05.000Z", entry.LastModified)
		if file := entry.FileType == "file"; file != (entry.ContentLength != nil) || file != (err == nil) {
			t.Errorf("an odd entry: %s", line)
		}
		found = append(found, entry.Name)
	}
	return found
}

// TestFollow: it waits for the file, shows every byte, and ends when the logs are final.
func TestFollow(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.task("wk-0", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; printf end", true)
	})
	sidecar := p.up()
	follow := p.start("files", "follow", "--id", "stdouterr", "--path", "stdout-wk-0.txt")
	never := p.start("files", "follow", "--id", "stdouterr", "--path", "never.txt")
	time.Sleep(300 * time.Millisecond)
	equal(t, "exit code", p.start("run").wait(), 0)
	sidecar.down()
	equal(t, "code of follow", follow.wait(), 0)
	equal(t, "followed", follow.stdout.String(), "1\n2\n3\n4\n5\n6\nend")
	equal(t, "code of a file that never came", never.wait(), 3)
}
