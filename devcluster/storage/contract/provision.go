package contract

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Names of a StorageClass' parameters in lower case, which both drivers know.
const (
	accountType    = "storageaccounttype"
	allowSharedKey = "allowsharedkeyaccess"
	fsGroupPolicy  = "fsgroupchangepolicy"
	matchTags      = "matchtags"
	resourceGroup  = "resourcegroup"
	skuName        = "skuname"
	storeKey       = "storeaccountkey"
	subscription   = "subscriptionid"
	dataPlane      = "usedataplaneapi"
)

// Group is the resource group that volumes are in when their StorageClass names none.
const Group = "devcluster"

var fsGroupPolicies = []string{"", "None", "Always", "OnRootMismatch"}

// Wish is the container or share that a StorageClass and a claim ask for.
type Wish struct {
	// Account is empty when any will do; SKU says of which kind.
	Account, SKU        string
	Group, Subscription string
	Name                string
	// UUID tells volumes apart that have one container or share, which their class names.
	UUID string
	// The key goes into a Secret of that namespace if StoresKey; without a name it has the default one.
	SecretName, SecretNamespace string
	StoresKey                   bool
	// Gigabytes are a share's quota, in GiB.
	Gigabytes int64
	// Attributes become the volume's.
	Attributes map[string]string
}

// Handle returns the volume's handle, in an account that has been chosen.
func (w Wish) Handle(driver, account string) string {
	return Handle{w.Group, account, w.Name, w.UUID, w.SecretNamespace, w.Subscription}.For(driver)
}

// class reads what both drivers know of a StorageClass.
//
// known are the driver's parameters; any other is refused in the real drivers' words.
func class(parameters map[string]string, known map[string]bool) (Attributes, Wish, error) {
	a := Attributes{}
	wish := Wish{Attributes: map[string]string{}}
	for name, value := range parameters {
		key := strings.ToLower(name)
		if !known[key] {
			return nil, wish, invalid("invalid parameter %q in storage class", name)
		}
		a[key] = value
		wish.Attributes[name] = value
	}
	if value := a[mountPermissions]; value != "" {
		if _, err := strconv.ParseUint(value, 8, 32); err != nil {
			return nil, wish, invalid("invalid mountPermissions %s in storage class", value)
		}
	}
	if a.is(matchTags, "true") && a[storageAcct] != "" {
		return nil, wish, invalid("matchTags must set as false when storageAccount(%s) is provided", a[storageAcct])
	}
	if !slices.Contains(fsGroupPolicies, a[fsGroupPolicy]) {
		return nil, wish, invalid("fsGroupChangePolicy(%s) is not supported, supported fsGroupChangePolicy list: %v",
			a[fsGroupPolicy], fsGroupPolicies[1:])
	}
	wish.Account, wish.SKU = a[storageAcct], cmp.Or(a[skuName], a[accountType])
	wish.Group, wish.Subscription = cmp.Or(a[resourceGroup], Group), a[subscription]
	wish.SecretName = a[secretName]
	wish.SecretNamespace = cmp.Or(a[secretSpace], a[pvcNamespace], "default")
	wish.StoresKey = !a.is(storeKey, "false")
	return a, wish, nil
}

// put sets an attribute, whatever the letters of its name.
func (w Wish) put(name, value string) {
	for given := range w.Attributes {
		if strings.EqualFold(given, name) {
			w.Attributes[given] = value
			return
		}
	}
	w.Attributes[name] = value
}

// validName makes the name of a container or share of a volume's.
func validName(volume string) string {
	name := strings.ToLower(volume)
	name = strings.ReplaceAll(name[:min(len(name), 63)], "--", "-")
	if !containerRule.MatchString(name) || len(name) < 3 {
		// The real drivers take a random name here; one that is asked for twice must be the same.
		name = "pvc-" + digest(volume)
	}
	return name
}
