package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"batchai.dev/launcher/internal/record"
)

// The table of kills. A job of two nodes (three, of which one never comes, for the phase `meeting`)
// is brought to a phase, then somebody is killed by SIGKILL. What programs wrote must be on the
// share, each line once, and the nodes that live must say what happened.

// counter writes numbered lines to stdout, and the number to a witness after that, until a file
// appears; so what it wrote is known even when it is killed.
func counter(witness, until string) string {
	return fmt.Sprintf(`n=0; while [ ! -e %s ]; do n=$((n+1)); echo "line $n"; echo $n >> %s; sleep 0.003; done`, until, witness)
}

type cast struct {
	t        *testing.T
	pods     []*pod
	sidecars []*process
	runs     []*process
	proceed  string // The file that lets counters end.
}

func newCast(t *testing.T, phase string) *cast {
	c := &cast{t: t, proceed: filepath.Join(t.TempDir(), "proceed")}
	port, count := freePort(t), 2
	if phase == "meeting" {
		count = 3
	}
	for i := range 2 {
		p := newPod(t, i, count, port, func(p *pod) {
			p.preparation(":")
			line := counter(p.at("witness"), c.proceed)
			switch phase {
			case "preparation":
				p.preparation(line)
				line = ":"
			case "ending":
				// A grandchild holds the output, so that launchers take their time to drain.
				p.timing = strings.Replace(p.timing, "drain=500ms", "drain=3s", 1)
				line = fmt.Sprintf("for n in 1 2 3; do echo line $n; echo $n >> %s; done; sleep 5 &", p.at("witness"))
			}
			p.task(fmt.Sprintf("wk-%d", i), line, true)
		})
		c.pods = append(c.pods, p)
		c.sidecars = append(c.sidecars, p.up())
		c.runs = append(c.runs, p.start("run"))
	}
	for i, p := range c.pods {
		switch phase {
		case "meeting":
			eventually(t, "node 0 knows both", c.pods[0].has(".batchai/spool/execution.log.data", fmt.Sprintf("Node %d is here", i)))
		case "ending":
			eventually(t, "the job has ended", p.has(".batchai/spool/execution.log.data", "The job has ended"))
		default:
			eventually(t, "the counter counts", func() bool { return p.witnessed() > 20 })
		}
	}
	if phase == "meeting" {
		time.Sleep(300 * time.Millisecond) // So that node 1 has heard node 0.
	}
	return c
}

// witnessed is the last number that the counter had surely written.
func (p *pod) witnessed() int {
	text, _ := os.ReadFile(p.at("witness"))
	return strings.Count(string(text), "\n")
}

// children returns the processes that a launcher has started.
func children(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, after, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(after)
		if len(fields) > 2 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, child)
		}
	}
	return found
}

func (c *cast) kill(victim string) {
	kill := func(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }
	switch victim {
	case "task":
		for _, pid := range children(c.runs[1].cmd.Process.Pid) {
			kill(pid)
		}
	case "launcher":
		kill(c.runs[1].cmd.Process.Pid)
	case "sidecar":
		c.sidecars[1].kill()
		c.sidecars[1] = c.pods[1].up()
	case "node 0", "launcher and tasks":
		node := 1
		if victim == "node 0" {
			node = 0
		}
		tasks := children(c.runs[node].cmd.Process.Pid)
		kill(c.runs[node].cmd.Process.Pid)
		for _, pid := range tasks {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
}

// expectation is what the nodes say in the end: outcome and exit code, "" for one that was killed.
type expectation struct {
	first, second         string
	firstCode, secondCode int
}

var (
	fine       = expectation{record.Succeeded, record.Succeeded, 0, 0}
	secondGone = expectation{record.PeerLost, "", record.CodePeerLost, -1}
	firstGone  = expectation{"", record.PeerLost, -1, record.CodePeerLost}
)

func TestKills(t *testing.T) {
	t.Parallel()
	table := []struct {
		victim, phase string
		expectation
	}{
		{"task", "preparation", expectation{record.PreparationFailed, record.PreparationFailed, 137, 137}},
		{"task", "running", expectation{record.Stopped, record.TaskFailed, 137, 137}},
		{"task", "ending", fine}, // Only a grandchild is left to be killed.
		{"launcher", "preparation", secondGone},
		{"launcher", "meeting", secondGone},
		{"launcher", "running", secondGone},
		{"launcher", "ending", expectation{record.Succeeded, "", 0, -1}},
		{"launcher and tasks", "preparation", secondGone},
		{"launcher and tasks", "meeting", secondGone},
		{"launcher and tasks", "running", secondGone},
		{"launcher and tasks", "ending", expectation{record.Succeeded, "", 0, -1}},
		{"sidecar", "preparation", fine},
		{"sidecar", "meeting", expectation{record.Terminated, record.Stopped, record.CodeTerminated, 0}},
		{"sidecar", "running", fine},
		{"sidecar", "ending", fine},
		{"node 0", "preparation", firstGone},
		{"node 0", "meeting", firstGone},
		{"node 0", "running", firstGone},
		{"node 0", "ending", expectation{"", record.Succeeded, -1, 0}},
	}
	for _, row := range table {
		t.Run(row.victim+" in "+row.phase, func(t *testing.T) {
			t.Parallel()
			c := newCast(t, row.phase)
			c.kill(row.victim)
			if row.victim == "sidecar" {
				time.Sleep(200 * time.Millisecond)
				touch(t, c.proceed)
				if row.phase == "meeting" {
					// Nobody else will come; end the job as the operator would.
					_ = c.runs[0].cmd.Process.Signal(syscall.SIGTERM)
				}
			}
			c.check(row.phase, row.expectation)
		})
	}
}

func (c *cast) check(phase string, want expectation) {
	c.t.Helper()
	equal(c.t, "code of node 0", c.runs[0].wait(), want.firstCode)
	equal(c.t, "code of node 1", c.runs[1].wait(), want.secondCode)
	for i, outcome := range []string{want.first, want.second} {
		p := c.pods[i]
		c.sidecars[i].down()
		if outcome == "" {
			if _, err := os.Stat(p.at("dev/termination-log")); err == nil {
				c.t.Errorf("node %d was killed and left a record", i)
			}
			eventually(c.t, "the log says so", p.has("share/segment/stdouterr/execution.log", "ended without a record"))
		} else {
			r := p.record()
			equal(c.t, fmt.Sprintf("outcome of node %d", i), r.Outcome, outcome)
			if i == 0 && r.Job == nil {
				c.t.Error("node 0 has no verdict")
			}
		}
		name := fmt.Sprintf("stdout-wk-%d.txt", i)
		if phase == "preparation" {
			name = "stdout-job_prep.txt"
		}
		checkLines(c.t, p.log(name), p.witnessed())
	}
}

// checkLines expects the lines 1 to n, each once and in order, where n is the witnessed number, or
// one more when the counter was killed between its two writes.
func checkLines(t *testing.T, text string, witnessed int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	for i, line := range lines {
		if line != fmt.Sprintf("line %d", i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
	if len(lines) != witnessed && len(lines) != witnessed+1 {
		t.Errorf("%d lines on the share, %d were written", len(lines), witnessed)
	}
}

// TestOutputSurvivesEveryone: launcher and sidecar are killed while a program that outlives them
// writes as fast as it can. Not a byte may be lost or doubled.
func TestOutputSurvivesEveryone(t *testing.T) {
	t.Parallel()
	const last = 12000000
	for round := range 3 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel()
			p := newPod(t, 0, 1, 0, func(p *pod) {
				p.task("wk-0", fmt.Sprintf("setsid seq 1 %d & sleep 20 >/dev/null 2>&1", last), true)
			})
			sidecar := p.up()
			run := p.start("run")
			data := filepath.Join(p.share, "stdout-wk-0.txt")
			eventually(t, "output flows", func() bool { info, err := os.Stat(data); return err == nil && info.Size() > 0 })
			sidecar.kill()
			sidecar = p.up()
			time.Sleep(time.Duration(7*round) * time.Millisecond)
			run.kill()
			spooled, err := os.Stat(p.at(".batchai/spool/stdout-wk-0.txt.data"))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the logs are final", func() bool { _, err := os.Stat(p.at(".batchai/final")); return err == nil })
			sidecar.down()
			text := p.log("stdout-wk-0.txt")
			if int64(len(text)) == spooled.Size() {
				t.Skip("the program had ended before the launcher was killed; this machine is too slow for the test")
			}
			want := 0
			for line := range strings.Lines(text) {
				if want++; line != strconv.Itoa(want)+"\n" {
					t.Fatalf("line %d is %q", want, line)
				}
			}
			equal(t, "lines", want, last)
		})
	}
}
