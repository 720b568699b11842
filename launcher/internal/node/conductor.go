// Package node is the first process of a job's container: it takes one node through the job.
//
// The `run` subcommand calls Run. One goroutine, the conductor, handles all events in turn, so
// nothing here needs a lock. It must not decide about the job (package verdict does) and must not
// touch the volumes of the job except for the working directory and the hostfile.
package node

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/journal"
	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/meeting"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
	"batchai.dev/launcher/internal/tasks"
	"batchai.dev/launcher/internal/timing"
	"batchai.dev/launcher/internal/verdict"
)

// program is a task, or the preparation, that was started.
type program struct {
	name    string
	task    int // Index among the plan's tasks, -1 for the preparation.
	process *tasks.Process
}

type conductor struct {
	where      layout.Layout
	plan       *plan.Plan
	times      timing.Timing
	journal    *journal.Journal
	supervisor *tasks.Supervisor
	outputs    *outputs
	signals    <-chan os.Signal
	link       meeting.Link
	host       *meeting.Host // Only on node 0.
	limit      <-chan time.Time
	watch      <-chan time.Time // When to look how the volume of the logs does.
	started    time.Time

	state       verdict.NodeState
	board       verdict.Board
	met         bool   // Node 0 has spoken to us.
	left        string // Why this node left by itself, see verdict.Own.
	message     string
	environment map[string]string
	programs    []*program
	exits       chan *program
	running     int
	preparation *record.Run
	ends        []record.Task
}

// over tells whether nothing new may be started.
func (c *conductor) over() bool { return c.left != "" || c.board.Verdict != nil }

// until handles events until the condition holds or the job is over for this node.
func (c *conductor) until(condition func() bool) {
	for !c.over() && !condition() {
		c.handle(nil)
	}
}

// settle handles events until the condition holds, whatever happens, for at most the time given.
func (c *conductor) settle(within time.Duration, condition func() bool) {
	deadline := time.After(within)
	for expired := false; !condition() && !expired; {
		expired = c.handle(deadline)
	}
}

// handle waits for one event. It returns true when it was the deadline.
func (c *conductor) handle(deadline <-chan time.Time) bool {
	lost := c.link.Lost()
	if c.over() {
		lost = nil // Closed for good; it would be all we ever hear.
	}
	select {
	case <-deadline:
		return true
	case number := <-c.signals:
		c.onSignal(number.(syscall.Signal))
	case board := <-c.link.Boards():
		c.onBoard(board)
	case <-lost:
		c.leave(record.PeerLost, fmt.Sprintf("node 0 has not answered for %v", c.times.PeerLost), unix.SIGTERM, c.times.Stop)
	case <-c.limit:
		c.onLimit()
	case <-c.watch:
		c.onWatch()
	case ended := <-c.exits:
		c.onExit(ended)
	}
	return false
}

func (c *conductor) onBoard(board verdict.Board) {
	c.met = true
	if c.board.Addresses == nil && board.Addresses != nil {
		c.journal.Say("All %d nodes are here: %v", len(board.Addresses), board.Addresses)
	}
	if c.board.Verdict == nil && board.Verdict != nil {
		c.journal.Say("The job has ended: %s, exit code %d (%s)", board.Verdict.Outcome, board.Verdict.ExitCode, board.Message)
		if c.left == "" {
			c.stop(unix.SIGTERM, c.times.Stop)
		}
	}
	c.board = board
}

// onSignal ends the node on those that ask for an end; all others are the programs' business.
func (c *conductor) onSignal(number syscall.Signal) {
	switch number {
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		if !c.over() {
			c.leave(record.Terminated, "the Pod was asked to end by SIG"+tasks.SignalName(number), number, c.times.Terminate)
		}
	case unix.SIGPIPE:
	default:
		for _, running := range c.programs {
			running.process.Signal(number)
		}
	}
}

func (c *conductor) onLimit() {
	c.limit = nil
	switch {
	case c.host != nil:
		c.host.TimeOut()
	case !c.met:
		c.leave(record.TimedOut, "node 0 was not found within the job's time limit", unix.SIGTERM, c.times.Stop)
	}
}

// onWatch ends the node when its programs have waited too long for a volume that takes nothing.
func (c *conductor) onWatch() {
	if name, held := c.outputs.held(); held >= c.times.Patience && !c.over() {
		c.leave(record.LogsStuck, fmt.Sprintf("the volume of the logs has taken nothing of %s for %v, and no more can be kept here",
			name, held.Round(time.Second)), unix.SIGTERM, c.times.Stop)
	}
}

// leave ends this node's part for a reason of its own and tells node 0.
func (c *conductor) leave(outcome, message string, first syscall.Signal, grace time.Duration) {
	if c.left != "" {
		return
	}
	c.left, c.message = outcome, message
	c.journal.Say("This node ends: %s", message)
	if outcome == record.Terminated || outcome == record.LauncherFailed || outcome == record.LogsStuck {
		c.state.Outcome, c.state.Message = outcome, message
		c.report()
	}
	c.stop(first, grace)
}

func (c *conductor) fail(err error) {
	c.leave(record.LauncherFailed, err.Error(), unix.SIGTERM, c.times.Stop)
}

func (c *conductor) stop(first syscall.Signal, grace time.Duration) {
	for _, running := range c.programs {
		running.process.Stop(first, grace)
	}
}

func (c *conductor) onExit(ended *program) {
	c.running--
	exit := ended.process.Exit()
	run := record.Run{ExitCode: exit.Code, Signal: exit.Signal, Stopped: exit.Stopped,
		StartedAt: record.Time(exit.StartedAt), EndedAt: record.Time(exit.EndedAt)}
	how := fmt.Sprintf("exited with %d", exit.Code)
	if exit.Signal != "" {
		how = "was ended by signal " + exit.Signal
	}
	if exit.Stopped {
		how += " after it was asked to stop"
	}
	c.journal.Say("%s %s", ended.name, how)
	if ended.task < 0 {
		c.preparation = &run
		if !exit.Stopped {
			c.state.Prepared = &run.ExitCode
		}
	} else {
		c.ends[ended.task].Run = run
		task := &c.state.Tasks[ended.task]
		task.Done, task.ExitCode, task.Stopped, task.EndedAt = true, exit.Code, exit.Stopped, run.EndedAt
	}
	c.report()
}

// report sends a copy, because the link keeps what it gets.
func (c *conductor) report() {
	state := c.state
	state.Tasks = append([]verdict.TaskState(nil), c.state.Tasks...)
	c.link.Report(state)
}
