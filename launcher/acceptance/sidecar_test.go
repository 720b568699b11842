package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"batchai.dev/launcher/internal/plan"
)

func TestSidecarEndsAtOnceWithoutAJob(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", ":", true) })
	sidecar := p.up()
	begin := time.Now()
	sidecar.down()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(p.log("execution.log"), "never started") {
		t.Error("the execution log does not say that the job was never started")
	}
}

func TestSidecarNeverEndsByItself(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", "echo hi", true) })
	sidecar := p.up()
	equal(t, "exit code", p.start("run").wait(), 0)
	eventually(t, "the logs are final", func() bool { _, err := os.Stat(p.at(".batchai/final")); return err == nil })
	equal(t, "complete before it is told to end", p.log("stdout-wk-0.txt"), "hi\n")
	select {
	case <-sidecar.done:
		t.Error("the sidecar ended by itself; Kubernetes would start it again")
	case <-time.After(500 * time.Millisecond):
	}
	sidecar.down()
}

func TestPrepareSaysWhatFailed(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.task("wk-0", ":", true)
		touch(t, p.at("share/file"))
		p.plan.Folders = []string{p.at("share/file/folder")}
	})
	sidecar := p.start("sidecar")
	eventually(t, "the sidecar is ready", p.has(".batchai/spool/execution.log.data", "Output goes to"))
	prepare := p.start("prepare")
	equal(t, "exit code", prepare.wait(), 1)
	if !strings.Contains(prepare.stderr.String(), "share/file/folder") {
		t.Errorf("the message does not name the folder: %s", prepare.stderr.String())
	}
	message, _ := os.ReadFile(p.at("dev/sidecar-log"))
	equal(t, "the sidecar container's last words", string(message), prepare.stderr.String())
	sidecar.down()
}

func TestPrepareLeavesAReadOnlyProgram(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", ":", true) })
	sidecar := p.up()
	info, err := os.Stat(p.at(".batchai/launcher"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "mode", info.Mode(), os.FileMode(0o555))
	equal(t, "again, as after a restart", p.start("prepare").wait(), 0)
	sidecar.down()
}

// TestShareThatIsGoneForAWhile: nothing is dropped, the order is kept, and the log says so.
func TestShareThatIsGoneForAWhile(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.plan.Folders = nil
		p.task("wk-0", "echo one; while [ ! -e healed ]; do sleep 0.05; done; echo two", true)
	})
	segment := filepath.Dir(p.share)
	touch(t, segment) // A file where a folder should be: every open fails.
	sidecar := p.up()
	run := p.start("run")
	eventually(t, "the failure is noted", p.has(".batchai/spool/execution.log.data", "stdout-wk-0.txt fails and is tried again"))
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task runs", func() bool { _, err := os.Stat(p.at("wd")); return err == nil })
	touch(t, p.at("wd/healed"))
	equal(t, "exit code", run.wait(), 0)
	sidecar.down()
	equal(t, "stdout", p.log("stdout-wk-0.txt"), "one\ntwo\n")
	if !strings.Contains(p.log("execution.log"), "stdout-wk-0.txt works again") {
		t.Error("the recovery is not in the log")
	}
}

// TestFullShare: while the share is full nothing is lost, and the job goes on.
func TestFullShare(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", "seq 1 400000; echo done > finished", true) })
	mount := p.at("share")
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount a tmpfs here: %v", err)
	}
	defer func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) }()
	sidecar := p.up()
	run := p.start("run")
	equal(t, "exit code, with a full share", run.wait(), 0)
	eventually(t, "the failure is noted", p.has(".batchai/spool/execution.log.data", "no space left on device"))
	if err := syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	sidecar.down()
	text := p.log("stdout-wk-0.txt")
	if !strings.HasPrefix(text, "1\n2\n") || !strings.HasSuffix(text, "\n399999\n400000\n") || strings.Count(text, "\n") != 400000 {
		t.Errorf("%d bytes are not the numbers 1 to 400000", len(text))
	}
}

func TestBlobIsShownAtTheBeginningNowAndThenAndAtTheEnd(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.plan.Logs.Kind = plan.KindBlob
		p.task("wk-0", "while [ ! -e begin ]; do sleep 0.02; done; echo one; while [ ! -e end ]; do sleep 0.02; done; printf two", true)
	})
	sidecar := p.up()
	run := p.start("run")
	file := "share/segment/stdouterr/stdout-wk-0.txt"
	eventually(t, "an empty file", func() bool { _, err := os.Stat(p.at(file)); return err == nil })
	eventually(t, "the task runs", func() bool { _, err := os.Stat(p.at("wd")); return err == nil })
	touch(t, p.at("wd/begin"))
	eventually(t, "the first line, while the task runs", p.has(file, "one\n"))
	touch(t, p.at("wd/end"))
	equal(t, "exit code", run.wait(), 0)
	sidecar.down()
	equal(t, "stdout", p.log("stdout-wk-0.txt"), "one\ntwo")
}

// TestLogsOfAnEarlierAttemptAreKept: a new Pod of the same job writes behind them.
func TestLogsOfAnEarlierAttemptAreKept(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) { p.task("wk-0", "echo second", true) })
	if err := os.MkdirAll(p.share, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.share, "stdout-wk-0.txt"), []byte("first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, code := p.whole()
	equal(t, "exit code", code, 0)
	equal(t, "stdout", p.log("stdout-wk-0.txt"), "first\nsecond\n")
}

// TestLiveness: a line is on the share soon after it was written.
func TestLiveness(t *testing.T) {
	t.Parallel()
	p := newPod(t, 0, 1, 0, func(p *pod) {
		p.task("wk-0", "echo ready; while [ ! -e end ]; do sleep 0.02; done", true)
	})
	sidecar := p.up()
	run := p.start("run")
	eventually(t, "the line, while the task runs", p.has("share/segment/stdouterr/stdout-wk-0.txt", "ready\n"))
	touch(t, p.at("wd/end"))
	equal(t, "exit code", run.wait(), 0)
	sidecar.down()
}
