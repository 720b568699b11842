package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/journal"
	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/meeting"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
	"batchai.dev/launcher/internal/spool"
	"batchai.dev/launcher/internal/tasks"
	"batchai.dev/launcher/internal/timing"
	"batchai.dev/launcher/internal/verdict"
)

// handled are the signals that are forwarded or acted on. SIGCHLD is the supervisor's, SIGURG the
// Go runtime's. SIGPIPE is handled, not ignored: programs would inherit that it is ignored.
var handled = []os.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2,
	unix.SIGWINCH, unix.SIGALRM, unix.SIGIO, unix.SIGPWR, unix.SIGPIPE, unix.SIGTSTP, unix.SIGCONT}

// Run takes the node through the job and returns the launcher's exit code.
func Run(where layout.Layout, p *plan.Plan, times timing.Timing) int {
	started := time.Now()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, handled...)
	lock, err := layout.Lock(where.LauncherLock(), false, false)
	if err == nil && layout.Exists(where.Started()) {
		err = errors.New("this node has run already; a job's container cannot be started twice")
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "batchai: %v\n", err)
		return record.CodeLauncherFailed
	}
	defer lock.Close()
	c, err := newConductor(where, p, times)
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "batchai: %v\n", err)
		now := record.Time(time.Now())
		_ = record.Write(where, record.Record{Version: 1, Node: p.Node.Index, StartedAt: record.Time(started),
			EndedAt: now, Outcome: record.LauncherFailed, Message: err.Error()})
		return record.CodeLauncherFailed
	}
	c.signals, c.started = signals, started
	return c.perform()
}

func newConductor(where layout.Layout, p *plan.Plan, times timing.Timing) (*conductor, error) {
	c := &conductor{where: where, plan: p, times: times, exits: make(chan *program),
		ends: make([]record.Task, len(p.Tasks))}
	if err := layout.WriteByRename(where.Started(), nil, 0o644); err != nil {
		return nil, fmt.Errorf("the sidecar's folder cannot be written: %w", err)
	}
	var err error
	// The sidecar has made all this; it is made again where the launcher is run without one.
	if err = spool.Make(where.Spool(), p.Streams()); err != nil {
		return nil, err
	}
	if c.journal, err = journal.Open(spool.At(where.Spool(), p.Logs.ExecutionLog).Data()); err != nil {
		return nil, err
	}
	if c.outputs, err = openOutputs(where.Spool(), p.Streams()); err != nil {
		return nil, err
	}
	if c.supervisor, err = tasks.NewSupervisor(); err != nil {
		return nil, err
	}
	c.state = verdict.NodeState{Node: p.Node.Index, Instance: rand.Text(), Address: os.Getenv("BATCHAI_POD_IP")}
	for i, task := range p.Tasks {
		c.ends[i].Name = task.Name
		c.state.Tasks = append(c.state.Tasks, verdict.TaskState{Name: task.Name, Decisive: task.Decisive})
	}
	if p.MaxSeconds != nil {
		// More than 250 years would overflow the clock and end the job at once.
		c.limit = time.After(time.Duration(min(*p.MaxSeconds, 8_000_000_000)) * time.Second)
	}
	c.watch = time.Tick(max(min(times.Patience/8, time.Second), 10*time.Millisecond))
	c.journal.Say("Node %d of %d of job %s/%s/%s starts", p.Node.Index, p.Node.Count,
		p.Job.Workspace, p.Job.Experiment, p.Job.Name)
	return c, c.meet()
}

// meet begins to look for the other nodes, if there are any.
func (c *conductor) meet() error {
	n := c.plan.Node
	if n.Count == 1 {
		if c.state.Address == "" {
			c.state.Address = "127.0.0.1"
		}
		c.host = meeting.NewHost(1, nil, nil, c.times.PeerLost, c.journal.Say)
		c.link = c.host
		return nil
	}
	key := []byte(os.Getenv("BATCHAI_JOB_KEY"))
	if len(key) == 0 || c.state.Address == "" {
		return errors.New("a job of several nodes needs BATCHAI_JOB_KEY and BATCHAI_POD_IP")
	}
	if n.Index > 0 {
		address := net.JoinHostPort(c.plan.Meeting.Host, strconv.Itoa(c.plan.Meeting.Port))
		c.link = meeting.NewGuest(address, key, c.times.PeerLost, c.journal.Say)
		return nil
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", c.plan.Meeting.Port))
	if err != nil {
		return fmt.Errorf("listen for the other nodes: %w", err)
	}
	c.host = meeting.NewHost(n.Count, listener, key, c.times.PeerLost, c.journal.Say)
	c.link = c.host
	return nil
}
