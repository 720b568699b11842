package plugin

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sort"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/contract"
)

// Controller makes and deletes the containers of blob.csi.azure.com or the shares of
// file.csi.azure.com, for a provisioner that calls it.
type Controller struct {
	csi.UnimplementedControllerServer
	// Driver is one of those two names.
	Driver  string
	Storage Storage
	Keys    Keys

	busy locks
}

// Keys keeps accounts' keys where Pods' volumes look for them; tests have a fake.
type Keys interface {
	// Store makes a Secret; one of that name that is there stays as it is.
	Store(ctx context.Context, namespace, name string, data map[string]string) error
}

// ControllerGetCapabilities names what this one can do; the real drivers can expand, copy and
// take snapshots besides.
func (c *Controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: []*csi.ControllerServiceCapability{{
		Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{
			Type: csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		}},
	}}}, nil
}

// CreateVolume makes what a StorageClass asks for, or finds it, and stores the account's key.
func (c *Controller) CreateVolume(ctx context.Context, in *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if in.GetName() == "" {
		return nil, status.Error(codes.InvalidArgument, "CreateVolume Name must be provided")
	}
	if err := c.checkCapabilities(in.GetVolumeCapabilities()); err != nil {
		return nil, err
	}
	if in.GetVolumeContentSource() != nil {
		return nil, status.Error(codes.InvalidArgument, "the stand-in copies no volumes and restores no snapshots")
	}
	size := in.GetCapacityRange().GetRequiredBytes()
	wish, err := c.wish(in.GetName(), size, in.GetParameters())
	if err != nil {
		return nil, err
	}
	if !c.busy.take(in.GetName()) {
		return nil, alreadyBusy(in.GetName())
	}
	defer c.busy.release(in.GetName())
	place, err := c.choose(wish, in.GetSecrets())
	if err == nil {
		err = c.make(ctx, place, wish)
	}
	if err != nil {
		return nil, c.makingFailed(wish, size, err)
	}
	if wish.StoresKey && len(in.GetSecrets()) == 0 {
		if err := c.storeKey(ctx, place, wish); err != nil {
			return nil, status.Errorf(codes.Internal, "failed to store storage account key: %v", err)
		}
	}
	account := wish.Account
	if len(in.GetSecrets()) == 0 {
		account = place.Account
	}
	id := wish.Handle(c.Driver, account)
	log.Printf("%s made %s", c.Driver, id)
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: id, CapacityBytes: size, VolumeContext: wish.Attributes,
	}}, nil
}

// DeleteVolume deletes the container or share with all that is in it. The Secret stays.
func (c *Controller) DeleteVolume(ctx context.Context, in *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	id := in.GetVolumeId()
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "Volume ID missing in request")
	}
	handle, err := contract.ParseHandle(c.Driver, id)
	if err != nil {
		// Whatever it was, this driver has not made it.
		log.Printf("%s DeleteVolume: %v", c.Driver, err)
		return &csi.DeleteVolumeResponse{}, nil
	}
	if !c.busy.take(id) {
		return nil, alreadyBusy(id)
	}
	defer c.busy.release(id)
	place, err := c.choose(contract.Wish{Account: handle.Account, Group: handle.Group}, in.GetSecrets())
	if err == nil {
		err = c.delete(ctx, place, handle.Name)
	}
	if err == nil {
		log.Printf("%s deleted %s", c.Driver, id)
		return &csi.DeleteVolumeResponse{}, nil
	}
	if c.Driver == contract.BlobDriver {
		return nil, status.Errorf(codes.Internal, "failed to delete container(%s) under rg(%s) account(%s) volumeID(%s), error: %v",
			handle.Name, handle.Group, handle.Account, id, err)
	}
	return nil, status.Errorf(codes.Internal, "DeleteFileShare %s under account(%s) rg(%s) failed with error: %v",
		handle.Name, handle.Account, handle.Group, err)
}

// ValidateVolumeCapabilities tells whether a volume is there; all access modes are fine.
func (c *Controller) ValidateVolumeCapabilities(ctx context.Context, in *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	id := in.GetVolumeId()
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "Volume ID missing in request")
	}
	if err := c.checkCapabilities(in.GetVolumeCapabilities()); err != nil {
		return nil, err
	}
	handle, err := contract.ParseHandle(c.Driver, id)
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	place, err := c.choose(contract.Wish{Account: handle.Account, Group: handle.Group}, in.GetSecrets())
	isThere := false
	if err == nil {
		isThere, err = c.has(ctx, place, handle.Name)
	}
	if err != nil {
		return nil, status.Errorf(codes.Internal, "error checking if volume(%s) exists: %v", id, err)
	}
	if !isThere {
		return nil, status.Errorf(codes.NotFound, "requested volume(%s) does not exist", id)
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: in.GetVolumeCapabilities(),
	}}, nil
}

func (c *Controller) checkCapabilities(capabilities []*csi.VolumeCapability) error {
	complaint := ""
	if len(capabilities) == 0 {
		complaint = "volume capabilities missing in request"
	}
	for _, capability := range capabilities {
		if capability.GetBlock() != nil {
			complaint = "block volume capability not supported"
		}
	}
	if complaint == "" {
		return nil
	}
	if c.Driver == contract.ShareDriver {
		complaint = "CreateVolume Volume capabilities not valid: " + complaint
	}
	return status.Error(codes.InvalidArgument, complaint)
}

func (c *Controller) wish(name string, size int64, parameters map[string]string) (contract.Wish, error) {
	if c.Driver == contract.BlobDriver {
		return contract.ProvisionBlob(name, parameters)
	}
	return contract.ProvisionShare(name, size, parameters)
}

// choose finds the account: that of a request's secrets, the one that is named, or any.
func (c *Controller) choose(wish contract.Wish, secrets map[string]string) (contract.Credentials, error) {
	if len(secrets) > 0 {
		given := contract.FromSecret(secrets)
		switch {
		case given.Account == "":
			return given, errors.New("could not find accountname or azurestorageaccountname field in secrets")
		case given.Key == "":
			return given, errors.New("could not find accountkey or azurestorageaccountkey field in secrets")
		}
		return given, nil
	}
	name := wish.Account
	if name == "" {
		// Azure would look for one of the right kind, or make it; all that are here will do.
		names := make([]string, 0, len(c.Storage.Accounts))
		for each := range c.Storage.Accounts {
			names = append(names, each)
		}
		sort.Strings(names)
		name = names[0]
	}
	keys := c.Storage.Accounts[name]
	if len(keys) == 0 {
		return contract.Credentials{}, fmt.Errorf("The Resource 'Microsoft.Storage/storageAccounts/%s' under "+
			"resource group '%s' was not found", name, wish.Group)
	}
	return contract.Credentials{Account: name, Key: keys[0]}, nil
}

func (c *Controller) storeKey(ctx context.Context, place contract.Credentials, wish contract.Wish) error {
	name := wish.SecretName
	if name == "" {
		name = contract.SecretName(place.Account)
	}
	data := map[string]string{"azurestorageaccountname": place.Account, "azurestorageaccountkey": place.Key}
	if err := c.Keys.Store(ctx, wish.SecretNamespace, name, data); err != nil {
		return fmt.Errorf("couldn't create secret %w", err)
	}
	return nil
}

func (c *Controller) makingFailed(wish contract.Wish, size int64, err error) error {
	if _, isStatus := status.FromError(err); isStatus {
		return err
	}
	gigabytes := (size + 1<<30 - 1) >> 30
	if c.Driver == contract.BlobDriver {
		return status.Errorf(codes.Internal, "failed to create container(%s) on account(%s) type(%s) rg(%s) location() size(%d), error: %v",
			wish.Name, wish.Account, wish.SKU, wish.Group, gigabytes, err)
	}
	return status.Errorf(codes.Internal, "failed to create file share(%s) on account(%s) type(%s) subsID(%s) rg(%s) location() size(%d), error: %v",
		wish.Name, wish.Account, wish.SKU, wish.Subscription, wish.Group, wish.Gigabytes, err)
}
