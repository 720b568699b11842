// Package timing holds every waiting time of the launcher, so that tests can shorten them.
//
// Whoever waits asks it. It must not hold any decision.
package timing

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Timing is the set of waiting times.
type Timing struct {
	Terminate time.Duration // From TERM to KILL when the Pod is being deleted (its grace is 30 s).
	Stop      time.Duration // From TERM to KILL when the job has ended on another node.
	Drain     time.Duration // How long grandchildren may hold a task's output after its exit.
	PeerLost  time.Duration // Without a word from a node that had met us.
	Sync      time.Duration // Between two fsyncs of a log on a share.
	Blob      time.Duration // Between two uploads of a log to a blob container, at first.
	CatchUp   time.Duration // How long a natural end waits for the sidecar's shipping.
	Patience  time.Duration // How long programs that wait for a full spool are kept waiting.
	Folder    time.Duration // How long `prepare` waits for a volume to answer.
	Readers   time.Duration // How long an ending sidecar waits for those who read files.
}

// Default returns the times of production.
func Default() Timing {
	return Timing{
		Terminate: 20 * time.Second,
		Stop:      10 * time.Second,
		Drain:     2 * time.Second,
		PeerLost:  30 * time.Second,
		Sync:      2 * time.Second,
		Blob:      5 * time.Second,
		CatchUp:   10 * time.Minute,
		Patience:  10 * time.Minute,
		Folder:    60 * time.Second,
		Readers:   5 * time.Second,
	}
}

// Patient returns the times with the plan's patience for a volume that takes nothing; 0 = as before.
func (t Timing) Patient(seconds int64) Timing {
	if seconds > 0 {
		t.CatchUp = time.Duration(seconds) * time.Second
		t.Patience = t.CatchUp
	}
	return t
}

// FromEnvironment applies BATCHAI_TIMING ("peerLost=3s,stop=1s"), which only tests set.
func FromEnvironment() (Timing, error) {
	t := Default()
	fields := map[string]*time.Duration{
		"terminate": &t.Terminate, "stop": &t.Stop, "drain": &t.Drain, "peerLost": &t.PeerLost,
		"sync": &t.Sync, "blob": &t.Blob, "catchUp": &t.CatchUp, "folder": &t.Folder,
		"readers": &t.Readers, "patience": &t.Patience,
	}
	text := os.Getenv("BATCHAI_TIMING")
	if text == "" {
		return t, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		field, known := fields[name]
		if !known {
			return t, fmt.Errorf("BATCHAI_TIMING: unknown time %q", name)
		}
		duration, err := time.ParseDuration(value)
		if err != nil {
			return t, fmt.Errorf("BATCHAI_TIMING: %s: %w", name, err)
		}
		*field = duration
	}
	return t, nil
}
