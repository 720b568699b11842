package acceptance

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/record"
)

// job starts all nodes of a job and returns them with their launchers.
func job(t *testing.T, count int, change func(i int, p *pod)) (pods []*pod, sidecars, runs []*process) {
	port := freePort(t)
	for i := range count {
		p := newPod(t, i, count, port, func(p *pod) { change(i, p) })
		pods = append(pods, p)
		sidecars = append(sidecars, p.up())
	}
	for i := range pods {
		// Guests first: they have to wait for node 0.
		runs = append([]*process{pods[len(pods)-1-i].start("run")}, runs...)
	}
	return pods, sidecars, runs
}

func TestTensorFlowSucceeds(t *testing.T) {
	t.Parallel()
	pods, sidecars, runs := job(t, 3, func(i int, p *pod) {
		p.plan.Environment = []plan.Variable{{Name: "WORKERS", Value: "{{node 0}}:2223,{{node 1}}:2222,{{node 2}}:2222", Addresses: true}}
		p.plan.Hostfile = &plan.Hostfile{Path: p.at("hostfile"), Slots: []int{1, 1, 1}}
		p.preparation("echo $WORKERS")
		if i == 0 {
			p.task("ps-0", "trap 'echo stopped; exit 9' TERM; echo serving; while :; do sleep 0.05; done", false)
		}
		p.task(fmt.Sprintf("wk-%d", i), fmt.Sprintf("sleep 0.%d; echo $WORKERS", 3*i), true)
	})
	for i, run := range runs {
		equal(t, fmt.Sprintf("code of node %d", i), run.wait(), 0)
		sidecars[i].down()
		const hosts = "10.0.0.4:2223,10.0.0.5:2222,10.0.0.6:2222\n"
		equal(t, "addresses", pods[i].log(fmt.Sprintf("stdout-wk-%d.txt", i)), hosts)
		equal(t, "addresses in preparation", pods[i].log("stdout-job_prep.txt"), hosts)
		equal(t, "outcome", pods[i].record().Outcome, record.Succeeded)
		equal(t, "job", pods[i].record().Job.Outcome, record.Succeeded)
		hostfile, _ := os.ReadFile(pods[i].at("hostfile"))
		equal(t, "hostfile", strings.Count(string(hostfile), "slots=1 max-slots=1\n"), 3)
	}
	equal(t, "parameter server", pods[0].log("stdout-ps-0.txt"), "serving\nstopped\n")
	server := pods[0].record().Tasks[0]
	equal(t, "parameter server's end", fmt.Sprint(server.ExitCode, server.Stopped), "9 true")
}

func TestFailuresOfSeveralNodes(t *testing.T) {
	t.Parallel()
	const server = "sleep 60"
	cases := []struct {
		name                string
		preparation, ps     string
		workers             [2]string
		outcomes            [2]string
		codes               [2]int
		verdict, failedTask string
		node                int
	}{
		{"worker 1 fails", ":", server, [2]string{"sleep 60", "exit 7"}, [2]string{record.Stopped, record.TaskFailed}, [2]int{7, 7}, record.TaskFailed, "wk-1", 1},
		{"master fails", ":", server, [2]string{"exit 5", "sleep 60"}, [2]string{record.TaskFailed, record.Stopped}, [2]int{5, 0}, record.TaskFailed, "wk-0", 0},
		{"parameter server fails", ":", "exit 4", [2]string{"sleep 60", "sleep 60"}, [2]string{record.TaskFailed, record.Stopped}, [2]int{4, 0}, record.TaskFailed, "ps-0", 0},
		{"parameter server ends well", ":", "exit 0", [2]string{"sleep 0.3", "sleep 0.5"}, [2]string{record.Succeeded, record.Succeeded}, [2]int{0, 0}, record.Succeeded, "", 0},
		{"preparation fails on node 1", `[ "$BATCHAI_NODE" = 0 ] || exit 6; sleep 60`, server, [2]string{"echo never", "echo never"}, [2]string{record.PreparationFailed, record.PreparationFailed}, [2]int{6, 6}, record.PreparationFailed, "", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pods, sidecars, runs := job(t, 2, func(i int, p *pod) {
				p.plan.Environment = []plan.Variable{{Name: "BATCHAI_NODE", Value: fmt.Sprint(i)}}
				p.preparation(c.preparation)
				if i == 0 {
					p.task("ps-0", c.ps, false)
				}
				p.task(fmt.Sprintf("wk-%d", i), c.workers[i], true)
			})
			for i, run := range runs {
				equal(t, fmt.Sprintf("code of node %d", i), run.wait(), c.codes[i])
				sidecars[i].down()
				r := pods[i].record()
				equal(t, fmt.Sprintf("outcome of node %d", i), r.Outcome, c.outcomes[i])
				equal(t, "verdict", r.Job.Outcome, c.verdict)
				equal(t, "task", r.Job.Task, c.failedTask)
				equal(t, "node", r.Job.Node, c.node)
				if c.verdict == record.PreparationFailed {
					equal(t, "no task started", pods[i].log(fmt.Sprintf("stdout-wk-%d.txt", i)), "")
				}
			}
		})
	}
}

func TestTerminationOfOneNodeEndsAll(t *testing.T) {
	t.Parallel()
	pods, sidecars, runs := job(t, 2, func(i int, p *pod) {
		p.task(fmt.Sprintf("wk-%d", i), "echo ready; sleep 60", true)
	})
	eventually(t, "node 1 runs", pods[1].has("share/segment/stdouterr/stdout-wk-1.txt", "ready"))
	_ = runs[1].cmd.Process.Signal(syscall.SIGTERM)
	equal(t, "code of node 1", runs[1].wait(), record.CodeTerminated)
	equal(t, "code of node 0", runs[0].wait(), record.CodeTerminated)
	for i := range pods {
		sidecars[i].down()
		equal(t, "verdict", *pods[i].record().Job, record.Result{Outcome: record.Terminated, ExitCode: 143, Node: 1})
	}
}

func TestTimeLimitOfSeveralNodes(t *testing.T) {
	t.Parallel()
	two := int64(2)
	pods, sidecars, runs := job(t, 2, func(i int, p *pod) {
		p.plan.MaxSeconds = &two
		p.task(fmt.Sprintf("wk-%d", i), "sleep 60", true)
	})
	equal(t, "code of node 0", runs[0].wait(), record.CodeTimedOut)
	equal(t, "code of node 1", runs[1].wait(), 0)
	for i := range pods {
		sidecars[i].down()
		equal(t, "verdict", pods[i].record().Job.Outcome, record.TimedOut)
	}
	alone := newPod(t, 1, 2, freePort(t), func(p *pod) { p.plan.MaxSeconds = &two; p.task("wk-1", ":", true) })
	_, code := alone.whole()
	equal(t, "a guest that finds nobody", code, record.CodeTimedOut)
}

// TestStrangers: garbage, silence, and a launcher with another key do not disturb the meeting.
func TestStrangers(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	make := func(i int) *pod {
		return newPod(t, i, 2, port, func(p *pod) { p.task(fmt.Sprintf("wk-%d", i), "sleep 0.5; exit 0", true) })
	}
	first, second := make(0), make(1)
	sidecar := first.up()
	run := first.start("run")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, "node 0 listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	for i := range 40 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			_, _ = io.CopyN(conn, rand.Reader, 4096)
		}
	}
	impostor := make(1)
	impostor.env = append(impostor.env, "BATCHAI_JOB_KEY=another key")
	fake := impostor.start("run")
	time.Sleep(500 * time.Millisecond)
	if first.has(".batchai/spool/execution.log.data", "Node 1 is here")() {
		t.Error("a stranger was taken for node 1")
	}
	fake.kill()
	other := second.up()
	equal(t, "code of node 1", second.start("run").wait(), 0)
	equal(t, "code of node 0", run.wait(), 0)
	sidecar.down()
	other.down()
}

// relay is a network that can be cut: guests reach node 0 through it.
type relay struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	conns    []net.Conn
}

func newRelay(t *testing.T, target int) *relay {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, target: fmt.Sprintf("127.0.0.1:%d", target)}
	t.Cleanup(func() { _ = listener.Close(); r.cut() })
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", r.target)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			r.mu.Unlock()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		}
	}()
	return r
}

func (r *relay) cut() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	n := len(r.conns)
	r.conns = nil
	return n
}

func TestDroppedConnections(t *testing.T) {
	t.Parallel()
	var network *relay
	pods, sidecars, runs := job(t, 2, func(i int, p *pod) {
		if i == 1 {
			network = newRelay(t, p.plan.Meeting.Port)
			p.plan.Meeting.Port = network.listener.Addr().(*net.TCPAddr).Port
		}
		p.task(fmt.Sprintf("wk-%d", i), fmt.Sprintf("echo ready; sleep 2; exit %d", i), true)
	})
	eventually(t, "node 1 runs", pods[1].has("share/segment/stdouterr/stdout-wk-1.txt", "ready"))
	cuts := 0
	for range 8 {
		cuts += network.cut()
		time.Sleep(200 * time.Millisecond)
	}
	if cuts < 4 {
		t.Errorf("only %d connections were there to cut", cuts)
	}
	equal(t, "code of node 1", runs[1].wait(), 1)
	equal(t, "code of node 0", runs[0].wait(), 1)
	for i := range pods {
		sidecars[i].down()
		equal(t, "verdict", pods[i].record().Job.Task, "wk-1")
	}
}
