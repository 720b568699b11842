// Package sidecar is the launcher's part outside the job container: it ships logs, prepares what
// the job container needs, and keeps what programs wrote when that container dies.
//
// The subcommands `sidecar`, `prepare` and `reader` call it. It must never end by itself before it
// is told to: Kubernetes would start it again.
package sidecar

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"batchai.dev/launcher/internal/journal"
	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/shipping"
	"batchai.dev/launcher/internal/spool"
	"batchai.dev/launcher/internal/timing"
)

const (
	glance = 100 * time.Millisecond
	// unstarted is how long an end without a job waits for the execution log to be shipped.
	unstarted = 3 * time.Second
	// holders is how long programs may hold an output after TERM when no launcher is left.
	holders = 5 * time.Second
)

type sidecar struct {
	where    layout.Layout
	plan     *plan.Plan
	times    timing.Timing
	journal  *journal.Journal
	fifos    map[string]int
	launcher *os.File // The launcher's lock, once it is ours.
	stop     chan os.Signal
	stopped  bool
	hurry    chan struct{} // The job has ended.
	last     chan struct{} // No stream grows any more.
	lastWord chan struct{} // Nor does the execution log.
	streams  sync.WaitGroup
	log      sync.WaitGroup
	words    *lastWords
	again    bool // An earlier sidecar of this Pod has died.
}

// Run ships until the job container has ended and everything is on the volume; returns the exit code.
func Run(where layout.Layout, p *plan.Plan, times timing.Timing) int {
	s := &sidecar{where: where, plan: p, times: times, fifos: map[string]int{}, stop: make(chan os.Signal, 1),
		hurry: make(chan struct{}), last: make(chan struct{}), lastWord: make(chan struct{}),
		words: newLastWords(where, p)}
	signal.Notify(s.stop, unix.SIGTERM, unix.SIGINT)
	lock, err := s.open()
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "batchai: %v\n", err)
		return 1
	}
	defer lock.Close()
	s.ship()
	if !s.awaitLauncher() {
		s.journal.Say("The job container was never started")
		close(s.last)
		close(s.lastWord)
		await(&s.streams, unstarted)
		await(&s.log, unstarted)
		return 0
	}
	s.takeOver()
	s.words.drained()
	close(s.last)
	s.streams.Wait()
	s.words.end()
	s.journal.Say("All output of node %d is in %s", p.Node.Index, p.Logs.Directory)
	close(s.lastWord)
	s.log.Wait()
	if err := layout.WriteByRename(where.Final(), nil, 0o644); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "batchai: %v\n", err)
	}
	if !s.stopped {
		<-s.stop
	}
	s.awaitReaders()
	return 0
}

// open holds the read end of every FIFO before it takes the lock, for which `prepare` waits, so
// that no program ever writes into a FIFO that only its own container keeps alive.
func (s *sidecar) open() (*os.File, error) {
	unix.Umask(0) // The job may run as another user than the sidecar.
	if err := spool.Make(s.where.Spool(), s.plan.Streams()); err != nil {
		return nil, err
	}
	for _, name := range s.plan.Streams() {
		fd, err := spool.At(s.where.Spool(), name).OpenRead()
		if err != nil {
			return nil, err
		}
		s.fifos[name] = fd
	}
	// The launcher may run as a user who could not make this file writable for us.
	probe, err := os.OpenFile(s.where.LauncherLock(), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	_ = probe.Close()
	if s.journal, err = journal.Open(s.executionLog().Data()); err != nil {
		return nil, err
	}
	if s.executionLog().Size() == 0 {
		s.introduce()
	} else {
		s.again = true
		s.journal.Say("The sidecar was started again and goes on")
	}
	return layout.Lock(s.where.SidecarLock(), false, true)
}

func (s *sidecar) executionLog() spool.Stream {
	return spool.At(s.where.Spool(), s.plan.Logs.ExecutionLog)
}

// introduce writes the first lines of the execution log: who, and what is mounted.
func (s *sidecar) introduce() {
	job := s.plan.Job
	s.journal.Say("Node %s (%d of %d) of job %s/%s/%s %s", s.plan.Node.ID, s.plan.Node.Index, s.plan.Node.Count,
		job.Workspace, job.Experiment, job.Name, job.UID)
	for _, mount := range mounts("/proc/self/mountinfo") {
		s.journal.Say("Mounted %s at %s (%s)", mount.source, mount.path, mount.kind)
	}
	s.journal.Say("Output goes to %s (%s)", s.plan.Logs.Directory, s.plan.Logs.Kind)
}

// ship starts one shipment per file.
func (s *sidecar) ship() {
	start := func(stream spool.Stream, last chan struct{}, group *sync.WaitGroup) {
		shipment := &shipping.Shipment{Stream: stream, Folder: s.plan.Logs.Directory, Kind: s.plan.Logs.Kind,
			Limit: s.limit(), Times: s.times, Say: s.journal.Say, Blame: s.words.blame, Hurry: s.hurry, Last: last}
		group.Go(shipment.Run)
	}
	for _, name := range s.plan.Streams() {
		start(spool.At(s.where.Spool(), name), s.last, &s.streams)
	}
	start(s.executionLog(), s.lastWord, &s.log)
}

func (s *sidecar) limit() int64 { return spool.Limit / int64(max(1, len(s.plan.Streams()))) }

// awaitLauncher returns true when a launcher was there and is gone, and false when the sidecar is
// told to end before there was one.
func (s *sidecar) awaitLauncher() bool {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	hurried, watched := false, false
	for first := true; ; first = false {
		started := layout.Exists(s.where.Started())
		if started {
			if !watched {
				// Not before: until then the message is `prepare`'s.
				watched = true
				s.words.watch()
			}
			// Kept, never released: no second launcher may begin now.
			if lock, err := layout.Lock(s.where.LauncherLock(), false, false); err == nil {
				s.launcher = lock
				if first && s.again && !layout.Exists(s.where.Record()) && !layout.Exists(s.where.Drained()) {
					s.tore()
				}
				return true
			}
		}
		if s.stopped && !started {
			return false
		}
		// The launcher waits for what this hurries.
		if !hurried && layout.Exists(s.where.Record()) {
			hurried = true
			close(s.hurry)
		}
		select {
		case <-s.stop:
			s.stopped = true
		case <-ticker.C:
		}
	}
}

// takeOver drains what the launcher left in the FIFOs, and repeats it on the sidecar's own output,
// because the job container's log is closed.
func (s *sidecar) takeOver() {
	if !layout.Exists(s.where.Record()) {
		s.journal.Say("The job container's first process ended without a record: it was killed")
	}
	var pumps []*spool.Pump
	var echoes sync.WaitGroup
	for _, name := range s.plan.Streams() {
		pump, err := spool.NewPump(spool.At(s.where.Spool(), name), s.fifos[name], s.limit())
		if err != nil {
			s.journal.Say("The rest of %s cannot be kept: %v", name, err)
			continue
		}
		pumps = append(pumps, pump)
		echoes.Go(spool.NewEcho(pump, os.Stdout).Run)
		go pump.Run()
	}
	var impatient <-chan time.Time
	for _, pump := range pumps {
		for ended := false; !ended; {
			if s.stopped && impatient == nil {
				impatient = time.After(holders)
			}
			select {
			case <-pump.Ended():
				ended = true
			case <-s.stop:
				s.stopped = true
			case <-impatient:
				for _, held := range pumps {
					held.Finish()
				}
			}
		}
	}
	await(&echoes, unstarted)
	// Best effort: without it a later sidecar says that something may be missing which is not.
	_ = layout.WriteByRename(s.where.Drained(), nil, 0o644)
}

// tore says what nobody can know: how much was in the FIFOs when both their readers were dead.
func (s *sidecar) tore() {
	s.words.tore()
	s.journal.Say("Launcher and sidecar were dead at the same time: up to %d bytes of each output may be missing", spool.PipeSize)
}

// awaitReaders lets those finish who follow a log: they are killed when this process ends.
func (s *sidecar) awaitReaders() {
	for deadline := time.Now().Add(s.times.Readers); time.Now().Before(deadline); time.Sleep(glance) {
		if _, err := layout.Lock(s.where.ReadersLock(), false, false); err == nil {
			return
		}
	}
}

func await(group *sync.WaitGroup, limit time.Duration) {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}
