package contract

import (
	"strings"
	"testing"
)

func TestNFSAttributes(t *testing.T) {
	got, err := ReadNFS(Request{
		ID: "v", Target: "/t", Flags: []string{"nfsvers=4.1", "hard"}, ReadOnly: true,
		Attributes: map[string]string{
			"SERVER": "10.0.0.4", "Share": "/data/", "subDir": "${pvc.metadata.namespace}/x", "mountPermissions": "0770",
			"csi.storage.k8s.io/pvc/namespace": "team",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Source() != "10.0.0.4:/data/team/x" || got.Permissions != 0o770 || strings.Join(got.Options, ",") != "nfsvers=4.1,hard,ro" {
		t.Fatalf("%+v", got)
	}
	six, err := ReadNFS(Request{Attributes: map[string]string{"server": "fd00::4", "share": "/"}})
	if err != nil || six.Source() != "[fd00::4]:/" {
		t.Fatalf("%+v, %v", six, err)
	}
}

func TestNFSRefusals(t *testing.T) {
	for text, attributes := range map[string]map[string]string{
		"server is a required parameter":    {"share": "/"},
		"share is a required parameter":     {"server": "s"},
		"invalid mountPermissions rwx":      {"server": "s", "share": "/", "mountPermissions": "rwx"},
		`invalid volume source "s:/a/../b"`: {"server": "s", "share": "/a", "subDir": "../b"},
	} {
		if _, err := ReadNFS(Request{Attributes: attributes}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
}

func TestNFSOptions(t *testing.T) {
	got, isValid := ParseNFS([]string{"nfsvers=4.1,noresvport", "soft", "timeo=50", "retrans=3", "port=12049", "ro"})
	want := NFSMount{Port: 12049, Soft: true, TenthsOfSeconds: 50, Retries: 3, ReadOnly: true, AnyPort: true}
	if !isValid || got != want {
		t.Fatalf("%+v", got)
	}
	for _, wrong := range []string{"file_mode=0777", "timeo=long", "username=x"} {
		if _, isValid := ParseNFS([]string{wrong}); isValid {
			t.Errorf("%s passed", wrong)
		}
	}
}

func TestInlineSMBTakesItsSecretFromAttributes(t *testing.T) {
	got, err := ReadSMB(Request{
		ID: "v", Secrets: map[string]string{"username": "other"},
		Attributes: map[string]string{
			"source": "//files.example/team/a/b", "secretName": "login", "secretNamespace": "other",
			"mountOptions": "dir_mode=0700,noperm", ephemeral: "true", podNamespace: "team",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Secret != (SecretRef{"team", "login"}) || got.Given != nil || got.Server != "files.example" || got.Share != "team" ||
		got.Folder != "a/b" || strings.Join(got.Options, ",") != "dir_mode=0700,noperm" {
		t.Fatalf("%+v", got)
	}
}

func TestStaticSMBTakesTheRequestsSecrets(t *testing.T) {
	got, err := ReadSMB(Request{
		Secrets: map[string]string{"Username": "me ", "password": "pw", "domain": "AZURE"}, Group: "2000",
		Flags: []string{"dir_mode=0777"}, Attributes: map[string]string{"source": "//s/x", "subDir": "y"},
	})
	if err != nil || *got.Given != (Login{"me", "pw", "AZURE"}) || got.Source != "//s/x/y" {
		t.Fatalf("%+v, %v", got, err)
	}
	if options := strings.Join(got.Options, ","); options != "dir_mode=0777,gid=2000,file_mode=0774" {
		t.Fatalf("%q", options)
	}
}

func TestSMBRefusals(t *testing.T) {
	for text, attributes := range map[string]map[string]string{
		"source field is missing, current context: map[a:b]": {"a": "b"},
		`invalid source path "//s/x/../y"`:                   {"source": "//s/x", "subDir": "../y"},
	} {
		if _, err := ReadSMB(Request{Attributes: attributes}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
}
