package meeting

import (
	"net"
	"sync"
	"time"

	"batchai.dev/launcher/internal/verdict"
)

const (
	dialMax     = 5 * time.Second
	firstPause  = 100 * time.Millisecond
	longPause   = 2 * time.Second
	sayInterval = 30 * time.Second
)

// Guest is every node but node 0. It looks for node 0 for as long as it takes, because that node's
// image may still be pulled; once met, silence of the time `lost` ends it.
type Guest struct {
	address string
	key     []byte
	lost    time.Duration
	say     func(format string, arguments ...any)
	boards  *latest[verdict.Board]
	gone    chan struct{}
	closed  chan struct{}
	once    sync.Once
	changed chan struct{}

	mu    sync.Mutex
	state *verdict.NodeState
	heard time.Time
	conn  net.Conn
}

// NewGuest looks for node 0 at host:port from now on.
func NewGuest(address string, key []byte, lost time.Duration, say func(format string, arguments ...any)) *Guest {
	g := &Guest{address: address, key: key, lost: lost, say: say, boards: newLatest[verdict.Board](),
		gone: make(chan struct{}), closed: make(chan struct{}), changed: make(chan struct{}, 1)}
	go g.run()
	go g.watch()
	return g
}

// Report implements Link.
func (g *Guest) Report(state verdict.NodeState) {
	g.mu.Lock()
	g.state = &state
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// Boards implements Link.
func (g *Guest) Boards() <-chan verdict.Board { return g.boards.c }

// Lost implements Link.
func (g *Guest) Lost() <-chan struct{} { return g.gone }

// Close implements Link.
func (g *Guest) Close() {
	g.once.Do(func() {
		close(g.closed)
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.conn != nil {
			_ = g.conn.Close()
		}
	})
}

func (g *Guest) watch() {
	ticker := time.NewTicker(heartbeat(g.lost))
	defer ticker.Stop()
	for {
		select {
		case <-g.closed:
			return
		case <-ticker.C:
			g.mu.Lock()
			silent := !g.heard.IsZero() && time.Since(g.heard) > g.lost
			g.mu.Unlock()
			if silent {
				close(g.gone)
				return
			}
		}
	}
}

func (g *Guest) run() {
	pause, said := firstPause, time.Now().Add(-sayInterval)
	for {
		before := time.Now()
		err := g.visit()
		select {
		case <-g.closed:
			return
		default:
		}
		if time.Since(before) > longPause {
			pause = firstPause // That was a real visit, not a door closed at once.
		}
		if time.Since(said) >= sayInterval {
			g.say("Looking for node 0 at %s: %v", g.address, err)
			said = time.Now()
		}
		select {
		case <-g.closed:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// visit is one connection, from dial to its end.
func (g *Guest) visit() error {
	conn, err := net.DialTimeout("tcp", g.address, dialMax)
	if err != nil {
		return err
	}
	defer conn.Close()
	wire, err := greet(conn, g.key)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Time{})
	g.mu.Lock()
	g.conn = conn
	g.mu.Unlock()
	ended := make(chan struct{})
	defer close(ended)
	go g.tell(wire, ended)
	for {
		var board verdict.Board
		if err := wire.receive(&board, 3*heartbeat(g.lost)); err != nil {
			return err
		}
		g.mu.Lock()
		g.heard = time.Now()
		g.mu.Unlock()
		g.boards.put(board)
	}
}

// tell repeats this node's state at every change and every heartbeat.
func (g *Guest) tell(wire *wire, ended <-chan struct{}) {
	ticker := time.NewTicker(heartbeat(g.lost))
	defer ticker.Stop()
	for {
		g.mu.Lock()
		state := g.state
		g.mu.Unlock()
		if state != nil {
			if err := wire.send(state); err != nil {
				_ = wire.conn.Close()
				return
			}
		}
		select {
		case <-ended:
			return
		case <-g.closed:
			return
		case <-g.changed:
		case <-ticker.C:
		}
	}
}
