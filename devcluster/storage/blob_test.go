package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/admin"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
	"batchai.dev/devcluster/storage/plugin"
)

func blobSpec(t *testing.T, a azurite, name string, options ...string) mounting.Spec {
	t.Helper()
	fuse, complaint := contract.ParseFuse(options)
	if complaint != "" {
		t.Fatal(complaint)
	}
	return mounting.Spec{Source: "blobfuse2", Blob: &mounting.Blob{
		Endpoint: a.endpoint(), Container: name, Account: a.account, Key: a.key,
		Cache: filepath.Join(t.TempDir(), "cache"), Fuse: fuse,
	}}
}

func TestFileIsABlobWhenItIsClosed(t *testing.T) {
	a := newAzurite(t)
	client := a.create(t, "data")
	root := mounted(t, newChildren(t), blobSpec(t, a, "data"))
	file, err := os.Create(filepath.Join(root, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	if got := blobs(t, client); got != "" {
		t.Fatalf("visible before it is closed: %s", got)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if got := blobs(t, client); got != "f=5" {
		t.Fatalf("after close: %q", got)
	}
	// A longer life of the same file: append, cut, rename, empty, delete.
	appending, err := os.OpenFile(filepath.Join(root, "f"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appending.WriteString(" world"); err != nil {
		t.Fatal(err)
	}
	if err := appending.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(root, "f")); got != "hello world" {
		t.Fatalf("got %q", got)
	}
	if err := os.Truncate(filepath.Join(root, "f"), 4); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(root, "f")); got != "hell" {
		t.Fatalf("got %q", got)
	}
	if err := os.Rename(filepath.Join(root, "f"), filepath.Join(root, "g")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "empty"), "")
	if got := blobs(t, client); got != "empty=0 g=4" {
		t.Fatalf("got %q", got)
	}
	if err := os.Remove(filepath.Join(root, "g")); err != nil {
		t.Fatal(err)
	}
	if got := blobs(t, client); got != "empty=0" {
		t.Fatalf("got %q", got)
	}
}

func TestAnotherMountSeesFoldersAndClosedFiles(t *testing.T) {
	a := newAzurite(t)
	a.create(t, "data")
	children := newChildren(t)
	first := mounted(t, children, blobSpec(t, a, "data"))
	second := mounted(t, children, blobSpec(t, a, "data", "-o ro"))
	if err := os.MkdirAll(filepath.Join(first, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(first, "nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("0123456789abcdef", 1<<18)
	write(t, filepath.Join(first, "a/b/big"), big)
	eventually(t, "the file", func() bool {
		text, err := os.ReadFile(filepath.Join(second, "a/b/big"))
		return err == nil && string(text) == big
	})
	eventually(t, "the empty folder", func() bool {
		info, err := os.Stat(filepath.Join(second, "nothing"))
		return err == nil && info.IsDir()
	})
	if err := os.WriteFile(filepath.Join(second, "x"), nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Fatalf("read-only mount: %v", err)
	}
	if err := os.Remove(filepath.Join(first, "nothing")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(first, "a")); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Fatalf("got %v", err)
	}
}

func TestContainerIsForRootUnlessAllowOther(t *testing.T) {
	a := newAzurite(t)
	a.create(t, "data")
	children := newChildren(t)
	base, err := os.MkdirTemp("/tmp", "storage-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	for options, may := range map[string]bool{"": false, "-o allow_other -o gid=2000": true} {
		spec := blobSpec(t, a, "data", options)
		spec.Target = filepath.Join(base, "m")
		if err := children.Mount(spec); err != nil {
			t.Fatal(err)
		}
		output, err := as(1000, "echo hello > "+spec.Target+"/f && cat "+spec.Target+"/f && stat -c '%a %u %g' "+spec.Target+"/f")
		if (err == nil) != may || (may && output != "hello\n777 0 2000\n") {
			t.Errorf("%q: got %q, %v", options, output, err)
		}
		if err := children.Unmount(spec.Target); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsWrittenIsInStorageAfterUnmount(t *testing.T) {
	a := newAzurite(t)
	client := a.create(t, "data")
	children := newChildren(t)
	spec := blobSpec(t, a, "data")
	spec.Target = filepath.Join(t.TempDir(), "mount")
	if err := children.Mount(spec); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(spec.Target, "open"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	// The Pod dies, its files are closed, the kubelet unmounts at once.
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := children.Unmount(spec.Target); err != nil {
		t.Fatal(err)
	}
	if got := blobs(t, client); got != "open=5" {
		t.Fatalf("got %q", got)
	}
	if _, err := os.Stat(spec.Blob.Cache); err == nil {
		t.Error("the cache is left")
	}
}

// secrets has one Secret for every name.
type secrets map[string]string

func (s secrets) Read(context.Context, string, string) (map[string]string, error) { return s, nil }

func TestBlobRefusalsAtMountTime(t *testing.T) {
	a := newAzurite(t)
	a.create(t, "data")
	wrong := strings.Replace(a.key, "a", "b", 1)
	for name, test := range map[string]struct {
		container, key, server, text string
	}{
		"wrong key":         {"data", wrong, "", "[BlockBlob::TestPipeline : [AuthenticationFailed]]"},
		"no such container": {"nothing", a.key, "", "[BlockBlob::TestPipeline : [ContainerNotFound]]"},
		"key that is none":  {"data", "not base64!", "", "failed to initialize new pipeline"},
		"nobody answers":    {"data", a.key, "http://127.0.0.1:1/acct", "connection refused"},
		"good":              {"data", a.key, a.endpoint(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			node := &plugin.Node{
				Driver: contract.BlobDriver, Mounter: newChildren(t),
				Secrets: secrets{"azurestorageaccountname": a.account, "azurestorageaccountkey": test.key},
				Storage: plugin.Storage{BlobEndpoint: a.pattern, Caches: t.TempDir()},
			}
			target := filepath.Join(t.TempDir(), "mount")
			_, err := node.NodePublishVolume(context.Background(), &csi.NodePublishVolumeRequest{
				VolumeId: "csi-1", TargetPath: target,
				VolumeContext: map[string]string{
					"csi.storage.k8s.io/ephemeral": "true", "csi.storage.k8s.io/pod.namespace": "team",
					"containerName": test.container, "secretName": "s", "server": test.server,
				},
				VolumeCapability: &csi.VolumeCapability{AccessType: &csi.VolumeCapability_Mount{}},
			})
			if test.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(target, "f"), "x")
				if err := node.Mounter.Unmount(target); err != nil {
					t.Fatal(err)
				}
			} else if err == nil || !strings.Contains(status.Convert(err).Message(), test.text) {
				t.Fatalf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), test.key) {
				t.Fatal("the key is in the message")
			}
		})
	}
}

func TestAdminMovesTreesInAndOut(t *testing.T) {
	a := newAzurite(t)
	output := &bytes.Buffer{}
	tool := admin.Admin{
		Account: a.account, Key: a.key, BlobEndpoint: a.pattern, Out: output,
		Shares: account.Shares{Root: t.TempDir()},
	}
	ctx := context.Background()
	if err := errors.Join(tool.CreateContainer(ctx, "data"), tool.CreateContainer(ctx, "data"), tool.CreateShare("logs")); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"share/logs", "container/data"} {
		for name, text := range map[string]string{"one.txt": "1", "deep/two.txt": "22"} {
			if err := tool.Put(ctx, place+"/in", tarOf(t, name, text)); err != nil {
				t.Fatal(err)
			}
		}
		output.Reset()
		if err := tool.Get(ctx, place+"/in"); err != nil {
			t.Fatal(err)
		}
		if got := untar(t, output); got != "deep/two.txt=22 one.txt=1" {
			t.Errorf("%s: got %s", place, got)
		}
		if err := tool.Remove(ctx, place+"/in/deep"); err != nil {
			t.Fatal(err)
		}
		output.Reset()
		if err := tool.List(ctx, place); err != nil || !strings.HasSuffix(output.String(), "  in/one.txt\n") || strings.Count(output.String(), "\n") != 1 {
			t.Errorf("%s: got %q, %v", place, output, err)
		}
		output.Reset()
		if err := tool.Get(ctx, place+"/in/one.txt"); err != nil || untar(t, output) != "one.txt=1" {
			t.Errorf("%s: one file: %v", place, err)
		}
		if err := tool.Get(ctx, place+"/nothing"); err == nil {
			t.Errorf("%s: nothing was got", place)
		}
	}
	if err := tool.Put(ctx, "share/none", tarOf(t, "x", "x")); !errors.Is(err, account.ErrNoShare) {
		t.Errorf("got %v", err)
	}
	if err := tool.Put(ctx, "share/logs", tarOf(t, "../../escape", "x")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(tool.Shares.Root, "shares", "escape")); err == nil {
		t.Error("a name with .. left the share")
	}
}
