package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/entra"
	"batchai.dev/devcluster/storage/keyvault"
)

const trainer = "system:serviceaccount:team:trainer"

// fakeTokens are subjects by token.
type fakeTokens map[string]string

func (f fakeTokens) Review(_ context.Context, token, audience string) (string, error) {
	if subject := f[token]; subject != "" && audience == contract.Audience {
		return subject, nil
	}
	return "", errors.New("the API server does not know the token")
}

func newIdentityNode(t *testing.T) (*Node, *fakeMounter) {
	t.Helper()
	node, mounter := newShareNode(t)
	root := node.Storage.Shares.Root
	node.Storage.Exports = account.Exports{Root: root}
	node.Storage.Directory = entra.Directory{File: filepath.Join(root, "identities.json")}
	node.Storage.Vaults = keyvault.Vaults{File: filepath.Join(root, "vaults.json")}
	node.Tokens = fakeTokens{"good": trainer, "stranger": "system:serviceaccount:other:trainer"}
	for id, identity := range map[string]entra.Identity{
		"app":     {Subjects: []string{trainer}, Roles: []string{entra.ShareRole}},
		"keys":    {Subjects: []string{trainer}, Roles: []string{entra.KeyRole}},
		"no-role": {Subjects: []string{trainer}},
		"vm":      {OnNodes: true, Roles: []string{entra.ShareRole}},
		"bare-vm": {OnNodes: true},
	} {
		if err := node.Storage.Directory.Put(id, identity); err != nil {
			t.Fatal(err)
		}
	}
	return node, mounter
}

func tokens(token string) string {
	return fmt.Sprintf(`{"api://AzureADTokenExchange":{"token":%q,"expirationTimestamp":"2030-01-01T00:00:00Z"}}`, token)
}

// as returns an inline share of account acct, mounted as a workload identity.
func as(id, token string, more ...string) *csi.NodePublishVolumeRequest {
	pairs := []string{"shareName", "logs", "storageAccount", "acct", "clientID", id, "mountWithWorkloadIdentityToken", "true"}
	if token != "" {
		pairs = append(pairs, "csi.storage.k8s.io/serviceAccount.tokens", tokens(token))
	}
	return publish("/t", append(pairs, more...)...)
}

func TestAShareIsMountedAsTheServiceAccountsIdentity(t *testing.T) {
	for _, id := range []string{"app", "keys"} {
		node, mounter := newIdentityNode(t)
		request := as(id, "good")
		if id == "keys" {
			// Without the identity's own token a key is fetched; inline there is no account then.
			request.VolumeContext["mountWithWorkloadIdentityToken"] = "false"
			request.VolumeContext["csi.storage.k8s.io/ephemeral"] = "false"
		}
		for range 2 {
			if _, err := node.NodePublishVolume(context.Background(), request); err != nil {
				t.Fatal(err)
			}
		}
		if len(mounter.specs) != 1 || mounter.specs[0].Source != "//acct.file.core.windows.net/logs" {
			t.Fatalf("%+v", mounter.specs)
		}
	}
}

func TestAWorkloadIdentityThatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		request *csi.NodePublishVolumeRequest
		text    string
	}{
		"another subject": {as("app", "stranger"), "AADSTS700213: No matching federated identity record"},
		"unknown id":      {as("none", "good"), "AADSTS700016: Application with identifier 'none'"},
		"forged token":    {as("app", "forged"), "the API server does not know the token"},
		"no role":         {as("no-role", "good"), "Error getting Kerberos service ticket"},
		"another tenant":  {as("app", "good", "tenantID", "elsewhere"), "AADSTS90002"},
		"another's host":  {as("app", "good", "server", "evil.example.com"), "hostname must match storage account"},
		"another cloud":   {as("app", "good", "storageEndpointSuffix", "core.chinacloudapi.cn"), "does not match configured cloud suffix"},
	} {
		t.Run(name, func(t *testing.T) {
			node, mounter := newIdentityNode(t)
			_, err := node.NodePublishVolume(context.Background(), test.request)
			if err == nil || !strings.Contains(status.Convert(err).Message(), test.text) || len(mounter.specs) != 0 {
				t.Fatalf("%v %+v", err, mounter.specs)
			}
		})
	}
}

func TestAStaticVolumeWaitsForTheTokenOfAPod(t *testing.T) {
	node, mounter := newIdentityNode(t)
	request := as("app", "")
	request.VolumeContext["csi.storage.k8s.io/ephemeral"] = "false"
	stage := &csi.NodeStageVolumeRequest{
		VolumeId: "v", StagingTargetPath: "/stage", VolumeContext: request.VolumeContext, VolumeCapability: request.VolumeCapability,
	}
	if _, err := node.NodeStageVolume(context.Background(), stage); err != nil || len(mounter.specs) != 0 {
		t.Fatalf("%v %+v", err, mounter.specs)
	}
	request.VolumeContext["csi.storage.k8s.io/serviceAccount.tokens"] = tokens("good")
	request.StagingTargetPath = "/stage"
	if _, err := node.NodePublishVolume(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if len(mounter.binds) != 0 || len(mounter.specs) != 1 || mounter.specs[0].Target != "/t" {
		t.Fatalf("%v %+v", mounter.binds, mounter.specs)
	}
}

func stageAs(driver string, pairs ...string) *csi.NodeStageVolumeRequest {
	attributes := map[string]string{"storageAccount": "acct"}
	for i := 0; i < len(pairs); i += 2 {
		attributes[pairs[i]] = pairs[i+1]
	}
	name := "shareName"
	if driver == contract.BlobDriver {
		name = "containerName"
	}
	if attributes[name] == "" {
		attributes[name] = "logs"
	}
	return &csi.NodeStageVolumeRequest{
		VolumeId: "v", StagingTargetPath: "/stage", VolumeContext: attributes,
		VolumeCapability: &csi.VolumeCapability{AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}}},
	}
}

func TestAnIdentityOfTheNode(t *testing.T) {
	for name, test := range map[string]struct{ driver, id, text string }{
		"share":                   {contract.ShareDriver, "vm", ""},
		"share, not the node's":   {contract.ShareDriver, "app", "setCredentialCache failed for acct.file.core.windows.net"},
		"share, without the role": {contract.ShareDriver, "bare-vm", "Error calling AzAuthenticatorLib: -1"},
		"blob, not the node's":    {contract.BlobDriver, "app", `"error_description":"Identity not found"`},
		"blob, without the role":  {contract.BlobDriver, "bare-vm", "BlockBlob::TestPipeline : [AuthorizationPermissionMismatch]"},
	} {
		t.Run(name, func(t *testing.T) {
			node, mounter := newIdentityNode(t)
			node.Driver = test.driver
			pairs := []string{"mountWithManagedIdentity", "true", "clientID", test.id}
			if test.driver == contract.BlobDriver {
				pairs = []string{"AzureStorageAuthType", "MSI", "AzureStorageIdentityClientID", test.id}
			}
			_, err := node.NodeStageVolume(context.Background(), stageAs(test.driver, pairs...))
			if test.text == "" {
				if err != nil || len(mounter.specs) != 1 {
					t.Fatalf("%v %+v", err, mounter.specs)
				}
				return
			}
			if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), test.text) {
				t.Fatal(err)
			}
		})
	}
}

func TestAVaultThatRefuses(t *testing.T) {
	node, _ := newIdentityNode(t)
	node.Driver = contract.BlobDriver
	request := stageAs(contract.BlobDriver, "keyVaultURL", "https://v.vault.azure.net/", "keyVaultSecretName", "key")
	_, err := node.NodeStageVolume(context.Background(), request)
	if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "ERROR CODE: Forbidden") {
		t.Fatal(err)
	}
	if err := node.Storage.Directory.Put("vm", entra.Identity{OnNodes: true, Roles: []string{entra.VaultRole}}); err != nil {
		t.Fatal(err)
	}
	_, err = node.NodeStageVolume(context.Background(), request)
	want := "get secret from vaultURL(https://v.vault.azure.net/), sercretName(key), secretVersion() failed with error: "
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SecretNotFound") {
		t.Fatal(err)
	}
}

func TestNFSIsForWhatIsOfferedOnly(t *testing.T) {
	node, mounter := newIdentityNode(t)
	request := stageAs(contract.ShareDriver, "protocol", "nfs", "server", "acct.file.core.windows.net")
	_, err := node.NodeStageVolume(context.Background(), request)
	want := "mount.nfs: access denied by server while mounting acct.file.core.windows.net:/acct/logs"
	if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), want) {
		t.Fatal(err)
	}
	if err := node.Storage.Exports.Set("acct", account.ShareKind, "logs", true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := node.NodeStageVolume(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(node.Storage.Shares.Root, "shares", "acct", "logs")
	if len(mounter.binds) != 1 || mounter.binds[0] != folder+" /stage rw" {
		t.Fatalf("%v", mounter.binds)
	}
	for name, test := range map[string][2]string{
		"option": {"", "incorrect mount option"},
		"name":   {"acct.privatelink.file.invalid", "Failed to resolve server acct.privatelink.file.invalid"},
	} {
		request := stageAs(contract.ShareDriver, "protocol", "nfs", "server", test[0])
		request.StagingTargetPath = "/other"
		if test[0] == "" {
			request.VolumeCapability.GetMount().MountFlags = []string{"file_mode=0777"}
		}
		if _, err := node.NodeStageVolume(context.Background(), request); err == nil || !strings.Contains(err.Error(), test[1]) {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestAShareAtAnotherNameIsLookedUpAndReached(t *testing.T) {
	node, mounter := newIdentityNode(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, node.Storage.FilesPort, _ = net.SplitHostPort(listener.Addr().String())
	request := stageAs(contract.ShareDriver, "server", "localhost")
	request.Secrets = map[string]string{"azurestorageaccountname": "acct", "azurestorageaccountkey": "right"}
	if _, err := node.NodeStageVolume(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if mounter.specs[0].Source != "//localhost/logs" {
		t.Fatalf("%+v", mounter.specs)
	}
	for server, text := range map[string]string{
		"acct.privatelink.file.invalid": "could not resolve address for acct.privatelink.file.invalid: Unknown error",
		"localhost":                     "mount error(111): could not connect to",
	} {
		listener.Close()
		request.StagingTargetPath, request.VolumeContext["server"] = "/other", server
		if _, err := node.NodeStageVolume(context.Background(), request); err == nil || !strings.Contains(err.Error(), text) {
			t.Fatalf("%s: %v", server, err)
		}
	}
}

func TestHostsOfContainers(t *testing.T) {
	const pattern = "http://azurite.batchai-storage:10000/{account}"
	for host, want := range map[string]string{
		"acct.blob.core.windows.net":          "http://azurite.batchai-storage:10000/acct",
		"acct.blob.core.chinacloudapi.cn":     "http://acct.blob.core.chinacloudapi.cn:10000/acct",
		"acct.blob.storage.svc.cluster.local": "http://acct.blob.storage.svc.cluster.local:10000/acct",
	} {
		if got := blobEndpoint(pattern, host, "acct"); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}
