package plugin

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
)

// errKey is storage's word for a key that is not the account's.
var errKey = errors.New("AuthenticationFailed")

// make has a container or share made, unless it is there.
func (c *Controller) make(ctx context.Context, place contract.Credentials, wish contract.Wish) error {
	if c.Driver == contract.BlobDriver {
		return c.onContainer(ctx, place, wish.Name, account.CreateContainer)
	}
	if !c.Storage.Accounts.Has(place.Account, place.Key) {
		return errKey
	}
	quota, err := c.Storage.Shares.Quota(place.Account, wish.Name)
	switch {
	case err == nil && quota < wish.Gigabytes:
		return status.Errorf(codes.AlreadyExists, "request file share(%s) already exists, but its capacity %d is smaller than %d",
			wish.Name, quota, wish.Gigabytes)
	case err != nil && !errors.Is(err, account.ErrNoShare):
		return err
	}
	return c.Storage.Shares.CreateWithQuota(place.Account, wish.Name, wish.Gigabytes)
}

// delete has a container or share deleted; one that is not there is no error.
func (c *Controller) delete(ctx context.Context, place contract.Credentials, name string) error {
	if c.Driver == contract.BlobDriver {
		return c.onContainer(ctx, place, name, account.DeleteContainer)
	}
	if !c.Storage.Accounts.Has(place.Account, place.Key) {
		return errKey
	}
	return c.Storage.Shares.Delete(place.Account, name)
}

// has tells whether a container or share is there.
func (c *Controller) has(ctx context.Context, place contract.Credentials, name string) (bool, error) {
	if c.Driver == contract.BlobDriver {
		isThere := false
		err := c.onContainer(ctx, place, name, func(ctx context.Context, client *container.Client) (err error) {
			isThere, err = account.HasContainer(ctx, client)
			return err
		})
		return isThere, err
	}
	if !c.Storage.Accounts.Has(place.Account, place.Key) {
		return false, errKey
	}
	_, err := c.Storage.Shares.Folder(place.Account, name)
	if errors.Is(err, account.ErrNoShare) {
		return false, nil
	}
	return err == nil, err
}

func (c *Controller) onContainer(
	ctx context.Context, place contract.Credentials, name string,
	do func(context.Context, *container.Client) error,
) error {
	endpoint := account.Endpoint("", c.Storage.BlobEndpoint, place.Account)
	client, err := account.Container(endpoint, name, place.Account, place.Key, "")
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return do(limited, client)
}
