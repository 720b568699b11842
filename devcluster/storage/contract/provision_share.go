package contract

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	accountQuota    = "accountquota"
	multichannel    = "enablemultichannel"
	sharePrefix     = "sharenameprefix"
	defaultQuota    = 100
	minimumPremium  = 100
	minimumAccount  = 100
	bytesOfGigabyte = 1 << 30
)

var (
	shareParameters = words(`
		accesstier accountaccesstier accountquota allowblobpublicaccess clientid createaccount
		csi.storage.k8s.io/pv/name csi.storage.k8s.io/pvc/name csi.storage.k8s.io/pvc/namespace
		disabledeleteretentionpolicy diskname enablelargefileshares enablemultichannel encryptintransit
		foldername fsgroupchangepolicy fstype getlatestaccountkey location matchtags mountpermissions
		mountwithmanagedidentity mountwithworkloadidentitytoken networkendpointtype protocol
		requireinfraencryption resourcegroup rootsquashtype secretname secretnamespace
		selectrandommatchingaccount server shareaccesstier sharename sharenameprefix skuname
		storageaccount storageaccounttype storageendpointsuffix storeaccountkey subnetname
		subscriptionid tags usedataplaneapi usesecretcache vnetname vnetresourcegroup
	`)
	shareSwitches = []string{
		"allowblobpublicaccess", "disabledeleteretentionpolicy", "enablelargefileshares", multichannel,
		"getlatestaccountkey", "requireinfraencryption", "selectrandommatchingaccount",
	}
)

// ProvisionShare applies the rules of file.csi.azure.com to a StorageClass, a volume's name and the
// size that its claim asks for, in bytes.
//
// It returns an InvalidArgument status with the real driver's text. What only an account's properties
// say (tiers, networks, encryption, retention) is taken and means nothing here.
func ProvisionShare(volume string, size int64, parameters map[string]string) (Wish, error) {
	a, wish, err := class(parameters, shareParameters)
	if err != nil {
		return wish, err
	}
	if err := checkShareClass(a); err != nil {
		return wish, err
	}
	isNFS := a[protocol] == "nfs"
	if isNFS {
		if strings.HasPrefix(strings.ToLower(wish.SKU), "standard") {
			return wish, invalid("nfs protocol only supports premium storage, current account type: %s", wish.SKU)
		}
		wish.SKU, wish.StoresKey = cmp.Or(wish.SKU, "Premium_LRS"), false
	}
	wish.Gigabytes = (size + bytesOfGigabyte - 1) / bytesOfGigabyte
	if wish.Gigabytes == 0 {
		wish.Gigabytes = defaultQuota
	}
	if strings.HasPrefix(strings.ToLower(wish.SKU), "premium") {
		wish.Gigabytes = max(wish.Gigabytes, minimumPremium)
	}
	switch {
	case a[shareName] != "":
		wish.Name, wish.UUID = placeholders(parameters).Replace(a[shareName]), volume
	case a[sharePrefix] != "":
		wish.Name = validName(a[sharePrefix] + "-" + volume)
	case isNFS:
		wish.Name = validName(strings.Replace(volume, "pvc", "pvcn", 1))
	default:
		wish.Name = validName(volume)
	}
	wish.put(secretSpace, wish.SecretNamespace)
	return wish, nil
}

func checkShareClass(a Attributes) error {
	for _, key := range shareSwitches {
		if value, given := a[key]; given {
			if _, err := strconv.ParseBool(value); err != nil {
				return invalid("invalid %s: %s in storage class", key, value)
			}
		}
	}
	if value, given := a[accountQuota]; given {
		if number, err := strconv.ParseInt(value, 10, 32); err != nil || number < minimumAccount {
			return invalid("invalid accountQuota %s in storage class, minimum quota: %d", value, minimumAccount)
		}
	}
	if a[fsType] != "" {
		return invalid("fsType storage class parameter enables experimental VDH disk feature which is " +
			"currently disabled, use --enable-vhd driver option to enable it")
	}
	if !slices.Contains(shareProtocols, a[protocol]) {
		return invalid("protocol(%s) is not supported, supported protocol list: %v", a[protocol], shareProtocols[1:])
	}
	if !prefixRule.MatchString(a[sharePrefix]) {
		return invalid("shareNamePrefix(%s) can only contain lowercase letters, numbers, hyphens, "+
			"and length should be less than 21", a[sharePrefix])
	}
	sku := cmp.Or(a[skuName], a[accountType])
	if isOn, _ := strconv.ParseBool(a[multichannel]); isOn {
		if sku != "" && !strings.HasPrefix(strings.ToLower(sku), "premium") {
			return invalid("smb multichannel is only supported with premium account, current account type: %s", sku)
		}
		if a[protocol] == "nfs" {
			return invalid("smb multichannel is only supported with smb protocol, current protocol: nfs")
		}
	}
	return nil
}
