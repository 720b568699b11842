package mounting

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Served is a mount that a child serves.
type Served interface {
	// Wait returns when the mount is gone.
	Wait()
	// Drain finishes what is still to be written to storage.
	Drain()
}

// Serve is the child: it reads a Spec, mounts, says so, and serves until it is told to stop.
func Serve(input io.Reader, output io.Writer, mount func(Spec) (Served, error)) error {
	var spec Spec
	if err := json.NewDecoder(input).Decode(&spec); err != nil {
		return fmt.Errorf("no specification on standard input: %w", err)
	}
	stopping := make(chan os.Signal, 1)
	signal.Notify(stopping, syscall.SIGTERM, syscall.SIGINT)
	// Modes come from the request alone.
	syscall.Umask(0)
	served, err := mount(spec)
	if err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		served.Wait()
		close(gone)
	}()
	if _, err := fmt.Fprintln(output, ready); err != nil {
		return err
	}
	select {
	case <-gone:
	case <-stopping:
	}
	served.Drain()
	return nil
}
