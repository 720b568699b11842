package contract

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

const (
	containerPrefix = "containernameprefix"
	versioning      = "enableblobversioning"
)

var (
	blobProtocols = []string{"fuse", "fuse2", "nfs", "aznfs"}
	prefixRule    = regexp.MustCompile(`^[a-z0-9-]{0,20}$`)

	blobParameters = words(`
		accesstier allowblobpublicaccess allowsharedkeyaccess azurestorageaadendpoint azurestorageauthtype
		azurestorageidentityclientid azurestorageidentityobjectid azurestorageidentityresourceid
		containername containernameprefix csi.storage.k8s.io/pv/name csi.storage.k8s.io/pvc/name
		csi.storage.k8s.io/pvc/namespace enableblobversioning fsgroupchangepolicy getlatestaccountkey
		ishnsenabled location matchtags mountpermissions msiendpoint networkendpointtype protocol
		requireinfraencryption resourcegroup secretname secretnamespace server skuname softdeleteblobs
		softdeletecontainers storageaccount storageaccounttype storageendpointsuffix storeaccountkey
		subnetname subscriptionid tags tagvaluedelimiter usedataplaneapi vnetname vnetresourcegroup
	`)
)

// ProvisionBlob applies the rules of blob.csi.azure.com to a StorageClass and a volume's name.
//
// It returns an InvalidArgument status with the real driver's text. What only an account's properties
// say (tiers, networks, encryption, retention) is taken and means nothing here.
func ProvisionBlob(volume string, parameters map[string]string) (Wish, error) {
	a, wish, err := class(parameters, blobParameters)
	if err != nil {
		return wish, err
	}
	kind := cmp.Or(a[protocol], "fuse")
	if !slices.Contains(blobProtocols, kind) {
		return wish, invalid("protocol(%s) is not supported, supported protocol list: %v", kind, blobProtocols)
	}
	isNFS := kind == "nfs" || kind == "aznfs"
	if a.is(versioning, "true") && (isNFS || a.is(isHns, "true")) {
		return wish, invalid("enableBlobVersioning is not supported for NFS protocol or HNS enabled account")
	}
	if a[containerName] != "" && a[containerPrefix] != "" {
		return wish, invalid("containerName(%s) and containerNamePrefix(%s) could not be specified together",
			a[containerName], a[containerPrefix])
	}
	if !prefixRule.MatchString(a[containerPrefix]) {
		return wish, invalid("containerNamePrefix(%s) can only contain lowercase letters, numbers, hyphens, "+
			"and length should be less than 21", a[containerPrefix])
	}
	if isNFS {
		wish.StoresKey = false
	}
	if wish.StoresKey && a.is(allowSharedKey, "false") {
		return wish, invalid("storeAccountKey is not supported for account with shared access key disabled")
	}
	if a[containerName] != "" {
		wish.Name, wish.UUID = placeholders(parameters).Replace(a[containerName]), volume
	} else {
		wish.Name = validName(strings.TrimPrefix(a[containerPrefix]+"-"+volume, "-"))
		wish.put(containerName, wish.Name)
	}
	// This driver's key always goes into the Secret of the default name.
	wish.SecretName = ""
	wish.put(secretSpace, wish.SecretNamespace)
	return wish, nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
