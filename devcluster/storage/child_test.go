package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"batchai.dev/devcluster/storage/mounting"
)

// TestMain lets this test program be the child that serves a mount.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "mount" {
		if err := run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newChildren returns the real mounter; mounts need root and /dev/fuse.
func newChildren(t *testing.T) *mounting.Children {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("this machine has no /dev/fuse")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	children := &mounting.Children{Command: []string{self, "mount"}}
	t.Cleanup(children.Close)
	return children
}

// mounted mounts a spec below a temporary folder and removes it after the test.
func mounted(t *testing.T, children *mounting.Children, spec mounting.Spec) string {
	t.Helper()
	spec.Target = filepath.Join(t.TempDir(), "mount")
	if err := children.Mount(spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := children.Unmount(spec.Target); err != nil {
			t.Errorf("unmount: %v", err)
		}
		if _, err := os.Lstat(spec.Target); err == nil {
			t.Error("the folder is left")
		}
	})
	return spec.Target
}

func eventually(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !isTrue() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
