package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/entra"
	"batchai.dev/devcluster/storage/keyvault"
	"batchai.dev/devcluster/storage/mounting"
)

// How long storage may take to answer before a mount is given up; the kubelet tries again.
const checkTime = 20 * time.Second

// Storage is what the stand-in has in place of Azure.
type Storage struct {
	Accounts account.Accounts
	Shares   account.Shares
	// BlobEndpoint is where Azurite answers, with `{account}` for the account's name.
	BlobEndpoint string
	// Caches is the folder for the caches of mounted containers.
	Caches string
	// FilesPort is where an account's file service answers, whatever its host is called.
	FilesPort string
	Exports   account.Exports
	Directory entra.Directory
	Vaults    keyvault.Vaults
}

// mountBlob checks key and container as blobfuse2 does before it mounts, and mounts.
func (n *Node) mountBlob(ctx context.Context, volume contract.Volume, c contract.Credentials) error {
	if complaint, isMissing := contract.BlobConfigError(c); isMissing {
		return contract.BlobMountError(complaint)
	}
	fuse, complaint := contract.ParseFuse(volume.Options)
	if complaint != "" {
		return contract.BlobMountError(complaint)
	}
	endpoint := account.Endpoint(volume.Server, n.Storage.BlobEndpoint, c.Account)
	if !strings.Contains(volume.Server, "://") {
		endpoint = blobEndpoint(n.Storage.BlobEndpoint, volume.Host("blob", c.Account), c.Account)
	}
	if err := n.serveBlob(ctx, volume, c, endpoint, "blobfuse2", fuse); err != nil {
		return contract.BlobMountError(err.Error())
	}
	return nil
}

// serveBlob asks storage for the container and mounts it; the error is blobfuse2's.
func (n *Node) serveBlob(
	ctx context.Context, volume contract.Volume, c contract.Credentials, endpoint, source string, fuse contract.Fuse,
) error {
	client, err := account.Container(endpoint, volume.Name, c.Account, c.Key, c.SAS)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		err = account.CheckContainer(limited, client)
	}
	if err != nil {
		return errors.New(contract.BlobPipelineError(err.Error()))
	}
	return n.Mounter.Mount(mounting.Spec{
		Target: volume.Target,
		Source: source,
		Blob: &mounting.Blob{
			Endpoint: endpoint, Container: volume.Name, Account: c.Account, Key: c.Key, SAS: c.SAS,
			Cache: mounting.CacheFolder(n.Storage.Caches, volume.Target), Fuse: fuse,
		},
	})
}

// mountShare checks account, key and share as an SMB server does, and mounts.
func (n *Node) mountShare(ctx context.Context, volume contract.Volume, c contract.Credentials) error {
	if err := contract.CheckShare(volume, c); err != nil {
		return err
	}
	source, host := contract.ShareSource(volume, c.Account), volume.Host("file", c.Account)
	refused := func(output string) error { return contract.ShareMountError(volume, source, output) }
	cifs, isValid := contract.ParseCifs(volume.Options)
	if !isValid {
		return refused("mount error(22): Invalid argument")
	}
	if _, isKnown := n.Storage.Accounts[c.Account]; !isKnown {
		return refused(fmt.Sprintf("mount error: could not resolve address for %s: Unknown error", host))
	}
	if !contract.IsPublic(host, "file", c.Account) {
		if complaint := n.reach(ctx, host); complaint != "" {
			return refused(complaint)
		}
	}
	if !n.Storage.Accounts.Has(c.Account, c.Key) {
		return refused("mount error(13): Permission denied")
	}
	folder, err := n.Storage.Shares.Folder(c.Account, volume.Name)
	if errors.Is(err, account.ErrNoShare) {
		return refused("mount error(2): No such file or directory")
	}
	if err != nil {
		return status.Errorf(codes.Internal, "share %s: %v", volume.Name, err)
	}
	if volume.Folder != "" {
		folder = filepath.Join(folder, volume.Folder)
		if volume.CreateFolder {
			err = os.MkdirAll(folder, 0o777)
		}
		if info, statErr := os.Stat(folder); err != nil || statErr != nil || !info.IsDir() {
			return refused("mount error(2): No such file or directory")
		}
	}
	err = n.Mounter.Mount(mounting.Spec{
		Target: volume.Target,
		Source: source,
		Share:  &mounting.Share{Folder: folder, FaultFile: n.Storage.Shares.FaultFile(c.Account, volume.Name), Cifs: cifs},
	})
	if err != nil {
		return refused(err.Error())
	}
	return nil
}
