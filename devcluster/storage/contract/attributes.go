// Package contract holds the rules of the real Azure drivers for a volume's attributes and options.
//
// Everything here is a pure function of a request, so each rule has a test of its own. The texts of
// errors are the real drivers' own where they are known; README.md lists them with their sources.
// Package plugin calls it; nothing here mounts, reads a Secret or talks to anybody.
package contract

import (
	"fmt"
	"sort"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Names of attributes, in lower case, as both drivers spell them.
const (
	ephemeral     = "csi.storage.k8s.io/ephemeral"
	podNamespace  = "csi.storage.k8s.io/pod.namespace"
	pvcNamespace  = "csi.storage.k8s.io/pvc/namespace"
	authType      = "azurestorageauthtype"
	byToken       = "mountwithworkloadidentitytoken"
	clientID      = "clientid"
	containerName = "containername"
	folderName    = "foldername"
	createFolder  = "createfolderifnotexist"
	endpoint      = "storageendpointsuffix"
	isHns         = "ishnsenabled"
	managed       = "mountwithmanagedidentity"
	mountOptions  = "mountoptions"
	protocol      = "protocol"
	vaultURL      = "keyvaulturl"
	vaultSecret   = "keyvaultsecretname"
	vaultVersion  = "keyvaultsecretversion"
	secretName    = "secretname"
	secretSpace   = "secretnamespace"
	server        = "server"
	shareName     = "sharename"
	diskName      = "diskname"
	fsType        = "fstype"
	storageAcct   = "storageaccount"
	accountName   = "storageaccountname"
	tenantID      = "tenantid"
	tokens        = "csi.storage.k8s.io/serviceaccount.tokens"

	identityClientID = "azurestorageidentityclientid"
)

// Attributes are a volume's attributes with their names in lower case.
type Attributes map[string]string

// IsEphemeral tells whether the kubelet describes an inline volume of a Pod.
func (a Attributes) IsEphemeral() bool {
	return strings.EqualFold(a[ephemeral], "true")
}

// is tells whether an attribute has a value, whatever the case of its letters.
func (a Attributes) is(name, value string) bool {
	return strings.EqualFold(a[name], value)
}

// normalize puts the names in lower case. Of names that collide it returns the first pair.
func normalize(raw map[string]string) (Attributes, string, bool) {
	names := make([]string, 0, len(raw))
	for name := range raw {
		names = append(names, name)
	}
	sort.Strings(names)
	result := Attributes{}
	collision, differs := "", false
	for _, name := range names {
		key := strings.ToLower(name)
		if old, there := result[key]; there {
			collision = key
			differs = differs || old != raw[name]
		}
		result[key] = raw[name]
	}
	return result, collision, differs
}

// forBlob normalises as the blob driver does: equal values under colliding names pass.
func forBlob(raw map[string]string) (Attributes, error) {
	result, collision, differs := normalize(raw)
	if differs {
		return nil, invalid("volume attributes contain conflicting values for the case-insensitive key %q", collision)
	}
	return result, nil
}

// forShare normalises as the file driver does: for inline volumes every collision is refused.
func forShare(raw map[string]string) (Attributes, error) {
	result, collision, differs := normalize(raw)
	if collision != "" && (differs || result.IsEphemeral()) {
		return nil, invalid(
			"ephemeral volume request contains case-colliding volume attribute keys that normalize to %q",
			collision+", "+collision,
		)
	}
	return result, nil
}

func invalid(format string, arguments ...any) error {
	return status.Error(codes.InvalidArgument, fmt.Sprintf(format, arguments...))
}
