package verdict

import (
	"testing"

	"batchai.dev/launcher/internal/record"
)

func node(index int, prepared *int, tasks ...TaskState) *NodeState {
	return &NodeState{Node: index, Instance: "i", Address: string(rune('a' + index)), Prepared: prepared, Tasks: tasks}
}

func done(name string, code int, stopped, decisive bool, at string) TaskState {
	return TaskState{Name: name, Decisive: decisive, Done: true, ExitCode: code, Stopped: stopped, EndedAt: at}
}

var (
	zero, three = 0, 3
	running     = TaskState{Name: "wk", Decisive: true}
	server      = TaskState{Name: "ps"}
	well        = done("wk", 0, false, true, "1")
)

func TestDecide(t *testing.T) {
	both := func(a, b *NodeState) []*NodeState { return []*NodeState{a, b} }
	left := node(1, &zero, running)
	left.Outcome, left.Message = record.Terminated, "asked to end"
	no := []bool{false, false}
	cases := []struct {
		name     string
		nodes    []*NodeState
		lost     []bool
		timedOut bool
		known    bool
		start    bool
		verdict  record.Result
	}{
		{"one is missing", both(node(0, &zero, running), nil), no, false, false, false, record.Result{}},
		{"not prepared", both(node(0, &zero, running), node(1, nil, running)), no, false, true, false, record.Result{}},
		{"prepared", both(node(0, &zero, running), node(1, &zero, running)), no, false, true, true, record.Result{}},
		{"preparation failed", both(node(0, nil, running), node(1, &three, running)), no, false, true, false, record.Result{Outcome: record.PreparationFailed, ExitCode: 3, Node: 1}},
		{"all well", both(node(0, &zero, server, well), node(1, &zero, well)), no, false, true, false, record.Result{Outcome: record.Succeeded}},
		{"one well", both(node(0, &zero, server, well), node(1, &zero, running)), no, false, true, true, record.Result{}},
		{"no tasks on node 1", both(node(0, &zero, well), node(1, &zero)), no, false, true, false, record.Result{Outcome: record.Succeeded}},
		{"server failed", both(node(0, &zero, done("ps", 4, false, false, "1")), node(1, &zero, running)), no, false, true, false, record.Result{Outcome: record.TaskFailed, ExitCode: 4, Task: "ps"}},
		{"stopped tasks do not count", both(node(0, &zero, done("wk", 143, true, true, "1")), node(1, &zero, running)), no, false, true, true, record.Result{}},
		{"the first failure counts", both(node(0, &zero, done("x", 8, false, true, "2")), node(1, &zero, done("y", 9, false, true, "1"))), no, false, true, false, record.Result{Outcome: record.TaskFailed, ExitCode: 9, Task: "y", Node: 1}},
		{"lost", both(node(0, &zero, running), node(1, &zero, running)), []bool{false, true}, false, true, false, record.Result{Outcome: record.PeerLost, ExitCode: 75, Node: 1}},
		{"lost, but it was done", both(node(0, &zero, running), node(1, &zero, well)), []bool{false, true}, false, true, true, record.Result{}},
		{"too long", both(node(0, &zero, running), nil), no, true, false, false, record.Result{Outcome: record.TimedOut, ExitCode: 124}},
		{"success wins over the limit", both(node(0, &zero, well), node(1, &zero, well)), no, true, true, false, record.Result{Outcome: record.Succeeded}},
		{"terminated", both(node(0, &zero, running), left), no, false, true, false, record.Result{Outcome: record.Terminated, ExitCode: 143, Node: 1}},
	}
	for _, c := range cases {
		board := Decide(c.nodes, c.lost, c.timedOut, Board{})
		if (board.Addresses != nil) != c.known || board.Start != c.start {
			t.Errorf("%s: %+v", c.name, board)
		}
		got := record.Result{}
		if board.Verdict != nil {
			got = *board.Verdict
		}
		if got != c.verdict {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.verdict)
		}
		if again := Decide(both(node(0, &zero, well), node(1, &zero, well)), no, true, board); board.Verdict != nil && again.Verdict != board.Verdict {
			t.Errorf("%s: the verdict changed to %+v", c.name, again.Verdict)
		}
	}
}

func TestOwn(t *testing.T) {
	failed := done("wk", 7, false, true, "1")
	cases := []struct {
		name    string
		me      *NodeState
		left    string
		verdict *record.Result
		outcome string
		code    int
	}{
		{"success", node(1, &zero, well), "", &record.Result{Outcome: record.Succeeded}, record.Succeeded, 0},
		{"server fell over at the end", node(0, &zero, done("ps", 1, false, false, "1")), "", &record.Result{Outcome: record.Succeeded}, record.Succeeded, 0},
		{"own failure", node(1, &zero, failed), "", &record.Result{Outcome: record.TaskFailed, ExitCode: 7, Node: 1}, record.TaskFailed, 7},
		{"another's failure on node 0", node(0, &zero, running), "", &record.Result{Outcome: record.TaskFailed, ExitCode: 7, Node: 1}, record.Stopped, 7},
		{"another's failure", node(2, &zero, running), "", &record.Result{Outcome: record.TaskFailed, ExitCode: 7, Node: 1}, record.Stopped, 0},
		{"own preparation", node(1, &three), "", &record.Result{Outcome: record.PreparationFailed, ExitCode: 5}, record.PreparationFailed, 3},
		{"another's preparation", node(1, &zero), "", &record.Result{Outcome: record.PreparationFailed, ExitCode: 5}, record.PreparationFailed, 5},
		{"limit on node 0", node(0, &zero, running), "", &record.Result{Outcome: record.TimedOut, ExitCode: 124}, record.TimedOut, 124},
		{"limit elsewhere", node(1, &zero, running), "", &record.Result{Outcome: record.TimedOut, ExitCode: 124}, record.Stopped, 0},
		{"node 0 lost a guest", node(0, &zero, running), "", &record.Result{Outcome: record.PeerLost, ExitCode: 75, Node: 1}, record.PeerLost, 75},
		{"a guest lost node 0", node(1, &zero, running), record.PeerLost, nil, record.PeerLost, 75},
		{"terminated", node(1, &zero, running), record.Terminated, &record.Result{Outcome: record.Terminated}, record.Terminated, 143},
		{"own trouble", node(1, nil), record.LauncherFailed, nil, record.LauncherFailed, 70},
		{"volume away", node(0, &zero, running), record.LogsStuck, &record.Result{Outcome: record.LogsStuck, ExitCode: 74}, record.LogsStuck, 74},
		{"own failure while the volume is away", node(0, &zero, failed), record.LogsStuck, &record.Result{Outcome: record.TaskFailed, ExitCode: 7}, record.TaskFailed, 7},
		{"no verdict at all", node(1, nil), "", nil, record.LauncherFailed, 70},
	}
	for _, c := range cases {
		if outcome, code := Own(c.me, c.left, c.verdict); outcome != c.outcome || code != c.code {
			t.Errorf("%s: got %s %d, want %s %d", c.name, outcome, code, c.outcome, c.code)
		}
	}
}
