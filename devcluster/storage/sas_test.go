package main

import (
	"errors"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/mounting"
)

// sasSpec is a container whose Secret has a SAS token with these permissions and no key.
func sasSpec(t *testing.T, a azurite, name string, permissions sas.ContainerPermissions) mounting.Spec {
	t.Helper()
	client, err := account.Container(a.endpoint(), name, a.account, a.key, "")
	if err != nil {
		t.Fatal(err)
	}
	address, err := client.GetSASURL(permissions, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := sas.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	spec := blobSpec(t, a, name)
	spec.Blob.Key, spec.Blob.SAS = "", parts.SAS.Encode()
	return spec
}

// beside returns the same Azurite at another address, and a count of what it asks of itself there.
func beside(t *testing.T, a azurite) (azurite, *atomic.Int32) {
	t.Helper()
	address, err := url.Parse(strings.TrimSuffix(a.endpoint(), "/"+a.account))
	if err != nil {
		t.Fatal(err)
	}
	asked := &atomic.Int32{}
	proxy := &httputil.ReverseProxy{Rewrite: func(request *httputil.ProxyRequest) {
		request.Out.URL.Scheme, request.Out.URL.Host = address.Scheme, address.Host
		request.Out.Host = request.In.Host
		if strings.HasPrefix(request.In.UserAgent(), "axios/") {
			asked.Add(1)
		}
	}}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	a.pattern = server.URL + "/{account}"
	return a, asked
}

// TestFileIsRenamedWithASASToken: what an upload does, with nothing but a SAS token.
//
// Azurite's Pod need not reach its own Service, so it must not be made to ask itself for the file.
func TestFileIsRenamedWithASASToken(t *testing.T) {
	a, asked := beside(t, newAzurite(t))
	client := a.create(t, "data")
	all := sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true, List: true}
	root := mounted(t, newChildren(t), sasSpec(t, a, "data", all))
	folder := filepath.Join(root, "x")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	part, named := filepath.Join(folder, ".f.batchai-part"), filepath.Join(folder, "f")
	write(t, part, "hello")
	if got := read(t, part); got != "hello" {
		t.Fatalf("got %q", got)
	}
	if err := os.Chtimes(part, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, named); err != nil {
		t.Fatal(err)
	}
	if got := blobs(t, client); got != "x/=0 x/f=5" {
		t.Fatalf("got %q", got)
	}
	if got := read(t, named); got != "hello" {
		t.Fatalf("got %q", got)
	}
	if count := asked.Load(); count != 0 {
		t.Errorf("Azurite asked itself %d times for the file", count)
	}
}

// TestWhatASASTokenDoesNotPermit: an upload is refused as such, all else is EIO, as with blobfuse2.
func TestWhatASASTokenDoesNotPermit(t *testing.T) {
	a := newAzurite(t)
	client := a.create(t, "data")
	children := newChildren(t)
	reading := mounted(t, children, sasSpec(t, a, "data", sas.ContainerPermissions{Read: true, List: true}))
	if err := os.Mkdir(filepath.Join(reading, "x"), 0o777); !errors.Is(err, syscall.EIO) {
		t.Errorf("mkdir: %v", err)
	}
	if err := os.WriteFile(filepath.Join(reading, "f"), []byte("hello"), 0o666); !errors.Is(err, syscall.EACCES) {
		t.Errorf("write: %v", err)
	}
	if got := blobs(t, client); got != "" {
		t.Errorf("got %q", got)
	}
	keeping := mounted(t, children, sasSpec(t, a, "data", sas.ContainerPermissions{Read: true, Create: true, Write: true, List: true}))
	write(t, filepath.Join(keeping, "g"), "hello")
	if err := os.Rename(filepath.Join(keeping, "g"), filepath.Join(keeping, "h")); !errors.Is(err, syscall.EIO) {
		t.Errorf("rename: %v", err)
	}
	if err := os.Remove(filepath.Join(keeping, "g")); !errors.Is(err, syscall.EIO) {
		t.Errorf("remove: %v", err)
	}
	if got := blobs(t, client); got != "g=5 h=5" {
		t.Errorf("got %q", got)
	}
}
