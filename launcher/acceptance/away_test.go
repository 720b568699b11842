package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"batchai.dev/launcher/internal/record"
	"batchai.dev/launcher/internal/sidecar"
	"batchai.dev/launcher/internal/spool"
)

// Volumes that stay away: nothing hangs for ever, and what is missing is said in the sidecar's last
// words, which Kubernetes keeps. Here the volume is away because a file is where a folder should be.

// awayPod is a node whose volume is away from the beginning.
func awayPod(t *testing.T, line string, change func(p *pod)) (*pod, string) {
	t.Helper()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.plan.Folders = nil
		p.task("wk-0", line, true)
		if change != nil {
			change(p)
		}
	})
	segment := filepath.Dir(p.share)
	touch(t, segment)
	return p, segment
}

// words reads the sidecar's last words; nil when there are none.
func (p *pod) words() *sidecar.Words {
	p.t.Helper()
	text, _ := os.ReadFile(p.at("dev/sidecar-log"))
	if len(text) == 0 {
		return nil
	}
	words := &sidecar.Words{}
	if err := json.Unmarshal(text, words); err != nil {
		p.t.Fatalf("%v: %q", err, text)
	}
	return words
}

func patient(p *pod, times string) { p.timing += "," + times }

// TestVolumeThatStaysAwayIsWaitedForAndThenToldOf: a success stays one, and the gap has a number.
func TestVolumeThatStaysAwayIsWaitedForAndThenToldOf(t *testing.T) {
	t.Parallel()
	p, _ := awayPod(t, "seq 1 1000; echo oh >&2", func(p *pod) { patient(p, "catchUp=2s") })
	sidecar := p.up()
	run := p.start("run")
	eventually(t, "the record", func() bool { _, err := os.Stat(p.at(".batchai/record.json")); return err == nil })
	begin := time.Now()
	equal(t, "the program's own exit code", run.wait(), 0)
	if waited := time.Since(begin); waited < time.Second {
		t.Errorf("the volume was waited for %v only, although few bytes are no reason to hurry", waited)
	}
	_ = sidecar.cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "the gap is told", func() bool { return p.words() != nil && p.words().Bytes == 3893+3 })
	sidecar.kill() // As the kubelet does when the grace period is over.
	words := p.words()
	equal(t, "files", fmt.Sprint(words.Missing), "[{stdout-wk-0.txt 3893} {stderr-wk-0.txt 3}]")
	if !strings.Contains(words.Reason, "not a directory") {
		t.Errorf("the reason is %q", words.Reason)
	}
	equal(t, "outcome", p.record().Outcome, record.Succeeded)
}

// TestVolumeThatComesBackInTimeIsNotTalkedAbout: also when that is during the Pod's grace period.
func TestVolumeThatComesBackInTimeIsNotTalkedAbout(t *testing.T) {
	t.Parallel()
	p, segment := awayPod(t, "seq 1 1000", func(p *pod) { patient(p, "catchUp=500ms") })
	sidecar := p.up()
	equal(t, "exit code", p.start("run").wait(), 0)
	_ = sidecar.cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "the gap is told", func() bool { return p.words() != nil })
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	equal(t, "exit code of the sidecar", sidecar.wait(), 0)
	if words := p.words(); words != nil {
		t.Errorf("nothing is missing, but it says %v", words)
	}
	equal(t, "lines", strings.Count(p.log("stdout-wk-0.txt"), "\n"), 1000)
}

// TestProgramsThatAVolumeBlocksAreEnded: the spool is full, the volume takes nothing.
func TestProgramsThatAVolumeBlocksAreEnded(t *testing.T) {
	t.Parallel()
	p, _ := awayPod(t, "yes | head -c 600000000; echo $? > finished", func(p *pod) { patient(p, "patience=3s") })
	sidecar := p.up()
	run := p.start("run")
	equal(t, "exit code", run.wait(), record.CodeLogsStuck)
	r := p.record()
	equal(t, "outcome", r.Outcome, record.LogsStuck)
	equal(t, "the job's", *r.Job, record.Result{Outcome: record.LogsStuck, ExitCode: record.CodeLogsStuck})
	if !strings.Contains(r.Message, "has taken nothing of stdout-wk-0.txt") {
		t.Errorf("the message is %q", r.Message)
	}
	if _, err := os.Stat(p.at("wd/finished")); err == nil {
		t.Error("the program was not blocked, so this has shown nothing")
	}
	_ = sidecar.cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "the gap is told", func() bool { return p.words() != nil && p.words().Bytes >= spool.Limit/2 })
	sidecar.kill()
}

// TestProgramsThatFailBeforePatienceEndsKeepTheirCode: the program's own end always stands.
func TestProgramsThatFailBeforePatienceEndsKeepTheirCode(t *testing.T) {
	t.Parallel()
	p, _ := awayPod(t, "(yes | head -c 600000000) & sleep 2; exit 3", func(p *pod) { patient(p, "patience=30s,catchUp=500ms") })
	sidecar := p.up()
	equal(t, "exit code", p.start("run").wait(), 3)
	equal(t, "outcome", p.record().Outcome, record.TaskFailed)
	sidecar.kill()
}

// TestBlockedProgramsGoOnWhenTheVolumeComesBack: patience counts from the last byte that was taken.
func TestBlockedProgramsGoOnWhenTheVolumeComesBack(t *testing.T) {
	t.Parallel()
	p, segment := awayPod(t, "yes | head -c 400000000", func(p *pod) { patient(p, "patience=30s") })
	sidecar := p.up()
	run := p.start("run")
	data := p.at(".batchai/spool/stdout-wk-0.txt.data")
	eventually(t, "the spool is full", func() bool { info, err := os.Stat(data); return err == nil && info.Size() >= spool.Limit/2 })
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	equal(t, "exit code", run.wait(), 0)
	sidecar.down()
	info, err := os.Stat(filepath.Join(p.share, "stdout-wk-0.txt"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "bytes", info.Size(), 400000000)
}

// TestLauncherAndSidecarDeadTogether: what was in the FIFOs may be gone, and that is said.
func TestLauncherAndSidecarDeadTogether(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.task("wk-0", "echo begun; sleep 60 >/dev/null 2>&1", true)
	})
	first := p.up()
	run := p.start("run")
	eventually(t, "the line", p.has("share/segment/stdouterr/stdout-wk-0.txt", "begun\n"))
	tasks := children(run.cmd.Process.Pid)
	first.kill()
	run.kill()
	for _, pid := range tasks {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	second := p.up()
	eventually(t, "the logs are final", func() bool { _, err := os.Stat(p.at(".batchai/final")); return err == nil })
	second.down()
	words := p.words()
	if words == nil || words.Torn != spool.PipeSize || words.Bytes != 0 {
		t.Fatalf("the last words are %v", words)
	}
	if !strings.Contains(p.log("execution.log"), "may be missing") {
		t.Error("the execution log does not say it")
	}
}

// hung makes a file of the share hang: to open a FIFO for writing takes until somebody reads it.
// The function returned lets go of it.
func hung(t *testing.T, p *pod, name string) (release func()) {
	t.Helper()
	if err := os.MkdirAll(p.share, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.share, name)
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return func() {
		reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = reader.Close() })
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVolumeThatHangs: it gives no answer at all, for a while or for good.
func TestVolumeThatHangs(t *testing.T) {
	t.Parallel()
	for _, forGood := range []bool{false, true} {
		t.Run(fmt.Sprintf("for good %v", forGood), func(t *testing.T) {
			t.Parallel()
			p := newPod(t, 0, 1, 0, func(p *pod) {
				p.task("wk-0", "seq 1 1000", true)
				patient(p, "catchUp=1s")
			})
			release := hung(t, p, "stdout-wk-0.txt")
			sidecar := p.up()
			equal(t, "exit code", p.start("run").wait(), 0)
			_ = sidecar.cmd.Process.Signal(syscall.SIGTERM)
			eventually(t, "the gap is told", func() bool { return p.words() != nil && p.words().Bytes == 3893 })
			if forGood {
				sidecar.kill()
				equal(t, "reason", p.words().Reason, "")
				return
			}
			release()
			equal(t, "exit code of the sidecar", sidecar.wait(), 0)
			equal(t, "lines", strings.Count(p.log("stdout-wk-0.txt"), "\n"), 1000)
			if p.words() != nil {
				t.Errorf("nothing is missing, but it says %v", p.words())
			}
		})
	}
}
