// Package acceptance runs the launcher as Kubernetes would, without Kubernetes: each node is a
// folder in place of a Pod, with real processes for sidecar, prepare and run, on loopback.
package acceptance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
)

const (
	key    = "the key of the job"
	timing = "peerLost=3s,stop=2s,terminate=2s,drain=500ms,sync=200ms,blob=300ms,catchUp=20s,readers=1s,folder=5s"
	// patience bounds every wait; the machine may be loaded.
	patience = 45 * time.Second
)

var program string

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait much more than they compute.
	_ = flag.Set("test.parallel", "6")
	folder, err := os.MkdirTemp("", "batchai-launcher-")
	if err != nil {
		panic(err)
	}
	lookAtSources()
	program = filepath.Join(folder, "launcher")
	arguments := []string{"build", "-o", program}
	if os.Getenv("BATCHAI_TEST_RACE") != "" {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "batchai.dev/launcher")...)
	build.Stderr = os.Stderr
	code := 1
	if build.Run() == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// lookAtSources tells Go's test cache what these tests depend on: the program is built here, so a
// change of its sources would otherwise bring back old results.
func lookAtSources() {
	_ = filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			_, err = os.Stat(path)
		}
		return err
	})
}

// pod is one node of a job.
type pod struct {
	t      *testing.T
	root   string // In place of the Pod's own file system.
	share  string // The folder of the job's logs.
	plan   *plan.Plan
	env    []string
	timing string
}

// newPod makes the folder of a node of `count`; port is the meeting's. change adapts the plan.
func newPod(t *testing.T, index, count, port int, change func(p *pod)) *pod {
	t.Helper()
	root := t.TempDir()
	p := &pod{t: t, root: root, share: filepath.Join(root, "share", "segment", "stdouterr"), timing: timing}
	for _, folder := range []string{".batchai", "dev", "share"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	p.plan = &plan.Plan{
		Version: 1, Job: plan.Job{Workspace: "w", Experiment: "e", Name: "j", UID: "u"},
		Node:             plan.Node{Index: index, Count: count, ID: fmt.Sprintf("tvm-%d", index)},
		WorkingDirectory: filepath.Join(root, "wd"), Folders: []string{p.share},
		Logs:        plan.Logs{Directory: p.share, Kind: plan.KindShare, ExecutionLog: "execution.log"},
		Directories: map[string]string{"stdouterr": p.share},
	}
	if count > 1 {
		p.plan.Meeting = &plan.Meeting{Host: "127.0.0.1", Port: port}
	}
	p.env = append(os.Environ(), "BATCHAI_ROOT="+root, "BATCHAI_JOB_KEY="+key,
		fmt.Sprintf("BATCHAI_POD_IP=10.0.0.%d", 4+index))
	if change != nil {
		change(p)
	}
	return p
}

// task adds a task; its files are named as those of a worker.
func (p *pod) task(name, line string, decisive bool, own ...plan.Variable) {
	p.plan.Tasks = append(p.plan.Tasks, plan.Task{Name: name, Decisive: decisive, CommandLine: line,
		Environment: own, Stdout: "stdout-" + name + ".txt", Stderr: "stderr-" + name + ".txt"})
}

func (p *pod) preparation(line string) {
	p.plan.Preparation = &plan.Preparation{CommandLine: line, Stdout: "stdout-job_prep.txt", Stderr: "stderr-job_prep.txt"}
}

// process is a running launcher.
type process struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
	once   sync.Once
	done   chan struct{}
}

func (p *pod) start(arguments ...string) *process {
	p.t.Helper()
	text, err := json.Marshal(p.plan)
	if err != nil {
		p.t.Fatal(err)
	}
	started := &process{t: p.t, name: arguments[0], cmd: exec.Command(program, arguments...), done: make(chan struct{})}
	started.cmd.Env = append(p.env, "BATCHAI_PLAN="+string(text), "BATCHAI_TIMING="+p.timing)
	if arguments[0] == "sidecar" || arguments[0] == "prepare" {
		started.cmd.Env = append(started.cmd.Env, "BATCHAI_TERMINATION_LOG="+p.at("dev/sidecar-log"))
	}
	started.cmd.Stdout, started.cmd.Stderr = &started.stdout, &started.stderr
	// Grandchildren of killed launchers hold our pipes; do not wait for them.
	started.cmd.WaitDelay = 100 * time.Millisecond
	if err := started.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { _ = started.cmd.Wait(); close(started.done) }()
	p.t.Cleanup(func() { started.kill() })
	return started
}

// up starts sidecar and prepare, as the kubelet does before the job container.
func (p *pod) up() *process {
	p.t.Helper()
	sidecar := p.start("sidecar")
	prepare := p.start("prepare")
	if code := prepare.wait(); code != 0 {
		p.t.Fatalf("prepare: %d: %s", code, prepare.stderr.String())
	}
	return sidecar
}

func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s did not end; stdout %q stderr %q", p.name, tail(p.stdout.String()), tail(p.stderr.String()))
	}
	return p.cmd.ProcessState.ExitCode()
}

func tail(text string) string { return text[max(0, len(text)-500):] }

func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
}

// down ends the sidecar as the kubelet does after the job container, and expects a clean end.
func (p *process) down() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Fatalf("sidecar: %d: %s", code, p.stderr.String())
	}
}

// whole runs a job of one node from start to end and returns what the launcher printed and its code.
func (p *pod) whole() (*process, int) {
	p.t.Helper()
	sidecar := p.up()
	run := p.start("run")
	code := run.wait()
	sidecar.down()
	return run, code
}

func (p *pod) log(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.share, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// record reads the termination message and checks that it is what record.json says.
func (p *pod) record() *record.Record {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.root, "dev/termination-log"))
	if err != nil {
		p.t.Fatal(err)
	}
	result := &record.Record{}
	if err := json.Unmarshal(text, result); err != nil || len(text) > record.Limit {
		p.t.Fatalf("%d bytes, %v: %s", len(text), err, text)
	}
	return result
}

func (p *pod) at(name string) string { return filepath.Join(p.root, name) }

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (p *pod) has(name, text string) func() bool {
	return func() bool {
		content, _ := os.ReadFile(p.at(name))
		return strings.Contains(string(content), text)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
