package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Container returns a client for one container; key or sas may be empty, not both.
func Container(endpoint, name, account, key, sas string) (*container.Client, error) {
	address := strings.TrimSuffix(endpoint, "/") + "/" + url.PathEscape(name)
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		// One retry: whoever asks (the kubelet) asks again anyway.
		Retry: policy.RetryOptions{MaxRetries: 1},
	}}
	if key == "" {
		return container.NewClientWithNoCredential(address+"?"+strings.TrimPrefix(sas, "?"), options)
	}
	credential, err := container.NewSharedKeyCredential(account, key)
	if err != nil {
		return nil, err
	}
	return container.NewClientWithSharedKeyCredential(address, credential, options)
}

// Endpoint returns the URL of an account's blob service.
//
// server is what a volume says (with or without a scheme); without it pattern is taken, in which
// `{account}` stands for the account's name.
func Endpoint(server, pattern, account string) string {
	server = strings.TrimSuffix(strings.TrimSpace(server), "/")
	switch {
	case server == "" || server == account+".blob.core.windows.net":
		return strings.TrimSuffix(strings.ReplaceAll(pattern, "{account}", account), "/")
	case strings.Contains(server, "://"):
		return server
	}
	return "https://" + server
}

// CheckContainer lists one page, as blobfuse2 does before it mounts.
//
// It returns storage's own word for what is wrong (AuthenticationFailed, ContainerNotFound ...),
// or the error's text when nothing answered.
func CheckContainer(ctx context.Context, client *container.Client) error {
	two := int32(2)
	pager := client.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{MaxResults: &two})
	_, err := pager.NextPage(ctx)
	return storageWord(err)
}

func storageWord(err error) error {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return err
	}
	switch word := bloberror.Code(answer.ErrorCode); word {
	case "":
		return fmt.Errorf("%d", answer.StatusCode)
	case bloberror.AuthorizationFailure:
		// Azurite's word for a bad signature; Azure says AuthenticationFailed.
		return errors.New(string(bloberror.AuthenticationFailed))
	default:
		return errors.New(string(word))
	}
}
