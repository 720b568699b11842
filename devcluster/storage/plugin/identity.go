package plugin

import (
	"context"
	"errors"

	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/entra"
	"batchai.dev/devcluster/storage/keyvault"
)

// Reviewer tells whose service account token it is; tests have a fake.
type Reviewer interface {
	// Review returns the token's subject; the token must be meant for the audience.
	Review(ctx context.Context, token, audience string) (string, error)
}

// errNoRole says that somebody is known, and may not do what he wants.
var errNoRole = errors.New("the identity lacks the role")

// prove finds out whether a volume's identity is who it says, and has a role.
//
// A workload identity's token is checked by the API server that made it, as Entra checks it with that
// server's public keys; its subject must then stand in a federated credential. An identity of the
// node is one that the node has, whoever asks.
func (n *Node) prove(ctx context.Context, who contract.Identity, role string) error {
	found, err := n.find(ctx, who)
	if err != nil {
		return err
	}
	if !found.Has(role) {
		return errNoRole
	}
	return nil
}

func (n *Node) find(ctx context.Context, who contract.Identity) (entra.Identity, error) {
	if !who.IsWorkload {
		return n.Storage.Directory.OfNode(who.ClientID)
	}
	token, err := who.Token()
	if err != nil {
		return entra.Identity{}, err
	}
	subject, err := n.Tokens.Review(ctx, token, contract.Audience)
	if err != nil {
		return entra.Identity{}, err
	}
	return n.Storage.Directory.Exchange(who.ClientID, who.Tenant, subject)
}

// blobByIdentity returns what a container's identity may use in place of a key of its own.
//
// Azurite knows no roles, so the stand-in's own key does the work once the identity is proved.
func (n *Node) blobByIdentity(ctx context.Context, volume contract.Volume) (contract.Credentials, error) {
	who := volume.Identity
	if who.IsWorkload && !who.ByToken {
		if err := n.prove(ctx, who, entra.KeyRole); err != nil {
			return contract.Credentials{}, contract.KeyByIdentityError(n.Driver, volume, noKey(volume, err))
		}
		return n.ownKey(volume.Account), nil
	}
	err := n.prove(ctx, who, entra.BlobRole)
	if errors.Is(err, errNoRole) {
		return contract.Credentials{}, contract.BlobMountError(contract.BlobPipelineError("AuthorizationPermissionMismatch"))
	}
	if err != nil {
		return contract.Credentials{}, contract.BlobIdentityError(err)
	}
	return n.ownKey(volume.Account), nil
}

// shareByIdentity does the same for a share.
func (n *Node) shareByIdentity(ctx context.Context, volume contract.Volume) (contract.Credentials, error) {
	who := volume.Identity
	if who.IsWorkload && !who.ByToken {
		if err := n.prove(ctx, who, entra.KeyRole); err != nil {
			return contract.Credentials{}, contract.KeyByIdentityError(n.Driver, volume, noKey(volume, err))
		}
		return n.ownKey(volume.Account), nil
	}
	err := n.prove(ctx, who, entra.ShareRole)
	if err == nil {
		return n.ownKey(volume.Account), nil
	}
	host := volume.Host("file", volume.Account)
	if who.IsManaged || errors.Is(err, errNoRole) {
		// The real program does not tell why.
		err = contract.NoTicket
	}
	return contract.Credentials{}, contract.ShareIdentityError(volume, volume.Account, host, err)
}

// vaultKey fetches a container's key as an identity of the node.
func (n *Node) vaultKey(volume contract.Volume) (contract.Credentials, error) {
	v := volume.Vault
	may, err := n.Storage.Directory.NodesMay(entra.VaultRole)
	if err != nil {
		return contract.Credentials{}, err
	}
	if !may {
		return contract.Credentials{}, contract.VaultError(v, keyvault.Forbidden(v.URL, v.Secret, v.Version))
	}
	value, err := n.Storage.Vaults.Get(v.URL, v.Secret, v.Version)
	if err != nil {
		return contract.Credentials{}, contract.VaultError(v, err)
	}
	result := contract.Credentials{Account: volume.Account, Key: value}
	if len(value) > 0 && value[0] == '?' {
		// So the driver tells a SAS token from a key.
		result.Key, result.SAS = "", value
	}
	return result, nil
}

func (n *Node) ownKey(account string) contract.Credentials {
	result := contract.Credentials{Account: account}
	if keys := n.Storage.Accounts[account]; len(keys) > 0 {
		result.Key = keys[0]
	}
	return result
}

func noKey(volume contract.Volume, cause error) error {
	if errors.Is(cause, errNoRole) {
		cause = errors.New("ERROR CODE: AuthorizationFailed: The client does not have authorization to perform action " +
			"'Microsoft.Storage/storageAccounts/listKeys/action' over " + volume.Account)
	}
	return cause
}
