// Package plugin is the CSI node plugin: one server per driver name, with the real drivers' rules.
//
// It translates the kubelet's requests into package contract's rules and package mounting's mounts.
// The program's main starts it.
package plugin

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
)

// How long a share may take to tell its size.
const statTime = 5 * time.Second

// Node serves one driver.
type Node struct {
	csi.UnimplementedNodeServer
	// Driver is one of the names in package contract.
	Driver  string
	NodeID  string
	Storage Storage
	Secrets Secrets
	Tokens  Reviewer
	Mounter mounting.Mounter

	busy locks
}

// NodeGetInfo names the node.
func (n *Node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.NodeID}, nil
}

// NodeGetCapabilities names what the real drivers can do on a node; csi-driver-nfs stages nothing.
//
// SINGLE_NODE_MULTI_WRITER is left out: whoever announces it must enforce ReadWriteOncePod.
func (n *Node) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	response := &csi.NodeGetCapabilitiesResponse{}
	capabilities := []csi.NodeServiceCapability_RPC_Type{csi.NodeServiceCapability_RPC_GET_VOLUME_STATS}
	if n.Driver != contract.NFSDriver {
		capabilities = append(capabilities,
			csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME, csi.NodeServiceCapability_RPC_VOLUME_MOUNT_GROUP)
	}
	for _, capability := range capabilities {
		response.Capabilities = append(response.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: capability}},
		})
	}
	return response, nil
}

// NodeStageVolume mounts a PersistentVolume's container or share once per node.
func (n *Node) NodeStageVolume(ctx context.Context, in *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if n.Driver == contract.NFSDriver {
		return nil, status.Error(codes.Unimplemented, "")
	}
	if in.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "Volume ID missing in request")
	}
	if in.GetStagingTargetPath() == "" {
		return nil, status.Error(codes.InvalidArgument, "Staging target not provided")
	}
	if in.GetVolumeCapability() == nil {
		return nil, status.Error(codes.InvalidArgument, "Volume capability not provided")
	}
	if contract.WaitsForToken(n.Driver, in.GetVolumeContext()) {
		return &csi.NodeStageVolumeResponse{}, nil
	}
	err := n.mount(ctx, request(in.GetVolumeId(), in.GetStagingTargetPath(), in.GetVolumeContext(), in.GetSecrets(), in.GetVolumeCapability()))
	return &csi.NodeStageVolumeResponse{}, err
}

// NodePublishVolume mounts an inline volume, or shows a staged one in a Pod.
func (n *Node) NodePublishVolume(ctx context.Context, in *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if in.GetVolumeCapability() == nil {
		return nil, status.Error(codes.InvalidArgument, "Volume capability missing in request")
	}
	if in.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "Volume ID missing in request")
	}
	target := in.GetTargetPath()
	if target == "" {
		return nil, status.Error(codes.InvalidArgument, "Target path not provided")
	}
	asked := request(in.GetVolumeId(), target, in.GetVolumeContext(), in.GetSecrets(), in.GetVolumeCapability())
	if n.Driver == contract.NFSDriver {
		asked.ReadOnly = in.GetReadonly()
		return &csi.NodePublishVolumeResponse{}, n.mount(ctx, asked)
	}
	if contract.WaitsForToken(n.Driver, asked.Attributes) && contract.Attributes(asked.Attributes).IsEphemeral() {
		// A CSIDriver without tokenRequests: the drivers mount nothing and say nothing.
		return &csi.NodePublishVolumeResponse{}, nil
	}
	if contract.BringsToken(n.Driver, asked.Attributes) {
		// Each Pod has a mount of its own, as whom its service account stands for.
		return &csi.NodePublishVolumeResponse{}, n.mount(ctx, asked)
	}
	if contract.Attributes(asked.Attributes).IsEphemeral() {
		// `readOnly` of an inline volume reaches no driver; the kubelet sees to it.
		return &csi.NodePublishVolumeResponse{}, n.mount(ctx, asked)
	}
	if in.GetStagingTargetPath() == "" {
		return nil, status.Error(codes.InvalidArgument, "Staging target not provided")
	}
	if !n.busy.take(target) {
		return nil, alreadyBusy(in.GetVolumeId())
	}
	defer n.busy.release(target)
	isMounted, _, err := n.Mounter.State(target)
	if err == nil && !isMounted {
		err = n.Mounter.Bind(in.GetStagingTargetPath(), target, in.GetReadonly())
	}
	if err != nil {
		return nil, status.Errorf(codes.Internal, "Could not mount %q at %q: %v", in.GetStagingTargetPath(), target, err)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

// NodeUnpublishVolume removes what NodePublishVolume made.
func (n *Node) NodeUnpublishVolume(_ context.Context, in *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if in.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "Volume ID missing in request")
	}
	if in.GetTargetPath() == "" {
		return nil, status.Error(codes.InvalidArgument, "Target path missing in request")
	}
	return &csi.NodeUnpublishVolumeResponse{}, n.unmount(in.GetVolumeId(), in.GetTargetPath(), "target")
}

// NodeUnstageVolume removes what NodeStageVolume made.
func (n *Node) NodeUnstageVolume(_ context.Context, in *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if in.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "Volume ID missing in request")
	}
	if in.GetStagingTargetPath() == "" {
		return nil, status.Error(codes.InvalidArgument, "Staging target not provided")
	}
	return &csi.NodeUnstageVolumeResponse{}, n.unmount(in.GetVolumeId(), in.GetStagingTargetPath(), "staging target")
}

func (n *Node) unmount(id, target, what string) error {
	if !n.busy.take(target) {
		return alreadyBusy(id)
	}
	defer n.busy.release(target)
	if err := n.Mounter.Unmount(target); err != nil {
		return status.Errorf(codes.Internal, "failed to unmount %s %q: %v", what, target, err)
	}
	return nil
}

// NodeGetVolumeStats tells a mounted volume's size; one that hangs must not hold the kubelet.
func (n *Node) NodeGetVolumeStats(_ context.Context, in *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	if in.GetVolumeId() == "" {
		return nil, status.Error(codes.InvalidArgument, "NodeGetVolumeStats volume ID was empty")
	}
	path := in.GetVolumePath()
	if path == "" {
		return nil, status.Error(codes.InvalidArgument, "NodeGetVolumeStats volume path was empty")
	}
	type result struct {
		stat syscall.Statfs_t
		err  error
	}
	answer := make(chan result, 1)
	go func() {
		var r result
		if _, r.err = os.Lstat(path); r.err == nil {
			r.err = syscall.Statfs(path, &r.stat)
		}
		answer <- r
	}()
	select {
	case r := <-answer:
		if errors.Is(r.err, fs.ErrNotExist) {
			return nil, status.Errorf(codes.NotFound, "path %s does not exist", path)
		}
		if r.err != nil {
			return nil, status.Errorf(codes.Internal, "failed to get metrics: %v", r.err)
		}
		size := r.stat.Bsize
		return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{
			{
				Unit: csi.VolumeUsage_BYTES, Total: int64(r.stat.Blocks) * size,
				Available: int64(r.stat.Bavail) * size, Used: int64(r.stat.Blocks-r.stat.Bfree) * size,
			},
			{
				Unit: csi.VolumeUsage_INODES, Total: int64(r.stat.Files),
				Available: int64(r.stat.Ffree), Used: int64(r.stat.Files - r.stat.Ffree),
			},
		}}, nil
	case <-time.After(statTime):
		return nil, status.Errorf(codes.Internal, "failed to get metrics: %s does not answer", path)
	}
}
