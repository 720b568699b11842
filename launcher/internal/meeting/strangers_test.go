package meeting

import (
	"fmt"
	"net"
	"testing"
	"time"

	"batchai.dev/launcher/internal/verdict"
)

// crowd opens silent connections from an address of this machine and keeps them open.
func crowd(t *testing.T, to net.Addr, from string, count int) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range count {
		conn, err := dialer.Dial("tcp", to.String())
		if err != nil {
			t.Skipf("cannot come from %s: %v", from, err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// TestGuestPassesACrowd: whoever holds all places for strangers, from one address (the guest's own
// in the worst case) or from many, does not keep a guest away.
func TestGuestPassesACrowd(t *testing.T) {
	for name, addresses := range map[string]int{"one address": 1, "many addresses": 20} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			quiet := func(string, ...any) {}
			host := NewHost(2, listener, []byte("key"), time.Minute, quiet)
			t.Cleanup(host.Close)
			host.Report(verdict.NodeState{Node: 0, Instance: "a", Address: "10.0.0.1"})
			for i := range addresses {
				crowd(t, listener.Addr(), fmt.Sprintf("127.0.0.%d", 1+i), max(100/addresses, 8))
			}
			guest := NewGuest(listener.Addr().String(), []byte("key"), time.Minute, quiet)
			t.Cleanup(guest.Close)
			guest.Report(verdict.NodeState{Node: 1, Instance: "b", Address: "10.0.0.2"})
			// Sooner than the strangers would be sent away for saying nothing.
			limit := time.After(handshakeMax / 2)
			for {
				select {
				case board := <-guest.Boards():
					if board.Addresses != nil {
						return
					}
				case <-limit:
					t.Fatal("the guest was kept away")
				}
			}
		})
	}
}
