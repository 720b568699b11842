package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/willscott/go-nfs"
	"github.com/willscott/go-nfs/helpers"

	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
)

// folder is a folder that go-nfs can serve, with the changes that its library leaves out.
type folder struct {
	billy.Filesystem
	root string
}

func (f folder) at(name string) string { return filepath.Join(f.root, name) }

func (f folder) Chmod(name string, mode os.FileMode) error { return os.Chmod(f.at(name), mode) }

func (f folder) Chown(name string, uid, gid int) error { return os.Chown(f.at(name), uid, gid) }

func (f folder) Lchown(name string, uid, gid int) error { return os.Lchown(f.at(name), uid, gid) }

func (f folder) Chtimes(name string, atime, mtime time.Time) error {
	return os.Chtimes(f.at(name), atime, mtime)
}

// onlyData serves one path.
type onlyData struct{ nfs.Handler }

func (h onlyData) Mount(ctx context.Context, link net.Conn, request nfs.MountRequest) (nfs.MountStatus, billy.Filesystem, []nfs.AuthFlavor) {
	state, files, flavors := h.Handler.Mount(ctx, link, request)
	switch string(request.Dirpath) {
	case "/data":
	case "/private":
		state = nfs.MountStatusErrAcces
	default:
		state = nfs.MountStatusErrNoEnt
	}
	return state, files, flavors
}

// nfsServer is an NFS server that can go away and come back.
type nfsServer struct {
	t       *testing.T
	root    string
	port    int
	handler nfs.Handler

	lock     sync.Mutex
	listener net.Listener
	links    []net.Conn
}

func (s *nfsServer) Accept() (net.Conn, error) {
	link, err := s.listener.Accept()
	s.lock.Lock()
	defer s.lock.Unlock()
	if err == nil {
		s.links = append(s.links, link)
	}
	return link, err
}

func (s *nfsServer) Close() error   { return nil }
func (s *nfsServer) Addr() net.Addr { return s.listener.Addr() }

func (s *nfsServer) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.listener = listener
	s.port = listener.Addr().(*net.TCPAddr).Port
	go func() { _ = nfs.Serve(s, s.handler) }()
}

func (s *nfsServer) stop() {
	s.lock.Lock()
	defer s.lock.Unlock()
	_ = s.listener.Close()
	for _, link := range s.links {
		_ = link.Close()
	}
	s.links = nil
}

func newNFSServer(t *testing.T) *nfsServer {
	t.Helper()
	nfs.Log.SetLevel(nfs.ErrorLevel)
	root := t.TempDir()
	served := folder{osfs.New(root), root}
	handler := helpers.NewCachingHandler(onlyData{helpers.NewNullAuthHandler(served)}, 4096)
	server := &nfsServer{t: t, root: root, handler: handler}
	server.start()
	t.Cleanup(server.stop)
	return server
}

func (s *nfsServer) spec(path string, options ...string) mounting.Spec {
	s.t.Helper()
	parsed, isValid := contract.ParseNFS(append(options, "port="+strconv.Itoa(s.port)))
	if !isValid {
		s.t.Fatalf("bad options %v", options)
	}
	return mounting.Spec{
		Source: "127.0.0.1:" + path,
		NFS:    &mounting.NFS{Server: "127.0.0.1", Path: path, Options: parsed},
	}
}

func TestExportShowsAtOnceWhatAnotherMountWrites(t *testing.T) {
	children, server := newChildren(t), newNFSServer(t)
	first, second := mounted(t, children, server.spec("/data")), mounted(t, children, server.spec("/data"))
	writer, err := os.Create(filepath.Join(first, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := os.Open(filepath.Join(second, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		if _, err := writer.WriteString(line); err != nil {
			t.Fatal(err)
		}
		got := ""
		eventually(t, "a line while the file is open", func() bool {
			buffer := make([]byte, 16)
			count, _ := reader.Read(buffer)
			got += string(buffer[:count])
			return got == line
		})
	}
	if got := read(t, filepath.Join(server.root, "stdout.txt")); got != "one\ntwo\nthree\n" {
		t.Fatalf("the server has %q", got)
	}
}

func TestExportTakesEveryKindOfChange(t *testing.T) {
	server := newNFSServer(t)
	root := mounted(t, newChildren(t), server.spec("/data"))
	at := func(name string) string { return filepath.Join(root, name) }
	check := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(at("a/b"), 0o750), os.WriteFile(at("a/b/f"), []byte("hello world"), 0o640))
	check(os.Truncate(at("a/b/f"), 5), os.Chmod(at("a/b/f"), 0o600), os.Symlink("b/f", at("a/link")))
	if got := read(t, at("a/link")); got != "hello" {
		t.Errorf("through the link: %q", got)
	}
	if info, err := os.Stat(at("a/b/f")); err != nil || info.Mode() != 0o600 || info.Size() != 5 {
		t.Errorf("%v %v", info, err)
	}
	moment := time.Date(2018, 5, 1, 12, 0, 0, 0, time.UTC)
	check(os.Chtimes(at("a/b/f"), moment, moment), os.Rename(at("a/b/f"), at("a/g")))
	if info, err := os.Stat(filepath.Join(server.root, "a/g")); err != nil || !info.ModTime().Equal(moment) {
		t.Errorf("%v %v", info, err)
	}
	if err := os.Remove(at("a")); !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EIO) {
		t.Errorf("a folder that is not empty: %v", err)
	}
	check(os.Remove(at("a/b")), os.Remove(at("a/link")))
	if _, err := os.OpenFile(at("a/g"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("an exclusive open: %v", err)
	}
	if _, err := os.Stat(at("none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	file, err := os.OpenFile(at("a/g"), os.O_RDWR, 0)
	check(err)
	_, err = file.WriteAt([]byte("J"), 0)
	check(err, file.Sync(), file.Close())
	if got := read(t, filepath.Join(server.root, "a/g")); got != "Jello" {
		t.Errorf("%q", got)
	}
}

func TestExportListsABigFolder(t *testing.T) {
	server := newNFSServer(t)
	root := mounted(t, newChildren(t), server.spec("/data"))
	for number := range 1500 {
		write(t, filepath.Join(server.root, fmt.Sprintf("file-%04d-%s", number, strings.Repeat("x", 40))), "")
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1500 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
}

func TestAppendGoesToTheEndThatTheServerKnows(t *testing.T) {
	children, server := newChildren(t), newNFSServer(t)
	var files []*os.File
	for range 2 {
		root := mounted(t, children, server.spec("/data"))
		file, err := os.OpenFile(filepath.Join(root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		files = append(files, file)
	}
	want := ""
	for number := range 10 {
		line := fmt.Sprintf("line %d\n", number)
		if _, err := files[number%2].WriteString(line); err != nil {
			t.Fatal(err)
		}
		want += line
	}
	if got := read(t, filepath.Join(server.root, "log")); got != want {
		t.Fatalf("%q", got)
	}
}

func TestLargeFileArrivesWhole(t *testing.T) {
	children, server := newChildren(t), newNFSServer(t)
	root := mounted(t, children, server.spec("/data"))
	text := strings.Repeat("0123456789abcdef", 5<<16)
	write(t, filepath.Join(root, "big"), text)
	if read(t, filepath.Join(server.root, "big")) != text || read(t, filepath.Join(root, "big")) != text {
		t.Fatal("the file is another")
	}
}

func TestServerThatGoesAwayIsWaitedFor(t *testing.T) {
	server := newNFSServer(t)
	root := mounted(t, newChildren(t), server.spec("/data"))
	file, err := os.Create(filepath.Join(root, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for round := range 3 {
		server.stop()
		written := make(chan error, 1)
		go func() {
			_, err := fmt.Fprintf(file, "round %d\n", round)
			written <- err
		}()
		select {
		case err := <-written:
			t.Fatalf("a write without a server ended: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		server.start()
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, filepath.Join(server.root, "log")); got != "round 0\nround 1\nround 2\n" {
		t.Fatalf("%q", got)
	}
}

func TestSoftMountGivesUp(t *testing.T) {
	server := newNFSServer(t)
	root := mounted(t, newChildren(t), server.spec("/data", "soft", "timeo=3", "retrans=1"))
	server.stop()
	if _, err := os.Stat(filepath.Join(root, "f")); !errors.Is(err, syscall.EIO) {
		t.Fatalf("%v", err)
	}
}

func TestExportMountedReadOnly(t *testing.T) {
	server := newNFSServer(t)
	root := mounted(t, newChildren(t), server.spec("/data", "ro"))
	if err := os.WriteFile(filepath.Join(root, "f"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("%v", err)
	}
}

func TestNFSMountErrors(t *testing.T) {
	children, server := newChildren(t), newNFSServer(t)
	away := newNFSServer(t)
	away.stop()
	unknown := server.spec("/data")
	unknown.NFS.Server = "nobody.invalid"
	for text, spec := range map[string]mounting.Spec{
		"mounting 127.0.0.1:/none failed, reason given by server: No such file or directory": server.spec("/none"),
		"access denied by server while mounting 127.0.0.1:/private":                          server.spec("/private"),
		"Connection refused": away.spec("/data"),
		"Failed to resolve server nobody.invalid: Name or service not known": unknown,
	} {
		spec.Target = filepath.Join(t.TempDir(), "mount")
		err := children.Mount(spec)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
}
