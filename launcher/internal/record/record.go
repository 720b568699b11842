// Package record is the exit record of a node: what the operator judges the job by.
//
// The node's conductor fills it once, at the end. It must always be valid JSON of at most
// 4096 bytes, because Kubernetes cuts a longer termination message in the middle.
package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"batchai.dev/launcher/internal/layout"
)

// Limit is what Kubernetes keeps of a termination message, in bytes.
const Limit = 4096

// Outcomes of a node and of a job.
const (
	Succeeded         = "succeeded"
	PreparationFailed = "preparationFailed"
	TaskFailed        = "taskFailed"
	Stopped           = "stopped"
	TimedOut          = "timedOut"
	PeerLost          = "peerLost"
	Terminated        = "terminated"
	LauncherFailed    = "launcherFailed"
	LogsStuck         = "logsStuck"
)

// Exit codes of the launcher where the program's code does not decide.
const (
	CodePeerLost       = 75
	CodeLauncherFailed = 70
	CodeLogsStuck      = 74
	CodeTimedOut       = 124
	CodeTerminated     = 143
)

// Record is the whole of it.
type Record struct {
	Version      int     `json:"version"`
	Node         int     `json:"node"`
	StartedAt    string  `json:"startedAt"`
	EndedAt      string  `json:"endedAt"`
	Preparation  *Run    `json:"preparation,omitempty"`
	Tasks        []Task  `json:"tasks"`
	TasksOmitted int     `json:"tasksOmitted,omitempty"` // Tasks left out because of Limit.
	Outcome      string  `json:"outcome"`
	Message      string  `json:"message"`
	Job          *Result `json:"job,omitempty"`
}

// Run is one process that ended.
type Run struct {
	ExitCode  int    `json:"exitCode"` // 128+n when signal n ended it.
	Signal    string `json:"signal,omitempty"`
	StartedAt string `json:"startedAt,omitempty"`
	EndedAt   string `json:"endedAt,omitempty"`
	Stopped   bool   `json:"stopped,omitempty"` // Ended by us; does not count as failed.
}

// Task is the end of one task.
type Task struct {
	Name string `json:"name"`
	Run
}

// Result is node 0's verdict about the whole job.
type Result struct {
	Outcome  string `json:"outcome"`
	ExitCode int    `json:"exitCode"`
	Task     string `json:"task,omitempty"`
	Node     int    `json:"node"`
}

// Time writes an instant as the record does: UTC, milliseconds.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Write puts the full record at its path by rename, and what fits into the termination log.
func Write(where layout.Layout, r Record) error {
	err := layout.WriteByRename(where.Record(), encode(r), 0o644)
	file, openErr := os.OpenFile(where.TerminationLog(), os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o666)
	if openErr != nil {
		return openErr
	}
	if _, writeErr := file.Write(Fit(r)); writeErr != nil {
		return writeErr
	}
	if closeErr := file.Close(); closeErr != nil {
		return closeErr
	}
	return err
}

// Fit returns the record as JSON of at most Limit bytes.
//
// First the message is cut, then the tasks' times go, then tasks that ended well, then all tasks.
func Fit(r Record) []byte {
	r.Message = oneLine(r.Message)
	if text := encode(r); len(text) <= Limit {
		return text
	}
	const keep = 512 // A cause is more telling than the times of forty tasks.
	for len(encode(r)) > Limit && len(r.Message) > keep {
		r.Message = cut(r.Message, max(keep, len(r.Message)-len(encode(r))+Limit-4))
	}
	tasks := make([]Task, len(r.Tasks))
	for i, task := range r.Tasks {
		task.StartedAt, task.EndedAt = "", ""
		tasks[i] = task
	}
	if len(encode(r)) > Limit {
		r.Tasks = tasks
	}
	if len(encode(r)) > Limit {
		r.Tasks = []Task{}
		for _, task := range tasks {
			if task.ExitCode != 0 && !task.Stopped {
				r.Tasks = append(r.Tasks, task)
			}
		}
		r.TasksOmitted = len(tasks) - len(r.Tasks)
	}
	if len(encode(r)) > Limit {
		r.TasksOmitted, r.Tasks = len(tasks), []Task{}
	}
	for len(encode(r)) > Limit && r.Message != "" {
		r.Message = cut(r.Message, len(r.Message)*3/4)
	}
	if text := encode(r); len(text) <= Limit {
		return text
	}
	// Only names from a plan that is not ours can be that long.
	r.Preparation, r.Outcome, r.StartedAt, r.EndedAt = nil, cut(r.Outcome, 32), "", ""
	if r.Job != nil {
		r.Job = &Result{Outcome: cut(r.Job.Outcome, 32), ExitCode: r.Job.ExitCode, Node: r.Job.Node}
	}
	return encode(r)
}

func encode(r Record) []byte {
	if r.Tasks == nil {
		r.Tasks = []Task{}
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Appendf(nil, `{"version":1,"node":%d,"outcome":%q,"tasks":[]}`, r.Node, r.Outcome)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
}

// cut shortens to at most size bytes, between characters, and shows that it did.
func cut(text string, size int) string {
	const mark = "…"
	if len(text) <= size {
		return text
	}
	size = max(0, size-len(mark))
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	if size == 0 {
		return ""
	}
	return text[:size] + mark
}
