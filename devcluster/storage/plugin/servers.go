package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
)

// The names under which the stand-in's shares can be mounted by SMB, besides <account>.file.core.windows.net.
var smbHosts = map[string]bool{
	"smb.batchai-storage": true, "smb.batchai-storage.svc": true, "smb.batchai-storage.svc.cluster.local": true,
}

// mountNFS asks the server itself, which need not be the stand-in's.
func (n *Node) mountNFS(asked contract.Request) error {
	volume, err := contract.ReadNFS(asked)
	if err != nil {
		return err
	}
	_, isServed, err := n.Mounter.State(volume.Target)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	if isServed {
		return nil
	}
	options, isValid := contract.ParseNFS(volume.Options)
	if !isValid {
		return contract.NFSMountError(volume, "an incorrect mount option was specified")
	}
	err = n.Mounter.Mount(mounting.Spec{
		Target: volume.Target,
		Source: volume.Source(),
		NFS:    &mounting.NFS{Server: volume.Server, Path: volume.Path, Options: options},
	})
	if err != nil {
		return contract.NFSMountError(volume, err.Error())
	}
	if volume.Permissions == 0 || options.ReadOnly {
		return nil
	}
	if err := os.Chmod(volume.Target, os.FileMode(volume.Permissions)); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}

// mountSMB plays an SMB server whose users are the accounts and whose shares are theirs.
func (n *Node) mountSMB(ctx context.Context, asked contract.Request) error {
	volume, err := contract.ReadSMB(asked)
	if err != nil {
		return err
	}
	_, isServed, err := n.Mounter.State(volume.Target)
	if err != nil {
		return status.Errorf(codes.Internal, "Could not mount target %s: %v", volume.Target, err)
	}
	if isServed {
		return nil
	}
	login, err := n.login(ctx, volume)
	if err != nil {
		return err
	}
	refused := func(output string) error { return contract.SMBMountError(volume, output) }
	cifs, isValid := contract.ParseCifs(append([]string{"file_mode=0755", "dir_mode=0755"}, volume.Options...))
	if !isValid || volume.Share == "" {
		return refused("mount error(22): Invalid argument")
	}
	owner, isAzure := strings.CutSuffix(volume.Server, ".file.core.windows.net")
	if _, isKnown := n.Storage.Accounts[owner]; !smbHosts[volume.Server] && !(isAzure && isKnown) {
		return refused(fmt.Sprintf("mount error: could not resolve address for %s: Unknown error", volume.Server))
	}
	if !n.Storage.Accounts.Has(login.User, login.Password) || (isAzure && login.User != owner) {
		return refused("mount error(13): Permission denied")
	}
	folder, err := n.Storage.Shares.Folder(login.User, volume.Share)
	if errors.Is(err, account.ErrNoShare) {
		return refused("mount error(2): No such file or directory")
	}
	if err != nil {
		return status.Errorf(codes.Internal, "share %s: %v", volume.Share, err)
	}
	folder = filepath.Join(folder, volume.Folder)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return refused("mount error(2): No such file or directory")
	}
	err = n.Mounter.Mount(mounting.Spec{
		Target: volume.Target,
		Source: volume.Source,
		Share:  &mounting.Share{Folder: folder, FaultFile: n.Storage.Shares.FaultFile(login.User, volume.Share), Cifs: cifs},
	})
	if err != nil {
		return refused(err.Error())
	}
	return nil
}

// login comes with the request of a static volume, or from an inline volume's Secret.
func (n *Node) login(ctx context.Context, volume contract.SMB) (contract.Login, error) {
	if volume.IsGuest {
		return contract.Login{}, nil
	}
	if volume.Given != nil {
		return *volume.Given, nil
	}
	data, err := n.Secrets.Read(ctx, volume.Secret.Namespace, volume.Secret.Name)
	if err != nil {
		return contract.Login{}, contract.SMBSecretError(volume, err)
	}
	return contract.LoginFrom(data), nil
}
