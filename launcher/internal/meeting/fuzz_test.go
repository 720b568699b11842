package meeting

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"batchai.dev/launcher/internal/verdict"
)

// script is a connection whose other side says what was written down before, whatever it hears.
type script struct {
	*bytes.Reader
	heard bytes.Buffer
	asked int // The largest single read that was asked for.
}

func (s *script) Read(into []byte) (int, error) {
	s.asked = max(s.asked, len(into))
	return s.Reader.Read(into)
}

func (s *script) Write(data []byte) (int, error)   { return s.heard.Write(data) }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// FuzzStrangers: who does not know the key is let in by neither side, whatever he says, and makes
// nobody reserve memory.
func FuzzStrangers(f *testing.F) {
	f.Add([]byte(magic + "0123456789abcdef0123456789abcdef" + "0123456789abcdef0123456789abcdef"))
	f.Add([]byte{})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	f.Add(append([]byte(magic), make([]byte, 200)...))
	f.Fuzz(func(t *testing.T, said []byte) {
		for name, meet := range map[string]func(net.Conn, []byte) (*wire, error){"host": welcome, "guest": greet} {
			conn := &script{Reader: bytes.NewReader(said)}
			if w, err := meet(conn, []byte("the job's key")); err == nil || w != nil {
				t.Fatalf("the %s let a stranger in", name)
			}
			if conn.asked > 128 || conn.heard.Len() > 128 {
				t.Errorf("the %s read %d and wrote %d bytes", name, conn.asked, conn.heard.Len())
			}
		}
	})
}

// FuzzFrames: of what a man in the middle makes of three frames (cut, swapped, repeated, changed),
// only a beginning of the true ones is taken.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 1, 2}, uint16(0), byte(0), uint16(0))
	f.Add([]byte{0, 0}, uint16(0), byte(0), uint16(0))
	f.Add([]byte{1, 0}, uint16(0), byte(0), uint16(0))
	f.Add([]byte{0, 1}, uint16(5), byte(1), uint16(0))
	f.Add([]byte{0, 1, 2, 3, 4}, uint16(0), byte(0), uint16(7))
	f.Add([]byte{5, 0}, uint16(2), byte(0x80), uint16(0))
	f.Fuzz(func(t *testing.T, order []byte, at uint16, change byte, cut uint16) {
		if len(order) > 64 {
			return
		}
		frames := trueFrames(t)
		// A frame that goes the other way, and a header that promises more than is allowed.
		frames = append(frames, frame([]byte("to the guest"), 0, `{"node":9}`), binary.BigEndian.AppendUint32(nil, maxFrame+1))
		var stream, truth []byte
		for _, frame := range frames[:3] {
			truth = append(truth, frame...)
		}
		for _, which := range order {
			stream = append(stream, frames[int(which)%len(frames)]...)
		}
		if len(stream) > 0 {
			stream[int(at)%len(stream)] ^= change
		}
		stream = stream[:max(0, len(stream)-int(cut))]
		same := 0
		for same < min(len(stream), len(truth)) && stream[same] == truth[same] {
			same++
		}
		whole, end := 0, 0
		for _, frame := range frames[:3] {
			if end += len(frame); end <= same {
				whole++
			}
		}
		conn := &script{Reader: bytes.NewReader(stream)}
		w := &wire{conn: conn, recvKey: []byte("to the host")}
		taken := 0
		for {
			var state verdict.NodeState
			err := w.receive(&state, time.Second)
			if err != nil {
				if taken < whole {
					t.Fatalf("frame %d of %d true ones was not taken: %v", taken, whole, err)
				}
				if !errors.Is(err, errStranger) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && conn.Len() == len(stream) {
					t.Fatalf("%v", err)
				}
				break
			}
			if state.Node != taken+1 {
				t.Fatalf("frame %d said node %d", taken, state.Node)
			}
			taken++
		}
		if taken > whole {
			t.Fatalf("%d frames were taken, %d were true", taken, whole)
		}
		if conn.asked > maxFrame+64 {
			t.Errorf("%d bytes were reserved", conn.asked)
		}
	})
}

// FuzzReports: a guest that knows the key, gone mad, neither ends the host nor speaks for others.
func FuzzReports(f *testing.F) {
	f.Add([]byte(`{"node":1,"instance":"a","address":"10.0.0.5","prepared":0,"tasks":[{"name":"x","done":true}]}`))
	f.Add([]byte(`{"node":0}`))
	f.Add([]byte(`{"node":-1}`))
	f.Add([]byte(`{"node":2,"ended":true,"outcome":"launcherFailed","message":"\ud800"}`))
	f.Add([]byte(`{"node":1,"tasks":[{"exitCode":-9223372036854775808,"done":true}]}`))
	f.Add([]byte(`null`))
	f.Add(bytes.Repeat([]byte("["), 5000))
	f.Fuzz(func(t *testing.T, said []byte) {
		if len(said) > maxFrame {
			return
		}
		near, far := net.Pipe()
		h := NewHost(3, nil, []byte("key"), time.Minute, func(string, ...any) {})
		defer h.Close()
		done := make(chan struct{})
		go func() { h.receive(far, func() {}); close(done) }()
		w, err := greet(near, []byte("key"))
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, near) }()
		_, _ = near.Write(frame(w.sendKey, 0, string(said)))
		_ = near.Close()
		<-done
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.nodes[0] != nil {
			t.Error("a guest spoke for node 0")
		}
		for i, node := range h.nodes {
			if node != nil && node.Node != i {
				t.Errorf("node %d stands at %d", node.Node, i)
			}
		}
	})
}

func trueFrames(t *testing.T) [][]byte {
	t.Helper()
	var frames [][]byte
	conn := &script{Reader: bytes.NewReader(nil)}
	w := &wire{conn: conn, sendKey: []byte("to the host")}
	for node := 1; node <= 3; node++ {
		conn.heard.Reset()
		if err := w.send(verdict.NodeState{Node: node, Address: "10.0.0.4"}); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, bytes.Clone(conn.heard.Bytes()))
	}
	return frames
}

func frame(key []byte, counter uint64, text string) []byte {
	head := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	return append(head, mac(key, binary.BigEndian.AppendUint64(nil, counter), head)...)
}
