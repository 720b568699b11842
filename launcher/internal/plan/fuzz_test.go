package plan

import (
	"strings"
	"testing"
)

// FuzzParse: a plan is read or refused with words, and what was read keeps its promises.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("")
	f.Add("{}")
	f.Add(strings.Repeat("[", 20000))
	f.Add(strings.Replace(good, `"count":1`, `"count":1e9`, 1))
	f.Add(strings.Replace(good, `"tasks"`, `"maxSeconds":-9223372036854775808,"hostfile":{"slots":[0]},"tasks"`, 1))
	f.Add(strings.Replace(good, `"stdout.txt"`, `"..\u0000"`, 1))
	f.Add(strings.Replace(good, `"stdout.txt"`, `".."`, 1))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "BATCHAI_PLAN") {
				t.Errorf("who is to blame? %v", err)
			}
			return
		}
		if p.Node.Index < 0 || p.Node.Index >= p.Node.Count || p.Node.Count > maxNodes {
			t.Errorf("node %d of %d", p.Node.Index, p.Node.Count)
		}
		seen := map[string]bool{}
		for _, name := range append(p.Streams(), p.Logs.ExecutionLog) {
			if seen[name] || name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
				t.Errorf("file %q", name)
			}
			seen[name] = true
		}
	})
}
