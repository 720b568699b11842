package meeting

import (
	"net"
	"slices"
	"sync"
	"time"

	"batchai.dev/launcher/internal/verdict"
)

// Host is node 0: it keeps what every node said and tells all what follows. A job of one node has
// a Host too, which listens to nobody.
type Host struct {
	key      []byte
	lost     time.Duration
	say      func(format string, arguments ...any)
	listener net.Listener
	boards   *latest[verdict.Board]
	never    chan struct{}
	closed   chan struct{}
	once     sync.Once

	mu       sync.Mutex
	nodes    []*verdict.NodeState
	heard    []time.Time
	guests   map[int]*guest
	timedOut bool
	board    verdict.Board
}

// guest is a connection that has proved the key and said which node it is.
type guest struct {
	wire   *wire
	boards *latest[verdict.Board]
	gone   chan struct{}
}

// NewHost keeps count nodes. With a listener it serves guests that know the key.
func NewHost(count int, listener net.Listener, key []byte, lost time.Duration,
	say func(format string, arguments ...any)) *Host {
	h := &Host{key: key, lost: lost, say: say, listener: listener, boards: newLatest[verdict.Board](),
		never: make(chan struct{}), closed: make(chan struct{}), nodes: make([]*verdict.NodeState, count),
		heard: make([]time.Time, count), guests: map[int]*guest{}}
	if listener != nil {
		go h.serve()
	}
	go h.watch()
	return h
}

// Report implements Link for node 0 itself.
func (h *Host) Report(state verdict.NodeState) { h.update(&state) }

// Boards implements Link.
func (h *Host) Boards() <-chan verdict.Board { return h.boards.c }

// Lost implements Link: node 0 cannot lose itself.
func (h *Host) Lost() <-chan struct{} { return h.never }

// TimeOut says that the job's time limit has passed.
func (h *Host) TimeOut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timedOut = true
	h.decide()
}

// Close implements Link.
func (h *Host) Close() {
	h.once.Do(func() {
		close(h.closed)
		if h.listener != nil {
			_ = h.listener.Close()
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, guest := range h.guests {
			_ = guest.wire.conn.Close()
		}
	})
}

// update takes a node's word. It returns false when another launcher already speaks for that node.
func (h *Host) update(state *verdict.NodeState) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.nodes[state.Node]
	if known != nil && known.Instance != state.Instance && h.board.Addresses != nil {
		return false // Its address was handed out; the new one would be a stranger to the tasks.
	}
	if known == nil {
		h.say("Node %d is here at %s", state.Node, state.Address)
	}
	h.nodes[state.Node] = state
	h.heard[state.Node] = time.Now()
	h.decide()
	return true
}

// decide must be called with the mutex held.
func (h *Host) decide() {
	lost := make([]bool, len(h.nodes))
	for i := 1; i < len(h.nodes); i++ {
		lost[i] = h.nodes[i] != nil && time.Since(h.heard[i]) > h.lost
	}
	next := verdict.Decide(h.nodes, lost, h.timedOut, h.board)
	if same(next, h.board) {
		return
	}
	h.board = next
	h.boards.put(next)
	for _, guest := range h.guests {
		guest.boards.put(next)
	}
}

func same(a, b verdict.Board) bool {
	return slices.Equal(a.Addresses, b.Addresses) && a.Start == b.Start &&
		(a.Verdict == nil) == (b.Verdict == nil) && slices.Equal(a.Ended, b.Ended)
}

// watch notices silence.
func (h *Host) watch() {
	ticker := time.NewTicker(heartbeat(h.lost))
	defer ticker.Stop()
	for {
		select {
		case <-h.closed:
			return
		case <-ticker.C:
			h.mu.Lock()
			h.decide()
			h.mu.Unlock()
		}
	}
}

func (h *Host) serve() {
	waiting := &strangers{}
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			select {
			case <-h.closed:
				return
			case <-time.After(100 * time.Millisecond):
				continue // Out of file descriptors, for instance; guests come again.
			}
		}
		waiting.enter(conn)
		go h.receive(conn, func() { waiting.leave(conn) })
	}
}

// receive serves one connection until it ends; known is called once it is no stranger any more.
func (h *Host) receive(conn net.Conn, known func()) {
	defer conn.Close()
	wire, err := welcome(conn, h.key)
	known()
	if err != nil {
		return // Strangers are nobody's business, not even the log's: they could fill it.
	}
	_ = conn.SetDeadline(time.Time{})
	var here *guest
	for {
		state := &verdict.NodeState{}
		if err := wire.receive(state, 3*heartbeat(h.lost)); err != nil {
			break
		}
		if state.Node <= 0 || state.Node >= len(h.nodes) {
			break
		}
		if !h.update(state) {
			h.say("A second launcher says it is node %d; it is not listened to", state.Node)
			break
		}
		if here == nil {
			here = h.admit(state.Node, wire)
			defer h.leave(state.Node, here)
		}
	}
}

// admit starts telling a guest what it has to know. A newer connection of a node replaces an older.
func (h *Host) admit(node int, wire *wire) *guest {
	g := &guest{wire: wire, boards: newLatest[verdict.Board](), gone: make(chan struct{})}
	h.mu.Lock()
	if old := h.guests[node]; old != nil {
		_ = old.wire.conn.Close()
	}
	h.guests[node] = g
	g.boards.put(h.board)
	h.mu.Unlock()
	go h.tell(g)
	return g
}

func (h *Host) leave(node int, g *guest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.guests[node] == g {
		delete(h.guests, node)
	}
	close(g.gone)
}

func (h *Host) tell(g *guest) {
	ticker := time.NewTicker(heartbeat(h.lost))
	defer ticker.Stop()
	board := verdict.Board{}
	for {
		select {
		case <-g.gone:
			return
		case board = <-g.boards.c:
		case <-ticker.C:
		}
		if err := g.wire.send(board); err != nil {
			_ = g.wire.conn.Close()
			return
		}
	}
}
