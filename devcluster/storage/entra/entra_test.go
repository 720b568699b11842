package entra

import (
	"path/filepath"
	"strings"
	"testing"
)

const subject = "system:serviceaccount:team:trainer"

func TestOnlyTheServiceAccountOfAFederatedCredentialIsTaken(t *testing.T) {
	d := Directory{File: filepath.Join(t.TempDir(), "deep", "identities.json")}
	if err := d.Put("app", Identity{Subjects: []string{subject}, Roles: []string{BlobRole}}); err != nil {
		t.Fatal(err)
	}
	found, err := d.Exchange("app", "", subject)
	if err != nil || !found.Has(BlobRole) || found.Has(ShareRole) {
		t.Fatalf("%+v %v", found, err)
	}
	if _, err := d.Exchange("app", Tenant, subject); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ id, tenant, subject, text string }{
		"another account":     {"app", "", "system:serviceaccount:team:default", "AADSTS700213: No matching federated identity record"},
		"another namespace":   {"app", "", "system:serviceaccount:other:trainer", "'system:serviceaccount:other:trainer'"},
		"unknown application": {"none", "", subject, "AADSTS700016: Application with identifier 'none' was not found"},
		"unknown tenant":      {"app", "elsewhere", subject, "AADSTS90002: Tenant 'elsewhere' not found"},
	} {
		if _, err := d.Exchange(test.id, test.tenant, test.subject); err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Remove("app"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exchange("app", "", subject); err == nil {
		t.Fatal("it is still there")
	}
}

func TestNodesHaveTheirIdentitiesAndNoOthers(t *testing.T) {
	d := Directory{File: filepath.Join(t.TempDir(), "identities.json")}
	for id, identity := range map[string]Identity{
		"app": {Subjects: []string{subject}, Roles: []string{VaultRole}},
		"vm":  {OnNodes: true, Roles: []string{ShareRole}},
	} {
		if err := d.Put(id, identity); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.OfNode("vm"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.OfNode("app"); err == nil || !strings.Contains(err.Error(), "Identity not found") {
		t.Fatal(err)
	}
	if may, err := d.NodesMay(VaultRole); may || err != nil {
		t.Fatalf("%v %v", may, err)
	}
	if may, err := d.NodesMay(ShareRole); !may || err != nil {
		t.Fatalf("%v %v", may, err)
	}
}
