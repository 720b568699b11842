package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"batchai.dev/devcluster/storage/mounting"
	"batchai.dev/devcluster/storage/sharefs"
)

func TestShareThatIsFull(t *testing.T) {
	spec := shareSpec(t)
	root := mounted(t, newChildren(t), spec)
	write(t, filepath.Join(root, "old"), "x")
	if err := sharefs.Write(spec.Share.FaultFile, sharefs.Fault{Kind: sharefs.Full}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no space", func() bool {
		return errors.Is(os.WriteFile(filepath.Join(root, "new"), []byte("y"), 0o644), syscall.ENOSPC)
	})
	if read(t, filepath.Join(root, "old")) != "x" {
		t.Error("a full share can be read")
	}
	if err := sharefs.Write(spec.Share.FaultFile, sharefs.Fault{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "space", func() bool { return os.WriteFile(filepath.Join(root, "new"), []byte("y"), 0o644) == nil })
}

func TestShareThatFailsForAWhile(t *testing.T) {
	spec := shareSpec(t)
	root := mounted(t, newChildren(t), spec)
	write(t, filepath.Join(root, "f"), "x")
	fault := sharefs.Fault{Kind: sharefs.EIO, Until: time.Now().Add(time.Second)}
	if err := sharefs.Write(spec.Share.FaultFile, fault); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an error", func() bool {
		_, err := os.ReadFile(filepath.Join(root, "f"))
		return errors.Is(err, syscall.EIO)
	})
	eventually(t, "the end of it", func() bool {
		_, err := os.ReadFile(filepath.Join(root, "f"))
		return err == nil
	})
}

func TestShareThatHangsLetsGoWhenItIsCleared(t *testing.T) {
	spec := shareSpec(t)
	root := mounted(t, newChildren(t), spec)
	write(t, filepath.Join(root, "f"), "x")
	hang(t, spec)
	answer := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(filepath.Join(root, "f"))
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Fatalf("it answered: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if err := sharefs.Write(spec.Share.FaultFile, sharefs.Fault{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answer:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it still hangs")
	}
}

func hang(t *testing.T, spec mounting.Spec) {
	t.Helper()
	if err := sharefs.Write(spec.Share.FaultFile, sharefs.Fault{Kind: sharefs.Hang}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
}

// A signal that a program handles does not reach it while the share hangs, as on a hard mount.
func TestProcessOnAHangingShareYieldsToFatalSignalsOnly(t *testing.T) {
	spec := shareSpec(t)
	root := mounted(t, newChildren(t), spec)
	write(t, filepath.Join(root, "f"), "x")
	hang(t, spec)
	command := exec.Command("/bin/sh", "-c", "trap : TERM; read line < '"+filepath.Join(root, "f")+"'")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	time.Sleep(200 * time.Millisecond)
	_ = command.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
		t.Fatal("SIGTERM ended it")
	case <-time.After(700 * time.Millisecond):
	}
	_ = command.Process.Kill()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("SIGKILL did not end it")
	}
}

func TestHangingShareCanBeUnmounted(t *testing.T) {
	children := newChildren(t)
	spec := shareSpec(t)
	spec.Target = filepath.Join(t.TempDir(), "mount")
	if err := children.Mount(spec); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(spec.Target, "f"), "x")
	hang(t, spec)
	answer := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(filepath.Join(spec.Target, "f"))
		answer <- err
	}()
	time.Sleep(200 * time.Millisecond)
	if err := children.Unmount(spec.Target); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answer:
		if err == nil {
			t.Fatal("a share that is gone was read")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("who read it hangs on")
	}
}
