package node

import (
	"os"
	"time"

	"batchai.dev/launcher/internal/spool"
)

const (
	// echoStuck is how long an end waits for a container log that does not move.
	echoStuck = 5 * time.Second
	// echoPatience is how long an end waits for the container's log before it leaves a part out.
	echoPatience = 5 * time.Second
	// mayRemain is what the sidecar can surely ship within the Pod's grace period.
	mayRemain = 16 << 20
	glance    = 20 * time.Millisecond
)

// outputs owns the ways of all streams of this node while the launcher lives.
type outputs struct {
	folder string
	names  []string
	fifos  map[string]int
	pumps  []*spool.Pump
	echoes []*spool.Echo
}

// openOutputs opens every read end, so that a program never waits for a reader.
func openOutputs(folder string, names []string) (*outputs, error) {
	o := &outputs{folder: folder, names: names, fifos: map[string]int{}}
	for _, name := range names {
		fd, err := spool.At(folder, name).OpenRead()
		if err != nil {
			return nil, err
		}
		o.fifos[name] = fd
	}
	return o, nil
}

// begin returns the write end for a program and moves what comes out of it, to the spool and to
// the launcher's own output. The caller closes the write end when the program has its own.
func (o *outputs) begin(name string, own *os.File) (*os.File, error) {
	stream := spool.At(o.folder, name)
	write, err := stream.OpenWrite()
	if err != nil {
		return nil, err
	}
	pump, err := spool.NewPump(stream, o.fifos[name], spool.Limit/int64(len(o.names)))
	if err != nil {
		return nil, err
	}
	echo := spool.NewEcho(pump, own)
	o.pumps, o.echoes = append(o.pumps, pump), append(o.echoes, echo)
	go pump.Run()
	go echo.Run()
	return write, nil
}

// drain waits until no program holds an output any more, or for the time given.
func (o *outputs) drain(within time.Duration) {
	deadline := time.After(within)
	for _, pump := range o.pumps {
		select {
		case <-pump.Ended():
		case <-deadline:
			return
		}
	}
}

// finish moves what is left. Nothing that was written before is lost: what this does not move in
// time the sidecar finds in the FIFO.
func (o *outputs) finish() {
	for _, pump := range o.pumps {
		pump.Finish()
	}
	o.drain(echoStuck)
	patience := time.After(echoPatience)
	for _, echo := range o.echoes {
		select {
		case <-echo.Done():
		case <-patience:
			for _, slow := range o.echoes {
				slow.Hurry()
			}
		}
	}
	for _, echo := range o.echoes {
		for moved := int64(-1); moved != echo.Progress(); {
			moved = echo.Progress()
			select {
			case <-echo.Done():
			case <-time.After(echoStuck):
			}
		}
	}
}

// weak tells whether the spool's file system forced the weaker way of moving.
func (o *outputs) weak() bool {
	for _, pump := range o.pumps {
		if pump.Weak() {
			return true
		}
	}
	return false
}

// held is the output whose program has waited longest for the volume.
func (o *outputs) held() (name string, longest time.Duration) {
	for _, pump := range o.pumps {
		if held := pump.Held(); held > longest {
			name, longest = pump.Name(), held
		}
	}
	return name, longest
}

// caughtUp waits until the sidecar has shipped everything, or nearly so and the volume takes it: at
// a natural end there is no hurry, while after it only the Pod's grace period is left.
func (o *outputs) caughtUp(within time.Duration, hurry <-chan os.Signal) bool {
	before := spool.Safe(o.folder, o.names)
	for deadline := time.Now().Add(within); ; {
		backlog := spool.Backlog(o.folder, o.names)
		if backlog == 0 || backlog <= mayRemain && spool.Safe(o.folder, o.names) > before {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		select {
		case <-hurry:
			return false
		case <-time.After(glance):
		}
	}
}
