package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
)

// mountAzureNFS shows a share or container that is offered by NFS; nobody is asked for a key.
//
// It is the folder itself that is shown for a share, with the owners and modes that files have, and
// Azurite's container for a container.
func (n *Node) mountAzureNFS(ctx context.Context, volume contract.Volume) error {
	service, kind := "file", account.ShareKind
	if n.Driver == contract.BlobDriver {
		service, kind = "blob", account.ContainerKind
	}
	host := volume.Host(service, volume.Account)
	source := fmt.Sprintf("%s:/%s/%s", host, volume.Account, volume.Name)
	refused := func(output string) error { return contract.AzureNFSError(volume, source, output) }
	options, isValid := contract.ParseNFS(volume.Options)
	if !isValid {
		return refused("an incorrect mount option was specified")
	}
	_, isKnown := n.Storage.Accounts[volume.Account]
	if !(isKnown && contract.IsPublic(host, service, volume.Account)) {
		if _, err := n.lookUp(ctx, host); err != nil || !isKnown {
			return refused(fmt.Sprintf("Failed to resolve server %s: Name or service not known", host))
		}
	}
	if !n.Storage.Exports.Offers(volume.Account, kind, volume.Name) {
		return refused("access denied by server while mounting " + source)
	}
	if n.Driver == contract.BlobDriver {
		fuse := contract.Fuse{AllowOther: true, ReadOnly: options.ReadOnly}
		own := n.ownKey(volume.Account)
		endpoint := account.Endpoint("", n.Storage.BlobEndpoint, volume.Account)
		if err := n.serveBlob(ctx, volume, own, endpoint, source, fuse); err != nil {
			return refused(fmt.Sprintf("mounting %s failed, reason given by server: No such file or directory", source))
		}
		return nil
	}
	folder, err := n.Storage.Shares.Folder(volume.Account, volume.Name)
	if errors.Is(err, account.ErrNoShare) {
		return refused(fmt.Sprintf("mounting %s failed, reason given by server: No such file or directory", source))
	}
	if err == nil {
		// The drivers open the mounted folder for all (mountPermissions).
		err = os.Chmod(folder, 0o777)
	}
	if err == nil {
		err = n.Mounter.Bind(folder, volume.Target, options.ReadOnly)
	}
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}

// reach finds out where a host is and whether an account's service answers there.
//
// It returns what mount.cifs says when it does not.
func (n *Node) reach(ctx context.Context, host string) string {
	addresses, err := n.lookUp(ctx, host)
	if err != nil || len(addresses) == 0 {
		return fmt.Sprintf("mount error: could not resolve address for %s: Unknown error", host)
	}
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(limited, "tcp", net.JoinHostPort(addresses[0], n.Storage.FilesPort))
	if err != nil {
		return fmt.Sprintf("mount error(111): could not connect to %sUnable to find suitable address.", addresses[0])
	}
	_ = connection.Close()
	return ""
}

func (n *Node) lookUp(ctx context.Context, host string) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return net.DefaultResolver.LookupHost(limited, host)
}

// blobEndpoint returns the URL of an account's blob service at a host.
//
// Behind the account's own name in the configured cloud is Azurite. Any other name is looked up by
// whoever connects, and Azurite's scheme, port and path are taken, because all that can be found in a
// cluster under such a name is Azurite again.
func blobEndpoint(pattern, host, name string) string {
	if contract.IsPublic(host, "blob", name) {
		return account.Endpoint("", pattern, name)
	}
	if parts, err := url.Parse(account.Endpoint("", pattern, name)); err == nil && parts.Port() != "" {
		parts.Host = net.JoinHostPort(host, parts.Port())
		return parts.String()
	}
	return account.Endpoint(host, pattern, name)
}
