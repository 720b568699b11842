package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Audience is whom the kubelet has tokens made for (the drivers' CSIDriver objects ask it to).
const Audience = "api://AzureADTokenExchange"

// Identity is what a volume is mounted as when it is not by a key.
type Identity struct {
	// IsWorkload: the Pod's service account stands for ClientID; IsManaged: the node has it.
	IsWorkload, IsManaged bool
	ClientID, Tenant      string
	// ByToken mounts with the identity's own token; without it a workload identity fetches a key.
	ByToken bool
	// Tokens are what the kubelet hands over, by audience.
	Tokens string
}

// IsUsed tells whether there is one.
func (i Identity) IsUsed() bool {
	return i.IsWorkload || i.IsManaged
}

// isWorkload tells whether a volume is mounted as its Pod's service account.
//
// The blob driver takes either attribute, the share driver `clientID` alone.
func isWorkload(driver string, a Attributes) bool {
	if driver == BlobDriver {
		return a[clientID] != "" || a[byToken] == "true"
	}
	return a[clientID] != "" && !a.is(managed, "true")
}

// WaitsForToken tells whether a stage request has to pass without a mount, because only the publish
// request of a Pod brings the token of the Pod's service account.
func WaitsForToken(driver string, attributes map[string]string) bool {
	a, _, _ := normalize(attributes)
	return (driver == BlobDriver || driver == ShareDriver) && isWorkload(driver, a) && a[tokens] == ""
}

// BringsToken tells whether a publish request mounts by itself, whatever has been staged.
func BringsToken(driver string, attributes map[string]string) bool {
	a, _, _ := normalize(attributes)
	return (driver == BlobDriver || driver == ShareDriver) && isWorkload(driver, a) && a[tokens] != ""
}

// identityOf reads the attributes about identities.
func identityOf(driver string, a Attributes) (Identity, error) {
	result := Identity{ClientID: a[clientID], Tenant: a[tenantID], Tokens: a[tokens], IsWorkload: isWorkload(driver, a)}
	switch strings.ToLower(a[byToken]) {
	case "true", "1", "t":
		result.ByToken = true
	case "", "false", "0", "f":
	default:
		return Identity{}, fmt.Errorf("invalid %s: %s in volume context", byToken, a[byToken])
	}
	if driver == BlobDriver {
		if a.is(authType, "msi") {
			result.IsManaged, result.ClientID = true, a[identityClientID]
		}
		if result.IsWorkload && result.ClientID == "" {
			return Identity{}, errors.New("mountWithWorkloadIdentityToken is true but clientID is not specified")
		}
		return result, nil
	}
	result.IsManaged = a.is(managed, "true")
	if result.IsManaged && result.ByToken {
		return Identity{}, errors.New("only one of mountWithManagedIdentity and mountWithWorkloadIdentityToken can be true")
	}
	return result, nil
}

// Token returns the token that is meant for Entra.
func (i Identity) Token() (string, error) {
	if i.Tokens == "" {
		return "", errors.New("service account token is empty")
	}
	var all map[string]struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(i.Tokens), &all); err != nil {
		return "", fmt.Errorf("failed to unmarshal service account tokens, error: %w", err)
	}
	if all[Audience].Token == "" {
		return "", fmt.Errorf("token for audience %s not found", Audience)
	}
	return all[Audience].Token, nil
}

// BlobIdentityError is what blobfuse2 says when Entra, or the node's metadata service, refuses.
func BlobIdentityError(cause error) error {
	return BlobMountError(fmt.Sprintf("failed to initialize new pipeline [failed to authenticate azstorage credentials "+
		"with error [%v]]", cause))
}

// ShareIdentityError is the driver's answer when there is no ticket for an identity.
func ShareIdentityError(v Volume, account, host string, cause error) error {
	source := ShareSource(v, account)
	return internal("volume(%s) mount %s on %s failed with setCredentialCache failed for %s with error: exit status 1, "+
		"output: %v\nPlease refer to http://aka.ms/filemounterror for possible causes and solutions for mount errors.",
		v.ID, source, v.Target, host, cause)
}

// NoTicket is what azfilesauthmanager says, whatever the reason is.
var NoTicket = errors.New("Error calling AzAuthenticatorLib: -1\nError getting Kerberos service ticket, check /var/log/syslog for more information.")

// Vault says where in Azure Key Vault a container's key is; the zero value means nowhere.
type Vault struct {
	URL, Secret, Version string
}

// VaultError is the blob driver's answer when the vault refuses.
func VaultError(v Vault, cause error) error {
	// "sercretName" is the driver's own.
	return status.Error(codes.Internal, fmt.Sprintf(
		"get secret from vaultURL(%s), sercretName(%s), secretVersion(%s) failed with error: %v",
		v.URL, v.Secret, v.Version, cause))
}

// KeyByIdentityError is both drivers' answer when a workload identity may not fetch a key.
func KeyByIdentityError(driver string, v Volume, cause error) error {
	if driver == BlobDriver {
		return internal("%v", cause)
	}
	return ShareCredentialsError(v, cause)
}
