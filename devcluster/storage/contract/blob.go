package contract

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// BlobDriver is the name of the driver for blob containers.
const BlobDriver = "blob.csi.azure.com"

var containerRule = regexp.MustCompile(`^[a-z0-9](?:-?[a-z0-9])*$`)

// Blob applies the rules of blob.csi.azure.com.
//
// It returns an InvalidArgument status, with the real driver's text where that is known.
func Blob(r Request) (Volume, error) {
	a, err := forBlob(r.completed(BlobDriver))
	if err != nil {
		return Volume{}, err
	}
	volume := Volume{
		ID: r.ID, Target: r.Target, Ephemeral: a.IsEphemeral(), Server: a[server], Suffix: a[endpoint],
		Name: a[containerName],
	}
	if volume.Ephemeral && volume.Name == "" {
		return Volume{}, invalid("NodeStageVolume: containerName must be specified for ephemeral volumes")
	}
	switch strings.ToLower(a[protocol]) {
	case "", "fuse", "fuse2":
	case "nfs", "nfsv3", "aznfs":
		if volume.Ephemeral {
			return Volume{}, inlineNFSError(volume)
		}
		volume.IsNFS = true
	default:
		return Volume{}, invalid("protocol(%s) is not supported, supported protocol list: [fuse fuse2 nfs aznfs]", a[protocol])
	}
	if volume.Name == "" {
		if parts := strings.Split(r.ID, "#"); len(parts) > 2 {
			volume.Name = parts[2]
		}
	}
	if volume.Ephemeral {
		if err := checkContainerName(volume.Name); err != nil {
			return Volume{}, err
		}
	}
	volume.Account = staticAccount(a)
	if volume.IsNFS {
		volume.Options = nfsFlags(r, "sec=sys,vers=3,nolock")
		return volume, nil
	}
	if volume.Identity, err = identityOf(BlobDriver, a); err != nil {
		return Volume{}, BlobCredentialsError(err)
	}
	if volume.Identity.IsWorkload {
		// The account of an inline volume counts here, and Secrets do not.
		volume.Account = accountOf(a)
	}
	if url := a[vaultURL]; url != "" {
		volume.Vault = Vault{url, a[vaultSecret], a[vaultVersion]}
	}
	if !volume.Identity.IsUsed() && volume.Vault == (Vault{}) {
		// An inline volume's nodePublishSecretRef is dropped by this driver (platform guide 1.3).
		if !volume.Ephemeral {
			volume.Given = r.given()
		}
		volume.Secret = secretOf(a)
	}
	volume.Options, err = blobOptions(r, a, volume.Name)
	return volume, err
}

// inlineNFSError tells why an inline NFS volume does not come up: the real driver has blanked the
// account and mounts `.blob…:/` + `/container`, which cannot be resolved.
func inlineNFSError(v Volume) error {
	return internal("volume(%s) mount %q on %q failed with mount failed: exit status 32\n"+
		"Output: mount.nfs: Failed to resolve server .blob.core.windows.net: Name or service not known",
		v.ID, ".blob.core.windows.net://"+v.Name, v.Target)
}

func checkContainerName(name string) error {
	if len(name) < 3 || len(name) > 63 || !containerRule.MatchString(name) {
		return invalid("NodeStageVolume: invalid container name %q: must be 3 to 63 lowercase letters, digits and single dashes", name)
	}
	return nil
}

// blobOptions returns blobfuse2's arguments.
//
// Inline they are one blank-separated string and checked against an allow-list; for a
// PersistentVolume they come from whoever runs the cluster and are passed on.
func blobOptions(r Request, a Attributes, container string) ([]string, error) {
	options := append([]string{}, r.Flags...)
	if r.ReadOnly {
		options = append(options, "-o ro")
	}
	if a.IsEphemeral() {
		inline, err := allowedOptions(strings.Fields(a[mountOptions]))
		if err != nil {
			return nil, err
		}
		options = append(options, inline...)
	}
	if a.is(isHns, "true") {
		options = append(options, "--use-adls=true")
	}
	if r.Group != "" && !strings.Contains(strings.Join(r.Flags, " "), "gid=") {
		if _, err := strconv.ParseUint(r.Group, 10, 32); err != nil {
			return nil, invalid("invalid volumeMountGroup %q: must be an unsigned 32-bit integer (POSIX GID)", r.Group)
		}
		options = append(options, "-o gid="+r.Group)
	}
	defaults := []string{
		"--cancel-list-on-mount-seconds=10", "--container-name=" + container, "--empty-dir-check=false",
		"--pre-mount-validate=true", "--tmp-path=/mnt/" + r.ID, "--use-https=true",
	}
	for _, option := range defaults {
		name, _, _ := strings.Cut(option, "=")
		if !strings.Contains(" "+strings.Join(options, " "), " "+name) {
			options = append(options, option)
		}
	}
	return options, nil
}

// BlobCredentialsError is the driver's answer when the Secret could not be read.
func BlobCredentialsError(cause error) error {
	return internal("%v", cause)
}

// BlobMountError is the driver's text around blobfuse2's own.
func BlobMountError(output string) error {
	return internal(
		"Mount failed with error: rpc error: code = Unknown desc = exit status 1 Error: %s\n, output: \n"+
			"Please refer to http://aka.ms/blobmounterror for possible causes and solutions for mount errors.",
		output,
	)
}

// BlobPipelineError is what blobfuse2 says when storage refuses; code is storage's own word.
func BlobPipelineError(code string) string {
	return fmt.Sprintf("failed to initialize new pipeline [failed to authenticate azstorage credentials "+
		"with error [BlockBlob::TestPipeline : [%s]]]", code)
}

// BlobConfigError is what blobfuse2 says without an account or a key.
func BlobConfigError(c Credentials) (string, bool) {
	missing := ""
	switch {
	case c.Account == "":
		missing = "account name not provided"
	case c.Key == "" && c.SAS == "":
		missing = "storage key not provided"
	}
	return fmt.Sprintf("failed to initialize new pipeline [config error in azstorage [%s]]", missing), missing != ""
}

func internal(format string, arguments ...any) error {
	return status.Error(codes.Internal, fmt.Sprintf(format, arguments...))
}
