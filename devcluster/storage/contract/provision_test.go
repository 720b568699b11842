package contract

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const volume = "pvc-9a0b"

// pairs makes a map of a StorageClass' parameters.
func pairs(words ...string) map[string]string {
	result := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		result[words[i]] = words[i+1]
	}
	return result
}

func TestClassIsRefusedInTheDriversWords(t *testing.T) {
	for name, test := range map[string]struct {
		driver     string
		parameters map[string]string
		text       string
	}{
		"blob, unknown":     {BlobDriver, pairs("sku", "x"), `invalid parameter "sku" in storage class`},
		"share, unknown":    {ShareDriver, pairs("containerName", "x"), `invalid parameter "containerName" in storage class`},
		"blob, protocol":    {BlobDriver, pairs("protocol", "smb"), "protocol(smb) is not supported, supported protocol list: [fuse fuse2 nfs aznfs]"},
		"share, protocol":   {ShareDriver, pairs("Protocol", "fuse"), "protocol(fuse) is not supported, supported protocol list: [smb nfs]"},
		"blob, two names":   {BlobDriver, pairs("containerName", "a", "containerNamePrefix", "b"), "containerName(a) and containerNamePrefix(b) could not be specified together"},
		"blob, prefix":      {BlobDriver, pairs("containerNamePrefix", "A"), "containerNamePrefix(A) can only contain lowercase letters, numbers, hyphens, and length should be less than 21"},
		"share, prefix":     {ShareDriver, pairs("shareNamePrefix", "a_b"), "shareNamePrefix(a_b) can only contain lowercase letters, numbers, hyphens, and length should be less than 21"},
		"blob, versions":    {BlobDriver, pairs("enableBlobVersioning", "true", "protocol", "nfs"), "enableBlobVersioning is not supported for NFS protocol or HNS enabled account"},
		"blob, no key":      {BlobDriver, pairs("allowSharedKeyAccess", "false"), "storeAccountKey is not supported for account with shared access key disabled"},
		"blob, tags":        {BlobDriver, pairs("matchTags", "true", "storageAccount", "acct"), "matchTags must set as false when storageAccount(acct) is provided"},
		"share, fsGroup":    {ShareDriver, pairs("fsGroupChangePolicy", "Never"), "fsGroupChangePolicy(Never) is not supported, supported fsGroupChangePolicy list: [None Always OnRootMismatch]"},
		"share, modes":      {ShareDriver, pairs("mountPermissions", "0999"), "invalid mountPermissions 0999 in storage class"},
		"share, NFS on HDD": {ShareDriver, pairs("protocol", "nfs", "skuName", "Standard_LRS"), "nfs protocol only supports premium storage, current account type: Standard_LRS"},
		"share, disk":       {ShareDriver, pairs("fsType", "ext4"), "fsType storage class parameter enables experimental VDH disk feature which is currently disabled, use --enable-vhd driver option to enable it"},
		"share, switch":     {ShareDriver, pairs("enableLargeFileShares", "yes"), "invalid enablelargefileshares: yes in storage class"},
		"share, quota":      {ShareDriver, pairs("accountQuota", "99"), "invalid accountQuota 99 in storage class, minimum quota: 100"},
		"share, channels":   {ShareDriver, pairs("enableMultichannel", "true", "skuName", "Standard_LRS"), "smb multichannel is only supported with premium account, current account type: Standard_LRS"},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if test.driver == BlobDriver {
				_, err = ProvisionBlob(volume, test.parameters)
			} else {
				_, err = ProvisionShare(volume, 1, test.parameters)
			}
			if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != test.text {
				t.Fatal(err)
			}
		})
	}
}

func TestContainerOfItsOwn(t *testing.T) {
	wish, err := ProvisionBlob(volume, pairs("skuName", "Premium_LRS", "csi.storage.k8s.io/pvc/namespace", "team"))
	if err != nil {
		t.Fatal(err)
	}
	if wish.Name != volume || !wish.StoresKey || wish.SecretNamespace != "team" || wish.SKU != "Premium_LRS" {
		t.Fatalf("%+v", wish)
	}
	if id := wish.Handle(BlobDriver, "acct"); id != "devcluster#acct#pvc-9a0b##team#" {
		t.Fatal(id)
	}
	if wish.Attributes[containerName] != volume || wish.Attributes[secretSpace] != "team" || wish.Attributes["skuName"] != "Premium_LRS" {
		t.Fatal(wish.Attributes)
	}
}

func TestNamesWithTheClaimsNamespace(t *testing.T) {
	metadata := []string{"csi.storage.k8s.io/pvc/namespace", "team", "csi.storage.k8s.io/pvc/name", "results"}
	blob, err := ProvisionBlob(volume, pairs(append(metadata, "containerName", "${pvc.metadata.namespace}-${pvc.metadata.name}")...))
	if err != nil || blob.Name != "team-results" || blob.Handle(BlobDriver, "acct") != "devcluster#acct#team-results#pvc-9a0b#team#" {
		t.Fatal(blob, err)
	}
	share, err := ProvisionShare(volume, 1, pairs(append(metadata, "shareName", "of-${pvc.metadata.namespace}", "secretNamespace", "keys", "secretName", "mine")...))
	if err != nil || share.Name != "of-team" || share.Handle(ShareDriver, "acct") != "devcluster#acct#of-team##pvc-9a0b#keys" {
		t.Fatal(share, err)
	}
	if share.SecretName != "mine" || share.SecretNamespace != "keys" {
		t.Fatal(share)
	}
}

func TestSizeOfAShare(t *testing.T) {
	for _, test := range []struct {
		bytes int64
		sku   string
		want  int64
	}{{0, "", 100}, {1, "", 1}, {3<<30 + 1, "Standard_LRS", 4}, {1 << 30, "Premium_LRS", 100}} {
		wish, err := ProvisionShare(volume, test.bytes, pairs("skuName", test.sku))
		if err != nil || wish.Gigabytes != test.want {
			t.Fatal(test, wish, err)
		}
	}
}

func TestNFSStoresNoKey(t *testing.T) {
	share, err := ProvisionShare("pvc-1", 1, pairs("protocol", "nfs"))
	if err != nil || share.StoresKey || share.Name != "pvcn-1" || share.SKU != "Premium_LRS" {
		t.Fatal(share, err)
	}
	blob, err := ProvisionBlob("pvc-1", pairs("protocol", "nfs", "storeAccountKey", "true"))
	if err != nil || blob.StoresKey {
		t.Fatal(blob, err)
	}
}

func TestOddVolumeNames(t *testing.T) {
	for _, odd := range []string{"A--b", "-x-", "é", strings.Repeat("Long", 40)} {
		one, err := ProvisionShare(odd, 1, nil)
		two, _ := ProvisionShare(odd, 1, nil)
		if err != nil || one.Name != two.Name || !containerRule.MatchString(one.Name) || len(one.Name) > 63 {
			t.Fatal(odd, one.Name, two.Name, err)
		}
	}
}

func TestHandleTellsAccountAndNamespace(t *testing.T) {
	for driver, id := range map[string]string{
		BlobDriver:  "devcluster#acct#pvc-1##team#",
		ShareDriver: "devcluster#acct#pvc-1###team",
	} {
		rules := Share
		if driver == BlobDriver {
			rules = Blob
		}
		found, err := rules(Request{ID: id, Attributes: pairs("skuName", "Premium_LRS")})
		want := SecretRef{"team", "azure-storage-account-acct-secret"}
		if err != nil || found.Name != "pvc-1" || found.Account != "acct" || found.Secret != want {
			t.Fatal(driver, found, err)
		}
		// What the attributes say wins.
		found, err = rules(Request{ID: id, Attributes: pairs("storageAccount", "other", "secretNamespace", "keys")})
		if err != nil || found.Account != "other" || found.Secret.Namespace != "keys" {
			t.Fatal(driver, found, err)
		}
		// An inline volume's handle is the kubelet's.
		found, err = rules(Request{ID: id, Attributes: pairs(ephemeral, "true", "containerName", "data", "shareName", "logs")})
		if err != nil || found.Account != "" || found.Secret != (SecretRef{}) {
			t.Fatal(driver, found, err)
		}
	}
	if _, err := ParseHandle(BlobDriver, "a#b"); err == nil || err.Error() != `error parsing volume id: "a#b", should at least contain two #` {
		t.Fatal(err)
	}
}

func TestVolumeOfAClassWithAPlaceholder(t *testing.T) {
	found, err := Share(Request{
		ID:         "devcluster#acct#of-team##pvc-1#team",
		Attributes: pairs("shareName", "of-${pvc.metadata.namespace}", "csi.storage.k8s.io/pvc/namespace", "team"),
	})
	if err != nil || found.Name != "of-team" {
		t.Fatal(found, err)
	}
}
