package account

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// CreateContainer makes a container; one that is there stays as it is. Errors are storage's own words.
func CreateContainer(ctx context.Context, client *container.Client) error {
	_, err := client.Create(ctx, nil)
	if bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return nil
	}
	return storageWord(err)
}

// DeleteContainer removes a container with all its blobs; one that is not there is no error.
func DeleteContainer(ctx context.Context, client *container.Client) error {
	_, err := client.Delete(ctx, nil)
	if bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted) {
		return nil
	}
	return storageWord(err)
}

// HasContainer tells whether a container is there.
func HasContainer(ctx context.Context, client *container.Client) (bool, error) {
	_, err := client.GetProperties(ctx, nil)
	if bloberror.HasCode(err, bloberror.ContainerNotFound) {
		return false, nil
	}
	return err == nil, storageWord(err)
}
