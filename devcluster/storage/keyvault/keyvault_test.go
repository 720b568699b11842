package keyvault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheNewestVersionIsTheCurrentOne(t *testing.T) {
	v := Vaults{File: filepath.Join(t.TempDir(), "vaults.json")}
	old, err := v.Put("https://my.vault.azure.net/", "key", "old")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Put("https://my.vault.azure.net", "Key", "new"); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"": "new", old: "old"} {
		if got, err := v.Get("https://MY.vault.azure.net/", "key", version); got != want || err != nil {
			t.Fatalf("%q: %q %v", version, got, err)
		}
	}
	if info, err := os.Stat(v.File); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	for _, wrong := range [][3]string{
		{"https://other.vault.azure.net/", "key", ""}, {"https://my.vault.azure.net/", "none", ""},
		{"https://my.vault.azure.net/", "key", "0123"},
	} {
		_, err := v.Get(wrong[0], wrong[1], wrong[2])
		if err == nil || !strings.Contains(err.Error(), "ERROR CODE: SecretNotFound") || strings.Contains(err.Error(), "new") {
			t.Fatalf("%v: %v", wrong, err)
		}
	}
}
