// Package verdict decides, from what all nodes have said, how the job goes on.
//
// Node 0 asks it after every change. It is pure: no clock, no network, no process.
package verdict

import (
	"fmt"

	"batchai.dev/launcher/internal/record"
)

// NodeState is everything that a node says about itself. It is sent whole, again and again; the
// latest one counts, so a lost connection loses nothing.
type NodeState struct {
	Node     int         `json:"node"`
	Instance string      `json:"instance"` // A random name of this launcher's life.
	Address  string      `json:"address"`
	Prepared *int        `json:"prepared,omitempty"` // The preparation's exit code; 0 without one.
	Tasks    []TaskState `json:"tasks"`
	Outcome  string      `json:"outcome,omitempty"` // terminated, launcherFailed, logsStuck: it leaves by itself.
	Message  string      `json:"message,omitempty"`
	Ended    bool        `json:"ended,omitempty"` // All its processes have ended.
}

// TaskState is a task of a node.
type TaskState struct {
	Name     string `json:"name"`
	Decisive bool   `json:"decisive"`
	Done     bool   `json:"done,omitempty"`
	ExitCode int    `json:"exitCode,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"`
	EndedAt  string `json:"endedAt,omitempty"`
}

// Board is everything that node 0 says to all, in the same way.
type Board struct {
	Addresses []string       `json:"addresses,omitempty"` // In order of nodes, once all are in.
	Start     bool           `json:"start,omitempty"`     // All preparations are done.
	Verdict   *record.Result `json:"verdict,omitempty"`
	Message   string         `json:"message,omitempty"`
	Ended     []bool         `json:"ended,omitempty"` // Nodes whose last word was heard.
}

// Decide returns the next board. What was once decided stays.
//
// nodes has one entry per node, nil while it has not come; lost tells which came and went silent.
func Decide(nodes []*NodeState, lost []bool, timedOut bool, board Board) Board {
	board.Ended = make([]bool, len(nodes))
	for i, node := range nodes {
		board.Ended[i] = node != nil && node.Ended
	}
	if board.Addresses == nil && complete(nodes) {
		for _, node := range nodes {
			board.Addresses = append(board.Addresses, node.Address)
		}
	}
	if board.Verdict == nil {
		board.Verdict, board.Message = judge(nodes, lost, timedOut)
	}
	if board.Verdict == nil && !board.Start && board.Addresses != nil {
		board.Start = true
		for _, node := range nodes {
			board.Start = board.Start && node.Prepared != nil
		}
	}
	return board
}

func complete(nodes []*NodeState) bool {
	for _, node := range nodes {
		if node == nil {
			return false
		}
	}
	return true
}

func judge(nodes []*NodeState, lost []bool, timedOut bool) (*record.Result, string) {
	for i, node := range nodes {
		if node != nil && node.Prepared != nil && *node.Prepared != 0 {
			return &record.Result{Outcome: record.PreparationFailed, ExitCode: *node.Prepared, Node: i},
				fmt.Sprintf("job preparation exited with %d on node %d", *node.Prepared, i)
		}
	}
	if node, task := firstFailure(nodes); task != nil {
		return &record.Result{Outcome: record.TaskFailed, ExitCode: task.ExitCode, Task: task.Name, Node: node},
			fmt.Sprintf("task %s exited with %d on node %d", task.Name, task.ExitCode, node)
	}
	if complete(nodes) {
		done := true
		for _, node := range nodes {
			done = done && decided(node)
		}
		if done {
			return &record.Result{Outcome: record.Succeeded}, "all tasks that decide exited with 0"
		}
	}
	for i, node := range nodes {
		if node == nil || node.Outcome == "" {
			continue
		}
		return &record.Result{Outcome: node.Outcome, ExitCode: leavingCode(node.Outcome), Node: i},
			fmt.Sprintf("node %d: %s", i, node.Message)
	}
	if timedOut {
		return &record.Result{Outcome: record.TimedOut, ExitCode: record.CodeTimedOut},
			"the job did not end within its time limit"
	}
	for i, gone := range lost {
		if gone && (nodes[i] == nil || !decided(nodes[i])) {
			return &record.Result{Outcome: record.PeerLost, ExitCode: record.CodePeerLost, Node: i},
				fmt.Sprintf("node %d does not answer any more", i)
		}
	}
	return nil, ""
}

// leavingCode is the launcher's exit code for a node that leaves by itself.
func leavingCode(outcome string) int {
	switch outcome {
	case record.LauncherFailed:
		return record.CodeLauncherFailed
	case record.LogsStuck:
		return record.CodeLogsStuck
	}
	return record.CodeTerminated
}

// decided tells whether all tasks of the node that decide have ended well by themselves.
func decided(node *NodeState) bool {
	if node.Prepared == nil {
		return false
	}
	for _, task := range node.Tasks {
		if task.Decisive && (!task.Done || task.Stopped || task.ExitCode != 0) {
			return false
		}
	}
	return true
}

// firstFailure finds the task that failed by itself first; a parameter server counts as well.
func firstFailure(nodes []*NodeState) (int, *TaskState) {
	where, first := -1, (*TaskState)(nil)
	for i, node := range nodes {
		if node == nil {
			continue
		}
		for t := range node.Tasks {
			task := &node.Tasks[t]
			if !task.Done || task.Stopped || task.ExitCode == 0 {
				continue
			}
			if first == nil || task.EndedAt < first.EndedAt {
				where, first = i, task
			}
		}
	}
	return where, first
}

// Own is the outcome and the launcher's exit code for one node, when its processes have ended.
//
// left is what made this node leave by itself (terminated, launcherFailed, logsStuck, peerLost,
// timedOut), or empty.
func Own(me *NodeState, left string, verdict *record.Result) (outcome string, code int) {
	switch left {
	case record.Terminated, record.LauncherFailed:
		return left, leavingCode(left)
	}
	if me.Prepared != nil && *me.Prepared != 0 {
		return record.PreparationFailed, *me.Prepared
	}
	if verdict != nil && verdict.Outcome == record.PreparationFailed {
		return record.PreparationFailed, verdict.ExitCode
	}
	if verdict != nil && verdict.Outcome == record.Succeeded {
		// A parameter server that fell over when its workers left harms nobody.
		return record.Succeeded, 0
	}
	if _, task := firstFailure([]*NodeState{me}); task != nil {
		return record.TaskFailed, task.ExitCode
	}
	switch left {
	case record.PeerLost:
		return left, record.CodePeerLost
	case record.TimedOut:
		return left, record.CodeTimedOut
	case record.LogsStuck:
		return left, leavingCode(left)
	}
	switch {
	case verdict == nil:
		return record.LauncherFailed, record.CodeLauncherFailed
	case me.Node != 0:
		return record.Stopped, 0
	case verdict.Outcome == record.TimedOut, verdict.Outcome == record.PeerLost:
		return verdict.Outcome, verdict.ExitCode
	}
	return record.Stopped, verdict.ExitCode
}
