// Package nfsfs shows an export of an NFS server as the kernel's client would mount it.
//
// This machine's kernel has no NFS, so the protocol (version 3, RFC 1813) is spoken here, whatever
// version the mount options name. What one mount writes, every other sees at once: writes are on the
// server's disk when they return, and attributes are believed for a tenth of a second. A server that
// goes away is waited for, as with the option `hard`. Package main starts Mount in a child.
//
// The wire's types are those of go-nfs-client; its connection is not used, because it panics when it
// is closed twice and gives up after a while.
package nfsfs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/willscott/go-nfs-client/nfs/xdr"
)

const (
	dialTime = 10 * time.Second
	// How long a request may go unanswered on a connection that looks alive; the kernel's timeo.
	answerTime = 60 * time.Second
	pauseMost  = 2 * time.Second
	// Longest message that is believed.
	messageMost = 4 << 20
)

// wire is one TCP connection to one RPC service, made anew whenever it breaks.
type wire struct {
	address string
	// anyPort calls from an ordinary port; servers with `secure` exports want one below 1024.
	anyPort bool
	// patience bounds a call; zero waits for ever.
	patience time.Duration

	lock    sync.Mutex
	link    net.Conn
	waiting map[uint32]chan []byte
}

type message struct {
	ID   uint32
	Kind uint32
	Body any
}

// call sends a request and returns what stands behind the header of its answer.
//
// A request that was sent on a connection that broke is sent again under its old number, so that the
// server can tell that it has answered it before.
func (w *wire) call(ctx context.Context, request any) (io.Reader, error) {
	id := rand.Uint32()
	var text bytes.Buffer
	if err := xdr.Write(&text, &message{ID: id, Body: request}); err != nil {
		return nil, err
	}
	if w.patience > 0 {
		limited, cancel := context.WithTimeout(ctx, w.patience)
		defer cancel()
		ctx = limited
	}
	pause := 100 * time.Millisecond
	for {
		answer, err := w.try(ctx, id, text.Bytes())
		if err == nil {
			return accepted(answer)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, fmt.Errorf("%w: %w", syscall.EIO, err)
			}
			return nil, syscall.EINTR
		case <-time.After(pause):
			pause = min(2*pause, pauseMost)
		}
	}
}

func (w *wire) try(ctx context.Context, id uint32, text []byte) ([]byte, error) {
	answer := make(chan []byte, 1)
	link, err := w.send(ctx, id, text, answer)
	if err != nil {
		return nil, err
	}
	silence := time.NewTimer(answerTime)
	defer silence.Stop()
	select {
	case got, isThere := <-answer:
		if !isThere {
			return nil, errors.New("the server closed the connection")
		}
		return got, nil
	case <-silence.C:
		w.broken(link)
		return nil, errors.New("the server does not answer")
	case <-ctx.Done():
		w.lock.Lock()
		delete(w.waiting, id)
		w.lock.Unlock()
		return nil, ctx.Err()
	}
}

// send writes a request to the connection, which it opens when there is none.
func (w *wire) send(ctx context.Context, id uint32, text []byte, answer chan []byte) (net.Conn, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.link == nil {
		link, err := dial(ctx, w.address, w.anyPort)
		if err != nil {
			return nil, err
		}
		w.link, w.waiting = link, map[uint32]chan []byte{}
		go w.receive(link)
	}
	w.waiting[id] = answer
	record := binary.BigEndian.AppendUint32(nil, uint32(len(text))|1<<31)
	_ = w.link.SetWriteDeadline(time.Now().Add(answerTime))
	if _, err := w.link.Write(append(record, text...)); err != nil {
		w.forget(w.link)
		return nil, err
	}
	return w.link, nil
}

// receive hands out answers until the connection breaks.
func (w *wire) receive(link net.Conn) {
	reader := bufio.NewReaderSize(link, 1<<16)
	for {
		answer, err := readRecord(reader)
		if err != nil {
			w.broken(link)
			return
		}
		id := binary.BigEndian.Uint32(answer)
		w.lock.Lock()
		waiter := w.waiting[id]
		delete(w.waiting, id)
		w.lock.Unlock()
		if waiter != nil {
			waiter <- answer[4:]
		}
	}
}

// readRecord puts the fragments of one message together.
func readRecord(reader io.Reader) ([]byte, error) {
	var result []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(reader, head[:]); err != nil {
			return nil, err
		}
		mark := binary.BigEndian.Uint32(head[:])
		size := int(mark &^ (1 << 31))
		if len(result)+size > messageMost {
			return nil, errors.New("too long a message")
		}
		part := make([]byte, size)
		if _, err := io.ReadFull(reader, part); err != nil {
			return nil, err
		}
		result = append(result, part...)
		if mark>>31 == 1 {
			if len(result) < 4 {
				return nil, io.ErrUnexpectedEOF
			}
			return result, nil
		}
	}
}

func (w *wire) broken(link net.Conn) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.forget(link)
}

// forget closes a connection once and tells all who wait for an answer on it; the lock is held.
func (w *wire) forget(link net.Conn) {
	_ = link.Close()
	if w.link != link {
		return
	}
	w.link = nil
	for _, waiter := range w.waiting {
		close(waiter)
	}
	w.waiting = nil
}

func (w *wire) close() {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.link != nil {
		w.forget(w.link)
	}
}

// dial connects, from a port below 1024 if it may.
func dial(ctx context.Context, address string, anyPort bool) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTime, KeepAlive: 10 * time.Second}
	for tries := 0; !anyPort && tries < 8; tries++ {
		dialer.LocalAddr = &net.TCPAddr{Port: 665 + rand.IntN(1024-665)}
		link, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return link, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return nil, err
		}
	}
	dialer.LocalAddr = nil
	return dialer.DialContext(ctx, "tcp", address)
}

// accepted reads the RPC header of an answer.
func accepted(answer []byte) (io.Reader, error) {
	reader := bytes.NewReader(answer)
	var head struct{ Kind, IsDenied, Flavor uint32 }
	if err := xdr.Read(reader, &head); err != nil {
		return nil, err
	}
	if head.Kind != 1 {
		return nil, errors.New("not an answer")
	}
	if head.IsDenied != 0 {
		// Flavor is why: 1 is AUTH_ERROR.
		return nil, syscall.EACCES
	}
	if _, err := xdr.ReadOpaque(reader); err != nil {
		return nil, err
	}
	if state, err := xdr.ReadUint32(reader); err != nil || state != 0 {
		return nil, fmt.Errorf("the server does not do this call (state %d): %w", state, syscall.EIO)
	}
	return reader, nil
}
