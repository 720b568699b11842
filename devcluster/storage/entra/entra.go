// Package entra plays who is who in Azure: identities, the service accounts that may act as them, the
// Kubernetes nodes that have them, and the roles that they have on every account.
//
// Package plugin asks it after the API server has said whose token it is; package main changes it.
package entra

import (
	"fmt"
	"slices"

	"batchai.dev/devcluster/storage/records"
)

// Tenant is the only one there is.
const Tenant = "00000000-0000-0000-0000-00000000ba7c"

// Roles that mounts, and looks into a vault, ask for.
const (
	BlobRole  = "Storage Blob Data Contributor"
	ShareRole = "Storage File Data SMB MI Admin"
	KeyRole   = "Storage Account Contributor"
	VaultRole = "Key Vault Secrets User"
)

// Identity is an application or a user-assigned managed identity.
type Identity struct {
	// Subjects are those of its federated credentials: system:serviceaccount:NAMESPACE:NAME.
	Subjects []string `json:"subjects,omitempty"`
	// Roles are on every account and vault there is.
	Roles []string `json:"roles,omitempty"`
	// OnNodes is true for an identity that the Kubernetes nodes have.
	OnNodes bool `json:"onNodes,omitempty"`
}

// Has tells whether the identity has a role.
func (i Identity) Has(role string) bool {
	return slices.Contains(i.Roles, role)
}

// Refusal is an answer of Entra's, or of the nodes' metadata service.
type Refusal struct {
	text string
}

func (r Refusal) Error() string {
	return r.text
}

// Directory is the file with all identities by client id.
type Directory struct {
	File string
}

// Put makes an identity, or changes one.
func (d Directory) Put(clientID string, identity Identity) error {
	return records.Change(d.File, func(all map[string]Identity) { all[clientID] = identity })
}

// Remove deletes an identity; one that is not there is no error.
func (d Directory) Remove(clientID string) error {
	return records.Change(d.File, func(all map[string]Identity) { delete(all, clientID) })
}

// Exchange takes a service account for an identity, as a federated credential of it says.
//
// subject is what the API server says of the token. The texts are Entra's, without their trace ids.
func (d Directory) Exchange(clientID, tenant, subject string) (Identity, error) {
	all, err := records.Load[Identity](d.File)
	if err != nil {
		return Identity{}, err
	}
	if tenant != "" && tenant != Tenant {
		return Identity{}, Refusal{fmt.Sprintf("AADSTS90002: Tenant '%s' not found. Check to make sure you have the "+
			"correct tenant ID and are signing into the correct cloud.", tenant)}
	}
	identity, isKnown := all[clientID]
	if !isKnown {
		return Identity{}, Refusal{fmt.Sprintf("AADSTS700016: Application with identifier '%s' was not found in the "+
			"directory '%s'. This can happen if the application has not been installed by the administrator of the "+
			"tenant or consented to by any user in the tenant.", clientID, Tenant)}
	}
	if !slices.Contains(identity.Subjects, subject) {
		return Identity{}, Refusal{fmt.Sprintf("AADSTS700213: No matching federated identity record found for presented "+
			"assertion subject '%s'. Check your federated identity credential Subject, Audience and Issuer against the "+
			"presented assertion.", subject)}
	}
	return identity, nil
}

// OfNode returns an identity that the nodes have; the text is that of their metadata service.
func (d Directory) OfNode(clientID string) (Identity, error) {
	all, err := records.Load[Identity](d.File)
	if err != nil {
		return Identity{}, err
	}
	if identity := all[clientID]; identity.OnNodes {
		return identity, nil
	}
	return Identity{}, Refusal{`{"error":"invalid_request","error_description":"Identity not found"}`}
}

// NodesMay tells whether any identity of the nodes has a role.
func (d Directory) NodesMay(role string) (bool, error) {
	all, err := records.Load[Identity](d.File)
	for _, identity := range all {
		if identity.OnNodes && identity.Has(role) {
			return true, err
		}
	}
	return false, err
}
