// Package account knows the storage accounts that the stand-in plays, and what they hold.
//
// The keys come from its own configuration, in the form that Azurite reads, so that a Pod's Secret
// can be checked against them. Containers live in Azurite, shares are folders.
package account

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// ErrNoShare says that an account has no such share.
var ErrNoShare = errors.New("no such share")

var shareRule = regexp.MustCompile(`^[a-z0-9](?:-?[a-z0-9]){2,62}$`)

// Accounts are keys by account name.
type Accounts map[string][]string

// ParseAccounts reads `name:key[:key][;name:...]`.
func ParseAccounts(text string) (Accounts, error) {
	result := Accounts{}
	for _, entry := range strings.Split(text, ";") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		parts := strings.Split(entry, ":")
		if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
			// The entry is not printed: it may hold a key.
			return nil, errors.New("an account must be given as name:key")
		}
		result[parts[0]] = parts[1:]
	}
	return result, nil
}

// Has tells whether key is one of the account's keys.
func (a Accounts) Has(account, key string) bool {
	for _, candidate := range a[account] {
		if candidate == key {
			return true
		}
	}
	return false
}

// Shares are the folder that holds all accounts' shares, and the faults made in them.
type Shares struct {
	Root string
}

// Folder returns the folder of a share that is there, or ErrNoShare.
func (s Shares) Folder(account, share string) (string, error) {
	folder := filepath.Join(s.Root, "shares", account, share)
	if !shareRule.MatchString(share) {
		return "", fmt.Errorf("%w: %s", ErrNoShare, share)
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%w: %s", ErrNoShare, share)
	}
	return folder, nil
}

// Create makes a share; one that is there stays as it is.
func (s Shares) Create(account, share string) error {
	if !shareRule.MatchString(share) {
		return fmt.Errorf("%q is no name for a share: 3 to 63 lowercase letters, digits and single dashes", share)
	}
	folder := filepath.Join(s.Root, "shares", account, share)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	return os.Chmod(folder, 0o777)
}

// FaultFile returns the file that tells what is wrong with a share.
func (s Shares) FaultFile(account, share string) string {
	return filepath.Join(s.Root, "faults", account, share+".json")
}
