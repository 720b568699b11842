package plan

import (
	"strings"
	"testing"
)

const good = `{"version":1,"node":{"index":0,"count":1},"workingDirectory":"/wd","meeting":null,
 "logs":{"directory":"/logs","kind":"share","executionLog":"execution.log"},
 "tasks":[{"name":"a","stdout":"stdout.txt","stderr":"stderr.txt"}]}`

func TestParse(t *testing.T) {
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ from, to, says string }{
		{`"version":1`, `"version":2`, "operator and launcher image differ"},
		{`"count":1`, `"count":2`, "meeting"},
		{`"index":0`, `"index":1`, "node: index 1 of 1"},
		{`"kind":"share"`, `"kind":"tape"`, `"tape"`},
		{`"/wd"`, `"wd"`, "workingDirectory"},
		{`"/logs"`, `""`, "logs.directory"},
		{`"stderr.txt"`, `"stdout.txt"`, "two outputs"},
		{`"stderr.txt"`, `"../stderr.txt"`, "cannot be the name"},
		{`"stderr.txt"`, `"execution.log"`, "two outputs"},
		{`"stderr.txt"`, `""`, "cannot be the name"},
		{`"tasks"`, `"folders":["/a","b"],"tasks"`, "folders[1]"},
		{`"tasks"`, `"directories":{"M":"m"},"tasks"`, "directories.M"},
		{`"tasks"`, `"hostfile":{"path":"/h","slots":[1,1]},"tasks"`, "hostfile.slots"},
		{good, ``, "not set"},
		{good, `{`, "BATCHAI_PLAN"},
	}
	for _, c := range cases {
		_, err := Parse(strings.Replace(good, c.from, c.to, 1))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}
