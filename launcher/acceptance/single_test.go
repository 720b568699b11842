package acceptance

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
)

func TestOneNodeSucceeds(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.env = append(p.env, "A=1", "B=$A/${R}/$$UNKNOWN $(A)", "S=$A", "R=user")
		p.plan.UserEnvironment = []string{"A", "B", "R"}
		p.plan.SecretEnvironment = []string{"S"}
		p.plan.Environment = []plan.Variable{{Name: "R", Value: "reserved"}, {Name: "HOSTS", Value: "{{node 0}}:2222", Addresses: true}}
		p.plan.Hostfile = &plan.Hostfile{Path: p.at("hostfile"), Slots: []int{2}}
		p.plan.Links = []plan.Link{{Path: p.at("job/shared"), Target: p.at("share")}}
		p.preparation("echo prepared; touch made-by-preparation; echo careful >&2")
		p.task("wk-0", `ls; echo "$B|$S|$HOSTS|$R|$AZ_BATCHAI_TASK_INDEX|${BATCHAI_PLAN-none}${BATCHAI_JOB_KEY-none}|$PYTHONUNBUFFERED"; echo '$$' $(echo hi)`,
			true, plan.Variable{Name: "AZ_BATCHAI_TASK_INDEX", Value: "0"})
	})
	run, code := p.whole()
	equal(t, "exit code", code, 0)
	want := "made-by-preparation\n1/reserved/$$UNKNOWN $(A)|$A|10.0.0.4:2222|reserved|0|nonenone|1\n$$ hi\n"
	equal(t, "stdout", p.log("stdout-wk-0.txt"), want)
	equal(t, "stderr", p.log("stderr-wk-0.txt"), "")
	equal(t, "preparation", p.log("stdout-job_prep.txt")+p.log("stderr-job_prep.txt"), "prepared\ncareful\n")
	equal(t, "kubectl logs", run.stdout.String(), "prepared\n"+want)
	equal(t, "kubectl logs, errors", run.stderr.String(), "careful\n")
	hostfile, _ := os.ReadFile(p.at("hostfile"))
	equal(t, "hostfile", string(hostfile), "10.0.0.4 slots=2 max-slots=2\n")
	entries, _ := os.ReadDir(p.share)
	equal(t, "files", len(entries), 5)
	linked, _ := os.Readlink(p.at("job/shared"))
	equal(t, "link", linked, p.at("share"))

	r := p.record()
	equal(t, "outcome", r.Outcome, record.Succeeded)
	equal(t, "job", *r.Job, record.Result{Outcome: record.Succeeded})
	equal(t, "preparation's code", r.Preparation.ExitCode, 0)
	equal(t, "task", r.Tasks[0].Name, "wk-0")
	for line := range strings.Lines(p.log("execution.log")) {
		if _, err := time.Parse(time.RFC3339, strings.Fields(line)[0]); err != nil {
			t.Errorf("execution log: %v", err)
		}
	}
	again := p.start("run")
	equal(t, "a second start", again.wait(), record.CodeLauncherFailed)
}

func TestEndsOfTasks(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, line, stdout, signal string
		code                       int
	}{
		{"exit code", "echo out; exit 7", "out\n", "", 7},
		{"no such program", "no-such-program", "", "", 127},
		{"signal", "echo out; kill -9 $$", "out\n", "KILL", 137},
		{"no final newline", "printf hello", "hello", "", 0},
		{"NUL bytes", `printf 'a\0b\0'`, "a\x00b\x00", "", 0},
		{"background child keeps the pipe", "sleep 60 & echo out", "out\n", "", 0},
		{"reopened output", "echo one; echo two > /dev/stdout; echo three", "one\ntwo\nthree\n", "", 0},
		{"broken pipe ends a filter", "yes | head -1; echo ${PIPESTATUS[0]}", "y\n141\n", "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", c.line, true) })
			run, code := p.whole()
			equal(t, "exit code", code, c.code)
			equal(t, "stdout", p.log("stdout-wk-0.txt"), c.stdout)
			equal(t, "kubectl logs", run.stdout.String(), c.stdout)
			equal(t, "signal", p.record().Tasks[0].Signal, c.signal)
			equal(t, "code in the record", p.record().Job.ExitCode, c.code)
		})
	}
}

func TestPreparationFails(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.preparation("echo bad >&2; exit 3")
		p.task("wk-0", "echo never", true)
	})
	_, code := p.whole()
	equal(t, "exit code", code, 3)
	equal(t, "outcome", p.record().Outcome, record.PreparationFailed)
	equal(t, "tasks", len(p.record().Tasks), 0)
	equal(t, "stdout", p.log("stdout-wk-0.txt"), "")
	equal(t, "stderr of preparation", p.log("stderr-job_prep.txt"), "bad\n")
}

// TestTermination: a task that ignores TERM is killed after the grace; what it said is kept.
func TestTermination(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.task("wk-0", "trap 'echo caught' TERM; echo ready; while :; do sleep 0.1; done", true)
	})
	sidecar := p.up()
	run := p.start("run")
	eventually(t, "the task runs", p.has("share/segment/stdouterr/stdout-wk-0.txt", "ready"))
	_ = run.cmd.Process.Signal(syscall.SIGTERM)
	equal(t, "exit code", run.wait(), record.CodeTerminated)
	sidecar.down()
	equal(t, "stdout", p.log("stdout-wk-0.txt"), "ready\ncaught\n")
	r := p.record()
	equal(t, "outcome", r.Outcome, record.Terminated)
	equal(t, "job", r.Job.Outcome, record.Terminated)
	equal(t, "signal", r.Tasks[0].Signal, "KILL")
	equal(t, "stopped", r.Tasks[0].Stopped, true)
}

func TestSignalsAreForwarded(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.task("wk-0", "trap 'echo usr1; exit 0' USR1; echo ready; while :; do sleep 0.05; done", true)
	})
	sidecar := p.up()
	run := p.start("run")
	eventually(t, "the task runs", p.has("share/segment/stdouterr/stdout-wk-0.txt", "ready"))
	_ = run.cmd.Process.Signal(syscall.SIGUSR1)
	equal(t, "exit code", run.wait(), 0)
	sidecar.down()
	equal(t, "stdout", p.log("stdout-wk-0.txt"), "ready\nusr1\n")
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	one := int64(1)
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.plan.MaxSeconds = &one
		p.task("wk-0", "sleep 60", true)
	})
	_, code := p.whole()
	equal(t, "exit code", code, record.CodeTimedOut)
	equal(t, "outcome", p.record().Outcome, record.TimedOut)
}

// TestFastOutput sends 200 MB through both processes and compares the hash; figures are printed.
func TestFastOutput(t *testing.T) {
	t.Parallel()
	const line = "seq 1 25000000 | head -c 200000000"
	expected := sha256.New()
	generator := exec.Command("bash", "-c", line)
	generator.Stdout = expected
	if err := generator.Run(); err != nil {
		t.Fatal(err)
	}
	p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", line, true) })
	sidecar := p.up()
	begin := time.Now()
	run := p.start("run")
	equal(t, "exit code", run.wait(), 0)
	ran := time.Since(begin)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", sidecar.cmd.Process.Pid))
	sidecar.down()
	shipped := time.Since(begin)
	file, err := os.Open(filepath.Join(p.share, "stdout-wk-0.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got := sha256.New()
	if _, err := file.WriteTo(got); err != nil {
		t.Fatal(err)
	}
	equal(t, "hash on the share", fmt.Sprintf("%x", got.Sum(nil)), fmt.Sprintf("%x", expected.Sum(nil)))
	equal(t, "hash of kubectl logs", fmt.Sprintf("%x", sha256.Sum256(run.stdout.Bytes())), fmt.Sprintf("%x", expected.Sum(nil)))
	var disk syscall.Stat_t
	if err := syscall.Stat(p.at(".batchai/spool/stdout-wk-0.txt.data"), &disk); err != nil {
		t.Fatal(err)
	}
	if kept := disk.Blocks * 512; kept > 20<<20 {
		t.Errorf("the spool still holds %d bytes of disk", kept)
	}
	for l := range strings.Lines(string(status)) {
		if strings.HasPrefix(l, "VmHWM") || strings.HasPrefix(l, "VmRSS") {
			t.Logf("sidecar %s", strings.TrimSpace(l))
		}
	}
	t.Logf("200 MB: program and launcher %.0f MB/s, all on the share %.0f MB/s", 200/ran.Seconds(), 200/shipped.Seconds())
}
