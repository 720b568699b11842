// Package keyvault plays Azure Key Vault: secrets by vault, name and version.
//
// Package plugin reads it with an identity of the nodes; package main puts secrets into it.
package keyvault

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"batchai.dev/devcluster/storage/records"
)

// Secret is one version.
type Secret struct {
	Version string `json:"version"`
	Value   string `json:"value"`
}

// Vaults is the file with all vaults.
type Vaults struct {
	File string
}

// Put adds a version of a secret, which is then the current one, and returns its name.
func (v Vaults) Put(url, name, value string) (string, error) {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	version := hex.EncodeToString(random)
	return version, records.Change(v.File, func(all map[string][]Secret) {
		key := place(url, name)
		all[key] = append(all[key], Secret{version, value})
	})
}

// Get returns a secret; without a version the current one. The text is that of Azure's library.
func (v Vaults) Get(url, name, version string) (string, error) {
	all, err := records.Load[[]Secret](v.File)
	if err != nil {
		return "", err
	}
	secrets := all[place(url, name)]
	for i := len(secrets) - 1; i >= 0; i-- {
		if version == "" || secrets[i].Version == version {
			return secrets[i].Value, nil
		}
	}
	return "", answered(url, name, version, "404: 404 Not Found", "SecretNotFound", fmt.Sprintf(
		"A secret with (name/id) %s was not found in this key vault.", strings.TrimSuffix(name+"/"+version, "/")))
}

// Forbidden is the answer to an identity that may not read.
func Forbidden(url, name, version string) error {
	return answered(url, name, version, "403: 403 Forbidden", "Forbidden",
		"Caller is not authorized to perform action on resource.")
}

func answered(url, name, version, response, code, message string) error {
	return fmt.Errorf("GET %s/secrets/%s/%s RESPONSE %s ERROR CODE: %s %s",
		strings.TrimSuffix(url, "/"), name, version, response, code, message)
}

func place(url, name string) string {
	return strings.ToLower(strings.TrimSuffix(url, "/") + "/secrets/" + name)
}
