package contract

import (
	"fmt"
	"regexp"
	"strings"
)

// Cloud is the suffix of the cloud that the stand-in is configured for: Azure's public one.
const Cloud = "core.windows.net"

var zoneRule = regexp.MustCompile(`^(?:-secondary)?\.z[1-9][0-9]?\.(?:privatelink\.)?(?:file|afs)\.storage\.azure\.net$`)

// Host returns the name of the server that a volume of an account lies on; service is file or blob.
func (v Volume) Host(service, account string) string {
	if strings.TrimSpace(v.Server) != "" {
		return v.Server
	}
	suffix := strings.TrimSpace(v.Suffix)
	if suffix == "" {
		suffix = Cloud
	}
	return fmt.Sprintf("%s.%s.%s", account, service, suffix)
}

// IsPublic tells whether a host is the account's own in the configured cloud.
func IsPublic(host, service, account string) bool {
	return strings.EqualFold(host, fmt.Sprintf("%s.%s.%s", account, service, Cloud))
}

// checkInlineHost keeps inline shares to the account's hosts in the configured cloud.
//
// Releases of the driver after the summer of 2026 do; a Pod could otherwise have the node send an
// account's key, or a ticket, to any server.
func checkInlineHost(v Volume, account string) error {
	if suffix := strings.Trim(strings.TrimSpace(v.Suffix), "."); suffix != "" && !strings.EqualFold(suffix, Cloud) {
		return invalid("storageEndpointSuffix %q does not match configured cloud suffix %q", v.Suffix, Cloud)
	}
	host := strings.TrimSuffix(strings.ToLower(v.Host("file", account)), ".")
	rest, isOfAccount := strings.CutPrefix(host, strings.ToLower(account))
	if isOfAccount && zoneRule.MatchString(rest) {
		return nil
	}
	rest = strings.TrimPrefix(rest, "-secondary")
	for _, service := range []string{"file", "afs", "privatelink.file", "privatelink.afs"} {
		if isOfAccount && rest == "."+service+"."+Cloud {
			return nil
		}
	}
	return invalid("invalid server error: invalid server %q: hostname must match storage account %q in the configured Azure cloud",
		v.Host("file", account), account)
}
