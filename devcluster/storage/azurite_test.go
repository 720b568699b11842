package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"batchai.dev/devcluster/storage/account"
)

// azurite is a running Azurite with one account.
type azurite struct {
	account, key, pattern string
}

// newAzurite starts Azurite; STORAGE_TEST_AZURITE names its dist/src/blob/main.js.
func newAzurite(t *testing.T) azurite {
	t.Helper()
	program := os.Getenv("STORAGE_TEST_AZURITE")
	if program == "" {
		t.Skip("STORAGE_TEST_AZURITE does not name Azurite; the cluster's tests cover this with a real one")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	host, port, _ := strings.Cut(address, ":")
	made := azurite{"acct", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64))), "http://" + address + "/{account}"}
	command := exec.Command("node", program, "--blobHost", host, "--blobPort", port,
		"--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableProductStyleUrl")
	command.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+made.account+":"+made.key)
	command.Dir = t.TempDir()
	output := &strings.Builder{}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	deadline := time.Now().Add(30 * time.Second)
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return made
		}
		if time.Now().After(deadline) {
			t.Fatalf("Azurite does not answer: %s", output)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (a azurite) endpoint() string {
	return account.Endpoint("", a.pattern, a.account)
}

// create makes a container and returns its client.
func (a azurite) create(t *testing.T, name string) *container.Client {
	t.Helper()
	client, err := account.Container(a.endpoint(), name, a.account, a.key, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	return client
}

// blobs returns name=size of everything in a container, sorted by name.
func blobs(t *testing.T, client *container.Client) string {
	t.Helper()
	var result []string
	pager := client.NewListBlobsFlatPager(nil)
	for pager.More() {
		page, err := pager.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, blob := range page.Segment.BlobItems {
			result = append(result, fmt.Sprintf("%s=%d", *blob.Name, *blob.Properties.ContentLength))
		}
	}
	return strings.Join(result, " ")
}
