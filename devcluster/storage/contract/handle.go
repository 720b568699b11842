package contract

import (
	"fmt"
	"strings"
)

// Handle is the handle of a volume that a driver's controller made.
//
// blob.csi.azure.com writes group#account#container#uuid#namespace#subscription,
// file.csi.azure.com group#account#share#disk#uuid#namespace, and #subscription if that is foreign.
type Handle struct {
	Group, Account, Name, UUID string
	// Namespace has the Secret with the account's key.
	Namespace, Subscription string
}

// ParseHandle reads a handle; its error has the real drivers' text.
func ParseHandle(driver, id string) (Handle, error) {
	parts := strings.Split(id, "#")
	if len(parts) < 3 {
		return Handle{}, fmt.Errorf("error parsing volume id: %q, should at least contain two #", id)
	}
	part := func(index int) string {
		if index < len(parts) {
			return parts[index]
		}
		return ""
	}
	handle := Handle{Group: parts[0], Account: parts[1], Name: parts[2]}
	if driver == BlobDriver {
		handle.UUID, handle.Namespace, handle.Subscription = part(3), part(4), part(5)
		return handle, nil
	}
	handle.UUID, handle.Namespace, handle.Subscription = part(4), part(5), part(6)
	if handle.Group == "" {
		// A volume of the driver inside Kubernetes, as it is migrated.
		handle.UUID, handle.Namespace, handle.Subscription = "", part(4), ""
	}
	return handle, nil
}

// For returns the handle as a driver writes it.
func (h Handle) For(driver string) string {
	if driver == BlobDriver {
		return strings.Join([]string{h.Group, h.Account, h.Name, h.UUID, h.Namespace, h.Subscription}, "#")
	}
	id := strings.Join([]string{h.Group, h.Account, h.Name, "", h.UUID, h.Namespace}, "#")
	if h.Subscription != "" {
		id += "#" + h.Subscription
	}
	return id
}

// completed returns a volume's attributes with what its handle says besides, and with the names of
// claim and volume in the place of `${pvc.metadata.name}` and its like.
//
// An inline volume's handle says nothing. What the attributes say wins.
func (r Request) completed(driver string) map[string]string {
	names := placeholders(r.Attributes)
	result := map[string]string{}
	known := map[string]bool{}
	for key, value := range r.Attributes {
		lower := strings.ToLower(key)
		known[lower] = known[lower] || value != ""
		if lower == containerName || lower == shareName {
			value = names.Replace(value)
		}
		result[key] = value
	}
	handle, err := ParseHandle(driver, r.ID)
	if err != nil || Attributes(r.Attributes).IsEphemeral() {
		return result
	}
	if handle.Account != "" && !known[storageAcct] && !known[accountName] {
		result[storageAcct] = handle.Account
	}
	if handle.Namespace != "" && !known[secretSpace] {
		result[secretSpace] = handle.Namespace
	}
	return result
}

// placeholders replaces what may stand in the names of containers and shares.
func placeholders(attributes map[string]string) *strings.Replacer {
	var pairs []string
	for key, placeholder := range map[string]string{
		pvcNamespace: "${pvc.metadata.namespace}",
		pvcName:      "${pvc.metadata.name}",
		pvName:       "${pv.metadata.name}",
	} {
		for given, value := range attributes {
			if strings.EqualFold(given, key) && value != "" {
				pairs = append(pairs, placeholder, value)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}
