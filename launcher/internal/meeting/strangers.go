package meeting

import (
	"net"
	"slices"
	"sync"
)

const (
	// maxStrangers bounds the connections that have not proved the key yet.
	maxStrangers = 64
	// maxStrangersOfOne bounds those of one address, so that one Pod cannot take all the places.
	maxStrangersOfOne = 8
)

// strangers are the connections that have not proved the key yet, oldest first.
//
// A newcomer is always let in, at the cost of the oldest: a guest proves the key within a moment, so
// who has been standing there for long is no guest. Turning newcomers away instead would let
// somebody who holds all places and takes them again keep the nodes of a job apart.
type strangers struct {
	mu      sync.Mutex
	waiting []net.Conn
}

// enter takes a place, if need be somebody else's.
func (s *strangers) enter(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	address, same, oldest := host(conn), 0, -1
	for i, other := range s.waiting {
		if host(other) == address {
			if same++; oldest < 0 {
				oldest = i
			}
		}
	}
	switch {
	case same >= maxStrangersOfOne:
	case len(s.waiting) >= maxStrangers:
		oldest = 0
	default:
		oldest = -1
	}
	if oldest >= 0 {
		_ = s.waiting[oldest].Close()
		s.waiting = slices.Delete(s.waiting, oldest, oldest+1)
	}
	s.waiting = append(s.waiting, conn)
}

// leave gives the place back, if it still is conn's.
func (s *strangers) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place := slices.Index(s.waiting, conn); place >= 0 {
		s.waiting = slices.Delete(s.waiting, place, place+1)
	}
}

func host(conn net.Conn) string {
	address, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return address
}
