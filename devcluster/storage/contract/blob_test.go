package contract

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

func TestInlineBlobRefusals(t *testing.T) {
	blob := func(options string) Request {
		return inline("containerName", "data", "secretName", "s", "mountOptions", options)
	}
	for name, test := range map[string]struct {
		request Request
		text    string
	}{
		"no containerName":      {inline("secretName", "s"), "NodeStageVolume: containerName must be specified for ephemeral volumes"},
		"capitals":              {inline("containerName", "MyContainer"), `invalid container name "MyContainer"`},
		"too short":             {inline("containerName", "ab"), `invalid container name "ab"`},
		"too long":              {inline("containerName", strings.Repeat("a", 64)), "invalid container name"},
		"two dashes":            {inline("containerName", "my--container"), `invalid container name "my--container"`},
		"first a dash":          {inline("containerName", "-container"), `invalid container name "-container"`},
		"a blank":               {inline("containerName", "abc def"), `invalid container name "abc def"`},
		"conflicting keys":      {inline("containerName", "data", "ContainerName", "other"), `"containername"`},
		"--use-https":           {blob("--use-https=true"), `mount option "--use-https" is not allowed`},
		"--tmp-path":            {blob("-o allow_other --tmp-path=/mnt/x"), `mount option "--tmp-path" is not allowed`},
		"--config-file":         {blob("--config-file=/etc/x"), `mount option "--config-file" is not allowed`},
		"--container-name":      {blob("--container-name=other"), `mount option "--container-name" is not allowed`},
		"--preload":             {blob("--preload"), `mount option "--preload" is not allowed`},
		"--log-file-path":       {blob("--log-file-path=/x"), `mount option "--log-file-path" is not allowed`},
		"no option at all":      {blob("allow_other"), `mount option "allow_other" is not allowed`},
		"-o without a value":    {blob("-o"), `mount option "-o" needs a value`},
		"-o before another":     {blob("-o --read-only"), `mount option "-o" needs a value`},
		"parallelism too small": {blob("--block-cache-parallelism=0"), "must be between 1 and 128"},
		"parallelism too big":   {blob("--block-cache-parallelism=129"), "must be between 1 and 128"},
		"protocol":              {inline("containerName", "data", "protocol", "ftp"), "protocol(ftp) is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Blob(test.request)
			expect(t, err, codes.InvalidArgument, test.text)
		})
	}
}

func TestInlineBlobWithNFSDoesNotMount(t *testing.T) {
	_, err := Blob(inline("containerName", "data", "secretName", "s", "protocol", "nfs"))
	expect(t, err, codes.Internal, "mount failed: exit status 32")
}

func TestEqualValuesUnderCollidingKeysPassForBlob(t *testing.T) {
	if _, err := Blob(inline("containerName", "data", "ContainerName", "data", "secretName", "s")); err != nil {
		t.Fatal(err)
	}
}

func TestInlineBlobIgnoresPublishSecrets(t *testing.T) {
	request := inline("containerName", "data", "secretName", "s", "storageAccount", "elsewhere")
	request.Secrets = map[string]string{"azurestorageaccountname": "a", "azurestorageaccountkey": "k"}
	volume, err := Blob(request)
	if err != nil || volume.Given != nil || volume.Account != "" || volume.Secret != (SecretRef{"team", "s"}) {
		t.Fatalf("got %+v, %v", volume, err)
	}
}

func TestBlobOptionsAreOneBlankSeparatedStringWithDefaults(t *testing.T) {
	request := inline(
		"containerName", "data", "secretName", "s",
		"mountOptions", "-o allow_other  --file-cache-timeout-in-seconds=0 --block-cache-parallelism=128 --use-adls=false",
	)
	request.Group = "2000"
	volume, err := Blob(request)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(volume.Options, " ")
	want := "-o allow_other --file-cache-timeout-in-seconds=0 --block-cache-parallelism=128 --use-adls=false" +
		" -o gid=2000 --cancel-list-on-mount-seconds=10 --container-name=data --empty-dir-check=false" +
		" --pre-mount-validate=true --tmp-path=/mnt/csi-1 --use-https=true"
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	fuse, complaint := ParseFuse(volume.Options)
	if complaint != "" || fuse != (Fuse{AllowOther: true, GID: 2000}) {
		t.Fatalf("got %+v, %s", fuse, complaint)
	}
}

func TestAllowOtherIsNotAddedByTheDriver(t *testing.T) {
	volume, err := Blob(inline("containerName", "data", "secretName", "s"))
	if err != nil {
		t.Fatal(err)
	}
	if fuse, _ := ParseFuse(volume.Options); fuse.AllowOther {
		t.Fatal("a container is shown to all without -o allow_other")
	}
}

func TestFuseOptions(t *testing.T) {
	for options, want := range map[string]Fuse{
		"--allow-other":                    {AllowOther: true},
		"-o ro -o uid=1000,gid=1001":       {ReadOnly: true, UID: 1000, GID: 1001},
		"--read-only --subdirectory=a/b/":  {ReadOnly: true, Folder: "a/b"},
		"-o umask=077 -o attr_timeout=240": {Umask: 0o77},
		"--allow-other=false":              {},
	} {
		got, complaint := ParseFuse([]string{options})
		if complaint != "" || got != want {
			t.Errorf("%s: got %+v, %s", options, got, complaint)
		}
	}
	// Options of the first blobfuse are no options of the second.
	for _, options := range []string{"-o big_writes", "-o kernel_cache", "-o max_read=131072", "-o fsname=blobfuse", "-o uid=me"} {
		if _, complaint := ParseFuse([]string{options}); !strings.Contains(complaint, "invalid FUSE options") {
			t.Errorf("%s passed", options)
		}
	}
}

func TestStaticBlobOptionsAreFree(t *testing.T) {
	volume, err := Blob(Request{
		ID:         "bai_team_acct_data",
		Attributes: map[string]string{"containerName": "data"},
		Flags:      []string{"-o allow_other", "--tmp-path=/mnt/big", "--use-https=false"},
		Secrets:    map[string]string{"azurestorageaccountname": "acct", "azurestorageaccountkey": "k"},
		ReadOnly:   true,
	})
	if err != nil || *volume.Given != (Credentials{Account: "acct", Key: "k"}) {
		t.Fatalf("got %+v, %v", volume, err)
	}
	got := strings.Join(volume.Options, " ")
	if !strings.HasPrefix(got, "-o allow_other --tmp-path=/mnt/big --use-https=false -o ro ") || strings.Count(got, "--tmp-path") != 1 {
		t.Fatalf("got %s", got)
	}
}

func TestBadGroup(t *testing.T) {
	request := inline("containerName", "data", "secretName", "s")
	request.Group = "2000 --tmp-path=/"
	_, err := Blob(request)
	expect(t, err, codes.InvalidArgument, "must be an unsigned 32-bit integer (POSIX GID)")
}

func TestBlobErrorTexts(t *testing.T) {
	expect(t, BlobMountError(BlobPipelineError("AuthenticationFailed")), codes.Internal,
		"Mount failed with error: rpc error: code = Unknown desc = exit status 1 Error: failed to initialize new "+
			"pipeline [failed to authenticate azstorage credentials with error [BlockBlob::TestPipeline : "+
			"[AuthenticationFailed]]]\n, output: \nPlease refer to http://aka.ms/blobmounterror")
	for want, credentials := range map[string]Credentials{
		"account name not provided": {Key: "k"},
		"storage key not provided":  {Account: "a"},
	} {
		if text, isMissing := BlobConfigError(credentials); !isMissing || !strings.Contains(text, want) {
			t.Errorf("got %q, %v", text, isMissing)
		}
	}
	if _, isMissing := BlobConfigError(Credentials{Account: "a", SAS: "s"}); isMissing {
		t.Error("a SAS token is a credential")
	}
}
