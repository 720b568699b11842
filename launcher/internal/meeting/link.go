package meeting

import (
	"sync"

	"batchai.dev/launcher/internal/verdict"
)

// Link is how a node's conductor takes part, whether it is the host or a guest.
type Link interface {
	// Report makes the state of this node known to node 0. It never blocks.
	Report(state verdict.NodeState)
	// Boards delivers what node 0 says; only the latest board is kept.
	Boards() <-chan verdict.Board
	// Lost is closed when node 0 had been met and has been silent for too long.
	Lost() <-chan struct{}
	// Close ends all connections.
	Close()
}

// latest is a channel of one element that always holds the newest value.
type latest[T any] struct {
	mu sync.Mutex
	c  chan T
}

func newLatest[T any]() *latest[T] { return &latest[T]{c: make(chan T, 1)} }

func (l *latest[T]) put(value T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.c:
	default:
	}
	l.c <- value
}
