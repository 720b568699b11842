package record

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFit: whatever is in a record, it is valid JSON of at most Limit bytes and keeps its exit code.
func FuzzFit(f *testing.F) {
	f.Add("fine", "wk-0", "KILL", "taskFailed", uint16(3), 7, true)
	f.Add("\x01\"\\\xff\u2028<&>", "\xff\xfe", "", "", uint16(999), -1, false)
	f.Add("", "", "", "", uint16(0), 0, false)
	f.Add(strings.Repeat("\x01", 5000), strings.Repeat("\u00e4", 3000), "KILL", strings.Repeat("o", 5000), uint16(2), 3, false)
	f.Fuzz(func(t *testing.T, message, name, signal, outcome string, count uint16, code int, stopped bool) {
		r := Record{Version: 1, Message: message, Outcome: outcome, StartedAt: "2026-11-24T04:00:00.000Z",
			Preparation: &Run{ExitCode: code, Signal: signal}, Job: &Result{Outcome: outcome, ExitCode: code, Task: name}}
		for i := range count % 1000 {
			r.Tasks = append(r.Tasks, Task{Name: name, Run: Run{ExitCode: code * int(i%3), Signal: signal, Stopped: stopped}})
		}
		text := Fit(r)
		var back Record
		if err := json.Unmarshal(text, &back); err != nil || len(text) > Limit || !utf8.Valid(text) {
			t.Fatalf("%d bytes, %v: %q", len(text), err, text)
		}
		if back.Job == nil || back.Job.ExitCode != code {
			t.Errorf("exit code %d was lost: %s", code, text)
		}
		if len(back.Tasks)+back.TasksOmitted != len(r.Tasks) {
			t.Errorf("%d tasks and %d omitted, of %d", len(back.Tasks), back.TasksOmitted, len(r.Tasks))
		}
	})
}
