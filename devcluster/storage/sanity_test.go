package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/plugin"
)

// noKeys stands for an API server that takes every Secret.
type noKeys struct{}

func (noKeys) Store(context.Context, string, string, map[string]string) error { return nil }

func TestSanity(t *testing.T) {
	children := newChildren(t)
	folder := t.TempDir()
	storage := plugin.Storage{Accounts: account.Accounts{"acct": {"right"}}, Shares: account.Shares{Root: folder}}
	node := &plugin.Node{Driver: contract.ShareDriver, NodeID: "node-0", Mounter: children, Storage: storage}
	server := plugin.NewServer(node)
	csi.RegisterControllerServer(server, &plugin.Controller{Driver: contract.ShareDriver, Storage: storage, Keys: noKeys{}})
	socket := filepath.Join(folder, "csi.sock")
	listener, err := plugin.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	sections := ""
	for _, name := range []string{
		"CreateVolumeSecret", "DeleteVolumeSecret", "ControllerPublishVolumeSecret", "ControllerUnpublishVolumeSecret",
		"ControllerValidateVolumeCapabilitiesSecret", "NodeStageVolumeSecret", "NodePublishVolumeSecret",
		"CreateSnapshotSecret", "DeleteSnapshotSecret", "ControllerExpandVolumeSecret", "ListSnapshotsSecret",
	} {
		sections += name + ":\n  azurestorageaccountname: acct\n  azurestorageaccountkey: right\n"
	}
	file := filepath.Join(folder, "secrets.yaml")
	if err := os.WriteFile(file, []byte(sections), 0o600); err != nil {
		t.Fatal(err)
	}
	config := sanity.NewTestConfig()
	config.Address = "unix://" + socket
	config.SecretsFile = file
	config.TargetPath = filepath.Join(folder, "target")
	config.StagingPath = filepath.Join(folder, "staging")
	sanity.Test(t, config)
}
