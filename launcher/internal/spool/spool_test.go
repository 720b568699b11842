package spool

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// open makes a stream and returns it with a pump that is not running yet and the write end.
func open(t *testing.T, limit int64) (Stream, *Pump, *os.File) {
	t.Helper()
	folder := t.TempDir()
	if err := Make(folder, []string{"stdout.txt"}); err != nil {
		t.Fatal(err)
	}
	stream := At(folder, "stdout.txt")
	fd, err := stream.OpenRead()
	if err != nil {
		t.Fatal(err)
	}
	write, err := stream.OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	pump, err := NewPump(stream, fd, limit)
	if err != nil {
		t.Fatal(err)
	}
	return stream, pump, write
}

func numbers(from, to int) string {
	var text strings.Builder
	for i := from; i < to; i++ {
		_, _ = fmt.Fprintln(&text, i)
	}
	return text.String()
}

func content(t *testing.T, stream Stream) string {
	t.Helper()
	text, err := os.ReadFile(stream.Data())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestBothWaysOfMoving(t *testing.T) {
	for _, weak := range []bool{false, true} {
		stream, pump, write := open(t, Limit)
		if weak {
			pump.buffer = make([]byte, 64<<10)
		}
		go pump.Run()
		want := numbers(0, 300000)
		_, _ = write.WriteString(want)
		_ = write.Close()
		<-pump.Ended()
		if got := content(t, stream); got != want {
			t.Errorf("weak %v: %d bytes instead of %d", weak, len(got), len(want))
		}
		if pump.Weak() != weak {
			t.Errorf("this file system cannot splice")
		}
	}
}

// TestFinish: a FIFO that somebody holds open does not hold the end up, and loses nothing.
func TestFinish(t *testing.T) {
	stream, pump, write := open(t, Limit)
	defer write.Close()
	_, _ = write.WriteString("before")
	pump.Finish()
	go pump.Run()
	select {
	case <-pump.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("the pump did not end")
	}
	if got := content(t, stream); got != "before" {
		t.Errorf("got %q", got)
	}
}

// TestBackPressure: the writer has to wait while the spool holds too much, and nothing is lost.
func TestBackPressure(t *testing.T) {
	const limit = 4 << 20
	stream, pump, write := open(t, limit)
	go pump.Run()
	want := strings.Repeat("x", 16<<20)
	done := make(chan struct{})
	go func() { _, _ = write.WriteString(want); _ = write.Close(); close(done) }()
	time.Sleep(500 * time.Millisecond)
	select {
	case <-done:
		t.Fatal("the writer did not have to wait")
	default:
	}
	if held := pump.Size(); held < limit || held > limit+2*chunk {
		t.Errorf("the spool holds %d bytes", held)
	}
	for !isClosed(pump.Ended()) {
		_ = stream.Shipped().Store(0, pump.Size())
		_ = stream.Echoed().Store(0, pump.Size())
		time.Sleep(10 * time.Millisecond)
	}
	<-pump.Ended()
	if got := content(t, stream); got != want {
		t.Errorf("%d bytes instead of %d", len(got), len(want))
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// slow is a container log that takes a piece every 20 ms.
type slow struct{ bytes.Buffer }

func (s *slow) Write(piece []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return s.Buffer.Write(piece)
}

func TestSlowEchoLeavesOutAndSaysSo(t *testing.T) {
	for _, c := range []struct {
		limit int64
		hurry bool
		whole bool
	}{{Limit, false, true}, {Limit, true, false}, {2 << 20, false, false}} {
		stream, pump, write := open(t, c.limit)
		log := &slow{}
		echo := NewEcho(pump, log)
		if c.hurry {
			echo.Hurry()
		}
		go pump.Run()
		if c.limit < Limit { // Shipping must not be what holds the writer.
			_ = stream.Shipped().Store(0, 1<<40)
		}
		want := numbers(0, 300000)
		go echo.Run()
		_, _ = write.WriteString(want)
		_ = write.Close()
		<-echo.Done()
		got := log.String()
		if c.whole != (got == want) || c.whole == strings.Contains(got, "bytes are left out here; stdout.txt") {
			t.Errorf("%+v: %d of %d bytes", c, len(got), len(want))
		}
		if !strings.HasSuffix(got, "\n299998\n299999\n") {
			t.Errorf("%+v: the end is missing", c)
		}
		if _, echoed, _ := stream.Echoed().Load(); echoed != int64(len(want)) {
			t.Errorf("%+v: the mark is at %d", c, echoed)
		}
	}
}

func TestPunchGivesDiskSpaceBack(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, _ = file.Write(bytes.Repeat([]byte("x"), 1<<20))
	if err := Punch(file, 0, 1<<19); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file.Name())
	if len(text) != 1<<20 || text[0] != 0 || text[1<<19] != 'x' {
		t.Error("the hole is not where it should be")
	}
}

func TestMark(t *testing.T) {
	mark := Mark{path: t.TempDir() + "/mark"}
	if _, _, given := mark.Load(); given {
		t.Error("nobody has stored anything")
	}
	_ = mark.Store(7, 1<<40)
	if a, b, given := mark.Load(); a != 7 || b != 1<<40 || !given {
		t.Errorf("%d %d %v", a, b, given)
	}
}
