package contract

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// inline returns an inline volume of a Pod in namespace `team` with these attributes.
func inline(pairs ...string) Request {
	attributes := map[string]string{
		"csi.storage.k8s.io/ephemeral":     "true",
		"csi.storage.k8s.io/pod.namespace": "team",
	}
	for i := 0; i < len(pairs); i += 2 {
		attributes[pairs[i]] = pairs[i+1]
	}
	return Request{ID: "csi-1", Target: "/pod/mount", Attributes: attributes}
}

func expect(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), text) {
		t.Fatalf("got %v, want %s with %q", err, code, text)
	}
}

func TestInlineShareRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		request Request
		text    string
	}{
		"NFS": {
			inline("shareName", "logs", "secretName", "s", "protocol", "NFS"),
			"NFS protocol is not supported for ephemeral volumes",
		},
		"bind": {
			inline("shareName", "logs", "secretName", "s", "mountOptions", "dir_mode=0777,bind"),
			`mount option "bind" is not supported for ephemeral volumes`,
		},
		"rbind, capitals": {
			inline("shareName", "logs", "secretName", "s", "mountOptions", "RBind"),
			`mount option "RBind" is not supported for ephemeral volumes`,
		},
		"separator in server": {
			inline("shareName", "logs", "server", "a/b"),
			`invalid server "a/b" for ephemeral volume: must be a hostname or address`,
		},
		"backslash in server": {
			inline("shareName", "logs", "server", `a\b`),
			`invalid server "a\\b" for ephemeral volume: must be a hostname or address`,
		},
		"separator in shareName": {
			inline("shareName", "logs/deep"),
			`invalid shareName "logs/deep" for ephemeral volume: must be a single share name`,
		},
		"dots for shareName": {
			inline("shareName", ".."),
			`invalid shareName ".." for ephemeral volume: must be a single share name`,
		},
		"managed identity": {
			inline("shareName", "logs", "mountWithManagedIdentity", "true"),
			"mountWithManagedIdentity cannot be used for ephemeral volumes, please use secret based authentication",
		},
		"disk": {
			inline("shareName", "logs", "fsType", "ext4"),
			"VHD disk feature (diskName or disk fsType) is not supported for ephemeral volumes",
		},
		"keys that differ in case": {
			inline("shareName", "logs", "sharename", "other"),
			`case-colliding volume attribute keys that normalize to "sharename, sharename"`,
		},
		"protocol": {
			inline("shareName", "logs", "protocol", "ftp"),
			"protocol(ftp) is not supported, supported protocol list: [smb nfs]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Share(test.request)
			expect(t, err, codes.InvalidArgument, test.text)
		})
	}
}

func TestShareAttributesAreCaseInsensitive(t *testing.T) {
	volume, err := Share(inline("SHAREname", "logs", "SecretName", "s"))
	if err != nil || volume.Name != "logs" || volume.Secret != (SecretRef{"team", "s"}) {
		t.Fatalf("got %+v, %v", volume, err)
	}
}

func TestInlineSecretIsOfThePodsNamespaceAndTheAccountIsIgnored(t *testing.T) {
	volume, err := Share(inline(
		"shareName", "logs", "secretName", "s", "secretNamespace", "other", "storageAccount", "elsewhere",
	))
	if err != nil {
		t.Fatal(err)
	}
	if volume.Secret != (SecretRef{"team", "s"}) || volume.Account != "" {
		t.Fatalf("got %+v", volume)
	}
}

func TestInlineWithoutSecretNameHasNoSecretAndNoAccount(t *testing.T) {
	volume, err := Share(inline("shareName", "logs", "storageAccount", "elsewhere"))
	if err != nil || volume.Secret != (SecretRef{}) {
		t.Fatalf("got %+v, %v", volume, err)
	}
	expect(t, CheckShare(volume, Credentials{}), codes.InvalidArgument, "failed to get account name from csi-1")
}

func TestInlineShareTakesNodePublishSecrets(t *testing.T) {
	request := inline("shareName", "logs")
	request.Secrets = map[string]string{"azurestorageaccountname": "a", "azurestorageaccountkey": "k\n"}
	volume, err := Share(request)
	if err != nil || volume.Given == nil || *volume.Given != (Credentials{Account: "a", Key: "k"}) {
		t.Fatalf("got %+v, %v", volume.Given, err)
	}
}

func TestShareOptionsAreOneCommaSeparatedStringWithDefaults(t *testing.T) {
	request := inline("shareName", "logs", "secretName", "s", "mountOptions", "dir_mode=0700,uid=1000,nobrl")
	request.Group = "2000"
	volume, err := Share(request)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(volume.Options, ",")
	want := "gid=2000,dir_mode=0700,uid=1000,nobrl,file_mode=0777,actimeo=30,mfsymlinks,nosharesock"
	if got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	cifs, ok := ParseCifs(volume.Options)
	if !ok || cifs != (Cifs{FileMode: 0o777, DirMode: 0o700, UID: 1000, GID: 2000}) {
		t.Fatalf("got %+v, %v", cifs, ok)
	}
}

func TestUnknownCifsOptionIsInvalid(t *testing.T) {
	for _, options := range []string{"allow_other", "dir_mode=rwx", "-o ro"} {
		if _, ok := ParseCifs([]string{options}); ok {
			t.Errorf("%q passed", options)
		}
	}
}

func TestStaticShare(t *testing.T) {
	volume, err := Share(Request{
		ID:         "bai_team_acct_logs",
		Attributes: map[string]string{"shareName": "logs", "storageAccount": "acct"},
		Flags:      []string{"dir_mode=0755", "gid=7"},
		Secrets:    map[string]string{"azurestorageaccountname": "acct", "azurestorageaccountkey": "k"},
		Group:      "2000",
		ReadOnly:   true,
	})
	if err != nil || volume.Given.Account != "acct" {
		t.Fatalf("got %+v, %v", volume, err)
	}
	got := strings.Join(volume.Options, ",")
	if want := "dir_mode=0755,gid=7,ro,file_mode=0777,actimeo=30,mfsymlinks,nosharesock"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestStaticVolumeWithoutSecretsLooksForTheDefaultSecret(t *testing.T) {
	for name, test := range map[string]struct {
		attributes map[string]string
		want       SecretRef
	}{
		"of default":          {map[string]string{"storageAccount": "a"}, SecretRef{"default", "azure-storage-account-a-secret"}},
		"of the claim":        {map[string]string{"storageAccount": "a", "csi.storage.k8s.io/pvc/namespace": "n"}, SecretRef{"n", "azure-storage-account-a-secret"}},
		"of secretNamespace":  {map[string]string{"secretName": "s", "secretNamespace": "m"}, SecretRef{"m", "s"}},
		"none without a name": {map[string]string{}, SecretRef{}},
	} {
		t.Run(name, func(t *testing.T) {
			test.attributes["shareName"] = "logs"
			volume, err := Share(Request{ID: "v", Attributes: test.attributes})
			if err != nil || volume.Secret != test.want {
				t.Fatalf("got %+v, %v", volume.Secret, err)
			}
		})
	}
}

func TestShareErrorTexts(t *testing.T) {
	volume := Volume{ID: "csi-1", Target: "/pod/mount", Name: "logs", Options: []string{"dir_mode=0777"}}
	cause := MissingSecretError(SecretRef{"team", "s"}, errors.New(`secrets "s" not found`))
	expect(t, ShareCredentialsError(volume, cause), codes.InvalidArgument,
		`GetAccountInfo(csi-1) failed with error: could not get secret(s): secrets "s" not found`)
	source := ShareSource(volume, "acct")
	expect(t, ShareMountError(volume, source, "mount error(13): Permission denied"), codes.Internal,
		"volume(csi-1) mount //acct.file.core.windows.net/logs on /pod/mount failed with mount failed: exit status 32\n"+
			"Mounting command: mount\n"+
			"Mounting arguments: -t cifs -o dir_mode=0777,<masked> //acct.file.core.windows.net/logs /pod/mount\n"+
			"Output: mount error(13): Permission denied\n"+
			"Refer to the mount.cifs(8) manual page (e.g. man mount.cifs) and kernel log messages (dmesg)\n\n"+
			"Please refer to http://aka.ms/filemounterror for possible causes and solutions for mount errors.")
	expect(t, CheckShare(volume, Credentials{Account: "acct"}), codes.Internal, "accountName(acct) or accountKey is empty")
	volume.Name = ""
	expect(t, CheckShare(volume, Credentials{}), codes.InvalidArgument, "failed to get file share name from csi-1")
}
