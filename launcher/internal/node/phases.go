package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/expand"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
	"batchai.dev/launcher/internal/tasks"
	"batchai.dev/launcher/internal/verdict"
)

const (
	lastWord  = 5 * time.Second
	shortWord = 2 * time.Second
	linger    = 200 * time.Millisecond
)

// perform takes the node through all phases and returns the launcher's exit code.
//
// The nodes first learn each other's addresses, so that preparation sees all variables (spec 3.7),
// then prepare, then, when all have, start their tasks.
func (c *conductor) perform() int {
	c.report()
	c.until(func() bool { return c.board.Addresses != nil })
	if !c.over() {
		if err := c.furnish(); err != nil {
			c.fail(err)
		}
	}
	if !c.over() {
		c.prepare()
	}
	c.until(func() bool { return c.board.Start })
	if !c.over() {
		c.start()
	}
	c.until(func() bool { return false })
	// Whatever ended the job has told the programs to stop; those that do not are killed in time.
	c.settle(c.times.Terminate+lastWord, func() bool { return c.running == 0 })
	return c.end()
}

// furnish makes what programs find when they start: variables, working directory, hostfile.
func (c *conductor) furnish() (err error) {
	if c.environment, err = expand.Shared(os.Environ(), c.plan, c.board.Addresses); err != nil {
		return err
	}
	if err := os.MkdirAll(c.plan.WorkingDirectory, 0o777); err != nil {
		return fmt.Errorf("make the working directory: %w", err)
	}
	if c.plan.Hostfile == nil {
		return nil
	}
	var lines strings.Builder
	for i, address := range c.board.Addresses {
		_, _ = fmt.Fprintf(&lines, "%s slots=%[2]d max-slots=%[2]d\n", address, c.plan.Hostfile.Slots[i])
	}
	if err := os.MkdirAll(filepath.Dir(c.plan.Hostfile.Path), 0o777); err != nil {
		return fmt.Errorf("make the hostfile's folder: %w", err)
	}
	if err := os.WriteFile(c.plan.Hostfile.Path, []byte(lines.String()), 0o644); err != nil {
		return fmt.Errorf("write the hostfile: %w", err)
	}
	return nil
}

func (c *conductor) prepare() {
	if c.plan.Preparation == nil {
		zero := 0
		c.state.Prepared = &zero
		c.report()
		return
	}
	p := c.plan.Preparation
	if err := c.launch("Job preparation", -1, p.CommandLine, p.Stdout, p.Stderr, nil); err != nil {
		c.fail(err)
	}
	c.until(func() bool { return c.preparation != nil })
}

func (c *conductor) start() {
	for i, task := range c.plan.Tasks {
		if c.over() {
			return
		}
		if err := c.launch("Task "+task.Name, i, task.CommandLine, task.Stdout, task.Stderr, task.Environment); err != nil {
			c.fail(fmt.Errorf("start task %s: %w", task.Name, err))
		}
	}
}

// launch starts one program with its own outputs.
func (c *conductor) launch(name string, task int, line, stdout, stderr string, own []plan.Variable) error {
	environment, err := expand.Task(c.environment, own, c.board.Addresses)
	if err != nil {
		return err
	}
	out, err := c.outputs.begin(stdout, os.Stdout)
	if err != nil {
		return err
	}
	defer out.Close()
	problems, err := c.outputs.begin(stderr, os.Stderr)
	if err != nil {
		return err
	}
	defer problems.Close()
	started := &program{name: name, task: task, process: c.supervisor.Start(tasks.Command{
		Line: line, Directory: c.plan.WorkingDirectory, Environment: environment, Stdout: out, Stderr: problems,
	})}
	c.journal.Say("%s started as process %d in %s", name, started.process.Pid(), c.plan.WorkingDirectory)
	c.programs = append(c.programs, started)
	c.running++
	go func() {
		<-started.process.Done()
		c.exits <- started
	}()
	return nil
}

// end says the last word to node 0 (or hears it from all), drains, and writes the record.
func (c *conductor) end() int {
	c.state.Ended = true
	c.report()
	switch {
	case c.host != nil && c.left == record.Terminated:
		// The Pod's grace period is short; guests that miss this find that node 0 is silent.
		c.settle(shortWord, func() bool { return c.board.Verdict != nil && all(c.board.Ended) })
	case c.host != nil:
		c.settle(c.times.Stop+lastWord, func() bool { return c.board.Verdict != nil && all(c.board.Ended) })
	case c.met && c.left != record.PeerLost:
		c.settle(lastWord, func() bool { return len(c.board.Ended) > c.state.Node && c.board.Ended[c.state.Node] })
	}
	ended := time.Now()
	c.outputs.drain(c.times.Drain)
	for _, program := range c.programs {
		program.process.Signal(unix.SIGKILL) // What is left of its group; the container ends now.
	}
	c.outputs.finish()
	outcome, code := verdict.Own(&c.state, c.left, c.board.Verdict)
	if c.outputs.weak() {
		c.journal.Say("This disk cannot splice: a kill of the launcher might have lost up to 64 KiB of output")
	}
	c.journal.Say("Node %d ends: %s, exit code %d", c.state.Node, outcome, code)
	c.write(outcome, ended)
	if !c.caughtUp() {
		c.journal.Say("The volume of the logs has not taken all output; the rest is left to the Pod's grace period")
	}
	if c.host != nil && len(c.board.Ended) > 1 {
		time.Sleep(linger) // So that the last guest's last word is answered.
	}
	c.link.Close()
	return code
}

// caughtUp waits for the volume where there is time for that and it has not been waited for already.
func (c *conductor) caughtUp() bool {
	switch c.left {
	case record.Terminated:
		return true
	case record.LogsStuck:
		return false
	}
	return c.outputs.caughtUp(c.times.CatchUp, c.signals)
}

func all(values []bool) bool {
	for _, value := range values {
		if !value {
			return false
		}
	}
	return true
}

// write leaves the record. A failure is told on stderr: there is no other place any more.
func (c *conductor) write(outcome string, ended time.Time) {
	r := record.Record{
		Version: 1, Node: c.state.Node, StartedAt: record.Time(c.started), EndedAt: record.Time(ended),
		Preparation: c.preparation, Outcome: outcome, Message: c.message, Job: c.board.Verdict,
	}
	for _, task := range c.ends {
		if task.EndedAt != "" {
			r.Tasks = append(r.Tasks, task)
		}
	}
	if r.Message == "" {
		r.Message = c.board.Message
	}
	if err := record.Write(c.where, r); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "batchai: the exit record could not be written: %v\n", err)
	}
}
