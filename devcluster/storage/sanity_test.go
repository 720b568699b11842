package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/plugin"
)

// controller makes a share per volume. The stand-in has no controller of its own (nobody provisions
// on it); csi-sanity needs one to try the node's part of a volume's life.
type controller struct {
	csi.UnimplementedControllerServer
	csi.UnimplementedGroupControllerServer
	shares account.Shares
	lock   sync.Mutex
	sizes  map[string]int64
}

func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: []*csi.ControllerServiceCapability{{
		Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{
			Type: csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		}},
	}}}, nil
}

func (c *controller) CreateVolume(_ context.Context, in *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if in.GetName() == "" || len(in.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "name or capabilities missing")
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	size := in.GetCapacityRange().GetRequiredBytes()
	if old, there := c.sizes[in.GetName()]; there && old != size {
		return nil, status.Error(codes.AlreadyExists, "another size")
	}
	c.sizes[in.GetName()] = size
	share := fmt.Sprintf("share%x", in.GetName())
	share = share[:min(len(share), 63)]
	if err := c.shares.Create("acct", share); err != nil {
		return nil, err
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: share, CapacityBytes: size, VolumeContext: map[string]string{"shareName": share},
	}}, nil
}

func (c *controller) DeleteVolume(_ context.Context, in *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if in.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "volume id missing")
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c *controller) ValidateVolumeCapabilities(_ context.Context, in *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if in.GetVolumeId() == "" || len(in.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "volume id or capabilities missing")
	}
	if _, err := c.shares.Folder("acct", in.GetVolumeId()); err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: in.GetVolumeCapabilities(),
	}}, nil
}

func TestSanity(t *testing.T) {
	children := newChildren(t)
	folder := t.TempDir()
	shares := account.Shares{Root: folder}
	node := &plugin.Node{
		Driver: contract.ShareDriver, NodeID: "node-0", Mounter: children,
		Storage: plugin.Storage{Accounts: account.Accounts{"acct": {"right"}}, Shares: shares},
	}
	server := plugin.NewServer(node)
	csi.RegisterControllerServer(server, &controller{shares: shares, sizes: map[string]int64{}})
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
