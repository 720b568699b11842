package plugin

import (
	"context"
	"fmt"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/contract"
)

func request(id, target string, attributes, secrets map[string]string, capability *csi.VolumeCapability) contract.Request {
	mode := capability.GetAccessMode().GetMode()
	return contract.Request{
		ID:         id,
		Target:     target,
		Attributes: attributes,
		Secrets:    secrets,
		Flags:      capability.GetMount().GetMountFlags(),
		Group:      capability.GetMount().GetVolumeMountGroup(),
		ReadOnly: mode == csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY ||
			mode == csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY,
	}
}

// mount applies the rules, reads the Secret, and mounts what is not mounted yet.
//
// The kubelet calls again and again (requiresRepublish): a mount that is served stays as it is,
// whatever has become of its Secret since.
func (n *Node) mount(ctx context.Context, asked contract.Request) error {
	if !n.busy.take(asked.Target) {
		return alreadyBusy(asked.ID)
	}
	defer n.busy.release(asked.Target)
	switch n.Driver {
	case contract.NFSDriver:
		return n.mountNFS(asked)
	case contract.SMBDriver:
		return n.mountSMB(ctx, asked)
	}
	rules := contract.Share
	if n.Driver == contract.BlobDriver {
		rules = contract.Blob
	}
	volume, err := rules(asked)
	if err != nil {
		return err
	}
	isMounted, isServed, err := n.Mounter.State(asked.Target)
	if err != nil {
		return status.Errorf(codes.Internal, "Could not mount target %q: %v", asked.Target, err)
	}
	if isServed || (isMounted && volume.IsNFS && n.Driver == contract.ShareDriver) {
		return nil
	}
	if volume.IsNFS {
		return n.mountAzureNFS(ctx, volume)
	}
	if volume.Identity.IsUsed() {
		return n.mountByIdentity(ctx, volume)
	}
	if volume.Vault != (contract.Vault{}) {
		credentials, err := n.vaultKey(volume)
		if err != nil {
			return err
		}
		return n.mountBlob(ctx, volume, credentials)
	}
	credentials, err := n.credentials(ctx, volume)
	if n.Driver == contract.BlobDriver {
		if err != nil {
			return contract.BlobCredentialsError(err)
		}
		return n.mountBlob(ctx, volume, credentials)
	}
	if err != nil {
		return contract.ShareCredentialsError(volume, err)
	}
	return n.mountShare(ctx, volume, credentials)
}

func (n *Node) mountByIdentity(ctx context.Context, volume contract.Volume) error {
	if n.Driver == contract.BlobDriver {
		if volume.Account == "" {
			complaint, _ := contract.BlobConfigError(contract.Credentials{})
			return contract.BlobMountError(complaint)
		}
		credentials, err := n.blobByIdentity(ctx, volume)
		if err != nil {
			return err
		}
		return n.mountBlob(ctx, volume, credentials)
	}
	// What is wrong with the request is told before anybody is asked for a ticket.
	if err := contract.CheckShare(volume, contract.Credentials{Account: volume.Account, Key: "-"}); err != nil {
		return err
	}
	credentials, err := n.shareByIdentity(ctx, volume)
	if err != nil {
		return err
	}
	return n.mountShare(ctx, volume, credentials)
}

// credentials come with the request, or from the Secret; the Secret's account wins.
func (n *Node) credentials(ctx context.Context, volume contract.Volume) (contract.Credentials, error) {
	result := contract.Credentials{Account: volume.Account}
	if volume.Given != nil {
		given := *volume.Given
		if given.Account == "" {
			given.Account = volume.Account
		}
		return given, nil
	}
	if volume.Secret == (contract.SecretRef{}) {
		return result, nil
	}
	data, err := n.Secrets.Read(ctx, volume.Secret.Namespace, volume.Secret.Name)
	if err != nil {
		return result, contract.MissingSecretError(volume.Secret, err)
	}
	found := contract.FromSecret(data)
	if found.Account == "" {
		found.Account = volume.Account
	}
	return found, nil
}

func alreadyBusy(id string) error {
	return status.Error(codes.Aborted, fmt.Sprintf("An operation with the given Volume ID %s already exists", id))
}

// locks hold one operation per path.
type locks struct {
	mutex sync.Mutex
	held  map[string]bool
}

func (l *locks) take(path string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.held[path] {
		return false
	}
	if l.held == nil {
		l.held = map[string]bool{}
	}
	l.held[path] = true
	return true
}

func (l *locks) release(path string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.held, path)
}
