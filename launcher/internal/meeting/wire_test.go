package meeting

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// pair returns both ends of a proved connection, and the raw network under the guest's end.
func pair(t *testing.T, guestKey, hostKey string) (guest, host *wire, guestErr, hostErr error) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	done := make(chan struct{})
	go func() {
		defer close(done)
		if host, hostErr = welcome(b, []byte(hostKey)); hostErr != nil {
			_ = b.Close()
		}
	}()
	if guest, guestErr = greet(a, []byte(guestKey)); guestErr != nil {
		_ = a.Close()
	}
	<-done
	return guest, host, guestErr, hostErr
}

func TestMutualProof(t *testing.T) {
	if _, _, err, other := pair(t, "key", "key"); err != nil || other != nil {
		t.Fatalf("%v, %v", err, other)
	}
	_, _, err, other := pair(t, "key", "another")
	if !errors.Is(err, errStranger) || other == nil {
		t.Errorf("%v, %v", err, other)
	}
}

func TestFrames(t *testing.T) {
	guest, host, _, _ := pair(t, "key", "key")
	go func() { _ = guest.send("hello"); _ = guest.send("again") }()
	for _, want := range []string{"hello", "again"} {
		var got string
		if err := host.receive(&got, time.Second); err != nil || got != want {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if err := guest.send(string(make([]byte, maxFrame))); err == nil {
		t.Error("a message beyond the bound was sent")
	}
}

// TestForgedFrames: changed, repeated, foreign and endless frames end the connection.
func TestForgedFrames(t *testing.T) {
	frame := func(w *wire, counter uint64, text string) []byte {
		head := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
		return append(head, mac(w.sendKey, binary.BigEndian.AppendUint64(nil, counter), head)...)
	}
	cases := map[string]func(w *wire) []byte{
		"changed":        func(w *wire) []byte { f := frame(w, 0, `"hello"`); f[6] ^= 1; return f },
		"repeated later": func(w *wire) []byte { return frame(w, 1, `"hello"`) },
		"sent back":      func(w *wire) []byte { w.sendKey = w.recvKey; return frame(w, 0, `"hello"`) },
		"endless":        func(w *wire) []byte { return binary.BigEndian.AppendUint32(nil, maxFrame+1) },
	}
	for name, forge := range cases {
		guest, host, _, _ := pair(t, "key", "key")
		go func() { _, _ = guest.conn.Write(forge(guest)) }()
		var got string
		if err := host.receive(&got, time.Second); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
