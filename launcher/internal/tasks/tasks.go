// Package tasks starts programs, reaps every child and stops process groups.
//
// The node's conductor uses it. It must not know what a program is for.
package tasks

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is a program to start through the shell.
type Command struct {
	Line        string
	Directory   string
	Environment []string
	Stdout      *os.File
	Stderr      *os.File
}

// Exit is how a program ended.
type Exit struct {
	Code      int    // 128+n when signal n ended it.
	Signal    string // "KILL", empty when it exited.
	StartedAt time.Time
	EndedAt   time.Time
	Stopped   bool // We had asked it to end before it did.
}

// Process is a started program and the process group that it leads.
type Process struct {
	pid     int
	started time.Time
	done    chan struct{}
	mu      sync.Mutex
	stopped bool
	exit    Exit
}

// Supervisor is the only one in this process that starts and reaps children.
type Supervisor struct {
	null  *os.File
	queue chan func()
	mu    sync.Mutex // Held from fork to registration, so that no child is reaped as a stranger.
	known map[int]*Process
}

// NewSupervisor makes this process the reaper of all its descendants.
func NewSupervisor() (*Supervisor, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the reaper of orphans: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	s := &Supervisor{null: null, queue: make(chan func()), known: map[int]*Process{}}
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go s.reap(children)
	go s.fork()
	return s, nil
}

// fork starts programs from one thread that never ends: the kernel sends a parent-death signal
// when the thread that forked ends, not when the process does.
func (s *Supervisor) fork() {
	runtime.LockOSThread()
	for start := range s.queue {
		start()
	}
}

// Shells are tried in this order.
var Shells = []string{"/bin/bash", "/bin/sh"}

// Start runs a command line through the shell in a process group of its own.
//
// A program that cannot be started has ended with 127 (no shell) or 126, as with a shell, and its
// standard error says why. The caller keeps its files and closes them.
func (s *Supervisor) Start(command Command) *Process {
	reply := make(chan *Process)
	s.queue <- func() { reply <- s.start(command) }
	return <-reply
}

func (s *Supervisor) start(command Command) *Process {
	p := &Process{started: time.Now(), done: make(chan struct{})}
	attributes := &syscall.ProcAttr{
		Dir:   command.Directory,
		Env:   command.Environment,
		Files: []uintptr{s.null.Fd(), command.Stdout.Fd(), command.Stderr.Fd()},
		// A launcher that is killed takes its programs along: nobody could end the job otherwise.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL},
	}
	if info, err := os.Stat(command.Directory); err != nil || !info.IsDir() {
		return p.never(command, 126, fmt.Sprintf("the working directory %s cannot be used: %v", command.Directory, err))
	}
	code, reason := 127, ""
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shell := range Shells {
		pid, err := syscall.ForkExec(shell, []string{shell, "-c", command.Line}, attributes)
		if err == nil {
			p.pid = pid
			s.known[pid] = p
			return p
		}
		if !errors.Is(err, unix.ENOENT) {
			code = 126
		}
		reason += fmt.Sprintf("; %s: %v", shell, err)
	}
	return p.never(command, code, "the command line needs a shell and the image has none that works"+reason)
}

// never ends a process that could not begin.
func (p *Process) never(command Command, code int, reason string) *Process {
	_, _ = fmt.Fprintf(command.Stderr, "batchai: %s\n", reason)
	p.exit = Exit{Code: code, StartedAt: p.started, EndedAt: time.Now()}
	close(p.done)
	return p
}

func (s *Supervisor) reap(children <-chan os.Signal) {
	for range children {
		s.reapAll()
	}
}

func (s *Supervisor) reapAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if process, known := s.known[pid]; known && (status.Exited() || status.Signaled()) {
			delete(s.known, pid)
			process.end(status)
		}
	}
}

func (p *Process) end(status unix.WaitStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exit = Exit{Code: status.ExitStatus(), StartedAt: p.started, EndedAt: time.Now(), Stopped: p.stopped}
	if status.Signaled() {
		p.exit.Code = 128 + int(status.Signal())
		p.exit.Signal = SignalName(status.Signal())
	}
	close(p.done)
}

// SignalName is the name without its prefix: "KILL".
func SignalName(number syscall.Signal) string {
	name := unix.SignalName(number)
	if len(name) > 3 {
		return name[3:]
	}
	return fmt.Sprintf("%d", int(number))
}

// Done is closed when the program itself has ended; its children may live on.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is valid after Done.
func (p *Process) Exit() Exit { return p.exit }

// Pid is 0 for a program that could not be started.
func (p *Process) Pid() int { return p.pid }

// Signal sends to the whole process group.
func (p *Process) Signal(number syscall.Signal) {
	if p.pid > 0 {
		_ = unix.Kill(-p.pid, number)
	}
}

// Stop asks the group to end with a signal and kills it after the grace. It returns at once.
func (p *Process) Stop(first syscall.Signal, grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return
	default:
	}
	if p.stopped {
		return
	}
	p.stopped = true
	p.Signal(first)
	// A program that is stopped (SIGSTOP) would never see the first signal.
	p.Signal(unix.SIGCONT)
	go func() {
		select {
		case <-p.done:
		case <-time.After(grace):
			p.Signal(unix.SIGKILL)
		}
	}()
}
