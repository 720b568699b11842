package admin

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/entra"
	"batchai.dev/devcluster/storage/keyvault"
)

func TestAnIdentityIsMadeOfWords(t *testing.T) {
	directory := entra.Directory{File: filepath.Join(t.TempDir(), "identities.json")}
	words := []string{"subject=system:serviceaccount:a:b", "role=" + entra.VaultRole, "node"}
	if err := PutIdentity(directory, "id", words); err != nil {
		t.Fatal(err)
	}
	if found, err := directory.Exchange("id", "", "system:serviceaccount:a:b"); err != nil || !found.OnNodes || !found.Has(entra.VaultRole) {
		t.Fatalf("%+v %v", found, err)
	}
	for _, word := range []string{"nodes", "role=", "owner=x"} {
		if err := PutIdentity(directory, "id", []string{word}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestASecretIsReadAndItsVersionPrinted(t *testing.T) {
	vaults := keyvault.Vaults{File: filepath.Join(t.TempDir(), "vaults.json")}
	var out bytes.Buffer
	if err := PutSecret(vaults, "https://v", "key", strings.NewReader("a key\n"), &out); err != nil {
		t.Fatal(err)
	}
	if got, err := vaults.Get("https://v/", "key", strings.TrimSpace(out.String())); got != "a key" || err != nil {
		t.Fatalf("%q %v", got, err)
	}
}

func TestPlacesAreOfferedByNFSOneByOne(t *testing.T) {
	a, exports := Admin{Account: "acct"}, account.Exports{Root: t.TempDir()}
	for _, state := range []string{"on", "off", "off"} {
		if err := a.OfferNFS(exports, "share/logs", state); err != nil {
			t.Fatal(err)
		}
		if exports.Offers("acct", account.ShareKind, "logs") != (state == "on") || exports.Offers("acct", account.ContainerKind, "logs") {
			t.Fatal(state)
		}
	}
	for _, wrong := range [][2]string{{"share/logs/deep", "on"}, {"disk/logs", "on"}, {"share/logs", "maybe"}, {"share", "on"}} {
		if a.OfferNFS(exports, wrong[0], wrong[1]) == nil {
			t.Error(wrong)
		}
	}
}
