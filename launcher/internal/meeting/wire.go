// Package meeting lets the nodes of a job find each other and agree.
//
// Node 0 is the Host, the others are Guests; the node's conductor talks to either through Link.
// Both sides send their whole state, again and again, so a dropped connection loses nothing.
// Everybody proves the job's key before a word is read. It must not decide (package verdict does).
package meeting

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	magic        = "batchai1"
	nonceSize    = 32
	maxFrame     = 64 << 10 // Enough for the addresses of a thousand nodes.
	handshakeMax = 5 * time.Second
	writeMax     = 5 * time.Second
)

// errStranger means that the other side does not know the job's key.
var errStranger = errors.New("the other side does not know the job's key")

// wire is a connection whose other side has proved the key. Each frame is a length, JSON, and an
// HMAC over the session's direction, a counter and both, so nothing can be changed, repeated,
// dropped or sent back.
type wire struct {
	conn             net.Conn
	sendKey, recvKey []byte
	sent, received   uint64
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// greet proves the key from the guest's side and checks the host's proof.
func greet(conn net.Conn, key []byte) (*wire, error) {
	_ = conn.SetDeadline(time.Now().Add(handshakeMax))
	mine := make([]byte, nonceSize)
	_, _ = rand.Read(mine)
	if _, err := conn.Write(append([]byte(magic), mine...)); err != nil {
		return nil, err
	}
	answer := make([]byte, nonceSize+sha256.Size)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, err
	}
	theirs := answer[:nonceSize]
	if !hmac.Equal(answer[nonceSize:], mac(key, []byte("host"), mine, theirs)) {
		return nil, errStranger
	}
	if _, err := conn.Write(mac(key, []byte("guest"), mine, theirs)); err != nil {
		return nil, err
	}
	return &wire{
		conn:    conn,
		sendKey: mac(key, []byte("from guest"), mine, theirs),
		recvKey: mac(key, []byte("from host"), mine, theirs),
	}, nil
}

// welcome is the host's side of greet.
func welcome(conn net.Conn, key []byte) (*wire, error) {
	_ = conn.SetDeadline(time.Now().Add(handshakeMax))
	hello := make([]byte, len(magic)+nonceSize)
	if _, err := io.ReadFull(conn, hello); err != nil {
		return nil, err
	}
	if string(hello[:len(magic)]) != magic {
		return nil, errStranger
	}
	theirs, mine := hello[len(magic):], make([]byte, nonceSize)
	_, _ = rand.Read(mine)
	if _, err := conn.Write(append(mine, mac(key, []byte("host"), theirs, mine)...)); err != nil {
		return nil, err
	}
	proof := make([]byte, sha256.Size)
	if _, err := io.ReadFull(conn, proof); err != nil {
		return nil, err
	}
	if !hmac.Equal(proof, mac(key, []byte("guest"), theirs, mine)) {
		return nil, errStranger
	}
	return &wire{
		conn:    conn,
		sendKey: mac(key, []byte("from host"), theirs, mine),
		recvKey: mac(key, []byte("from guest"), theirs, mine),
	}, nil
}

// send writes one message; only one goroutine may send.
func (w *wire) send(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(text) > maxFrame {
		return fmt.Errorf("a message of %d bytes is longer than %d", len(text), maxFrame)
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	frame = append(frame, text...)
	frame = append(frame, mac(w.sendKey, binary.BigEndian.AppendUint64(nil, w.sent), frame)...)
	w.sent++
	_ = w.conn.SetWriteDeadline(time.Now().Add(writeMax))
	_, err = w.conn.Write(frame)
	return err
}

// receive reads one message within the time given; only one goroutine may receive.
func (w *wire) receive(message any, within time.Duration) error {
	_ = w.conn.SetReadDeadline(time.Now().Add(within))
	head := make([]byte, 4)
	if _, err := io.ReadFull(w.conn, head); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	if size > maxFrame {
		return fmt.Errorf("a frame of %d bytes is longer than %d", size, maxFrame)
	}
	body := make([]byte, int(size)+sha256.Size)
	if _, err := io.ReadFull(w.conn, body); err != nil {
		return err
	}
	text := body[:size]
	counter := binary.BigEndian.AppendUint64(nil, w.received)
	if !hmac.Equal(body[size:], mac(w.recvKey, counter, head, text)) {
		return errStranger
	}
	w.received++
	return json.Unmarshal(text, message)
}

// heartbeat is how often each side repeats itself; a connection silent for three of them is dead.
func heartbeat(lost time.Duration) time.Duration { return lost / 6 }
