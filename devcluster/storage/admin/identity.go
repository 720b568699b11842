package admin

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/entra"
	"batchai.dev/devcluster/storage/keyvault"
)

// OfferNFS has share/NAME or container/NAME offered by NFS (`on`) or not (`off`).
func (a Admin) OfferNFS(exports account.Exports, place, state string) error {
	kind, name, _ := strings.Cut(strings.Trim(place, "/"), "/")
	isPlace := (kind == account.ShareKind || kind == account.ContainerKind) && name != "" && !strings.Contains(name, "/")
	if !isPlace || (state != "on" && state != "off") {
		return errors.New("say share/NAME or container/NAME, and on or off")
	}
	return exports.Set(a.Account, kind, name, state == "on")
}

// PutIdentity makes an identity of words: subject=SUBJECT, role=ROLE, node.
func PutIdentity(directory entra.Directory, clientID string, words []string) error {
	var identity entra.Identity
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch {
		case name == "subject" && value != "":
			identity.Subjects = append(identity.Subjects, value)
		case name == "role" && value != "":
			identity.Roles = append(identity.Roles, value)
		case word == "node":
			identity.OnNodes = true
		default:
			return fmt.Errorf("%q says nothing about an identity: subject=SUBJECT, role=ROLE or node", word)
		}
	}
	return directory.Put(clientID, identity)
}

// PutSecret puts what it reads into a vault and prints the version.
func PutSecret(vaults keyvault.Vaults, url, name string, value io.Reader, out io.Writer) error {
	text, err := io.ReadAll(value)
	if err != nil {
		return err
	}
	version, err := vaults.Put(url, name, strings.TrimSpace(string(text)))
	if err == nil {
		fmt.Fprintln(out, version)
	}
	return err
}
