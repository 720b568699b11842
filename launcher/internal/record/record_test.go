package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFit(t *testing.T) {
	many := func(n, code int) (tasks []Task) {
		for i := range n {
			tasks = append(tasks, Task{Name: fmt.Sprintf("wk-%d", i), Run: Run{ExitCode: code,
				StartedAt: "2026-11-24T04:00:00.000Z", EndedAt: "2026-11-24T04:00:01.000Z"}})
		}
		return tasks
	}
	one := append(many(200, 0), Task{Name: "bad", Run: Run{ExitCode: 7, Signal: "KILL"}})
	cases := []struct {
		name    string
		message string
		tasks   []Task
		keep    string // Must still be in the text.
		omitted int
	}{
		{"short", "fine", many(2, 0), `"message":"fine"`, 0},
		{"long message", strings.Repeat("ä", 9000), many(1, 0), "wk-0", 0},
		{"message that grows in JSON", strings.Repeat("\x01\"", 5000), nil, `\u0001`, 0},
		{"several lines", "a\nb\tc", nil, `"message":"a b c"`, 0},
		{"not UTF-8", "a\xff\xfeb", nil, `"message":"a?b"`, 0},
		{"forty tasks lose their times", "cause", many(40, 1), "wk-39", 0},
		{"two hundred good tasks", strings.Repeat("m", 5000), one, `"bad"`, 200},
		{"two hundred bad tasks", strings.Repeat("m", 5000), many(200, 1), `"outcome":"taskFailed"`, 200},
	}
	for _, c := range cases {
		text := Fit(Record{Version: 1, Outcome: TaskFailed, Message: c.message, Tasks: c.tasks,
			Job: &Result{Outcome: TaskFailed, ExitCode: 7, Task: "bad"}})
		var back Record
		if err := json.Unmarshal(text, &back); err != nil || len(text) > Limit || !utf8.Valid(text) {
			t.Errorf("%s: %d bytes, %v", c.name, len(text), err)
		}
		if !strings.Contains(string(text), c.keep) {
			t.Errorf("%s: %s is not in %s", c.name, c.keep, text)
		}
		if back.TasksOmitted != c.omitted || back.Job == nil || back.Job.ExitCode != 7 {
			t.Errorf("%s: %d tasks omitted, job %v", c.name, back.TasksOmitted, back.Job)
		}
	}
}
