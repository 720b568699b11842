package contract

import (
	"fmt"
	"strings"
)

// SecretRef says which Secret the driver must read; the zero value means none.
type SecretRef struct {
	Namespace, Name string
}

// Credentials are what a Secret, or the request itself, says about an account.
type Credentials struct {
	Account, Key, SAS string
}

// secretOf returns the Secret that a driver reads when the request carries no secrets.
//
// An inline volume's Secret is always in the Pod's namespace, whatever `secretNamespace` says, and
// `storageAccount` is ignored there, so that without `secretName` there is none (platform guide
// 1.3). For other volumes the name follows from the account.
func secretOf(a Attributes) SecretRef {
	name := a[secretName]
	if a.IsEphemeral() {
		if name == "" {
			return SecretRef{}
		}
		return SecretRef{a[podNamespace], name}
	}
	if name == "" {
		if account := staticAccount(a); account != "" {
			name = SecretName(account)
		}
	}
	if name == "" {
		return SecretRef{}
	}
	for _, namespace := range []string{a[secretSpace], a[pvcNamespace]} {
		if namespace != "" {
			return SecretRef{namespace, name}
		}
	}
	return SecretRef{"default", name}
}

// SecretName is where both drivers look for an account's key, and where they store it.
func SecretName(account string) string {
	return "azure-storage-account-" + account + "-secret"
}

func staticAccount(a Attributes) string {
	if a.IsEphemeral() {
		return ""
	}
	return accountOf(a)
}

func accountOf(a Attributes) string {
	if account := a[storageAcct]; account != "" {
		return account
	}
	return a[accountName]
}

// FromSecret reads the keys of a Secret, or of a request's secrets, in any case of letters.
//
// SAS tokens are for the blob driver only.
func FromSecret(data map[string]string) Credentials {
	var result Credentials
	for name, value := range data {
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "azurestorageaccountname", "accountname":
			result.Account = value
		case "azurestorageaccountkey", "accountkey":
			result.Key = value
		case "azurestorageaccountsastoken":
			result.SAS = value
		}
	}
	return result
}

// MissingSecretError is what both drivers say when the API server has no such Secret.
//
// cause is the API server's own text, for example `secrets "x" not found`.
func MissingSecretError(ref SecretRef, cause error) error {
	return fmt.Errorf("could not get secret(%v): %v", ref.Name, cause)
}
