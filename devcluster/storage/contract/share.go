package contract

import (
	"fmt"
	"strings"
)

// ShareDriver is the name of the driver for file shares.
const ShareDriver = "file.csi.azure.com"

var shareProtocols = []string{"", "smb", "nfs"}

// Share applies the rules of file.csi.azure.com.
//
// It returns an InvalidArgument status with the real driver's text.
func Share(r Request) (Volume, error) {
	a, err := forShare(r.completed(ShareDriver))
	if err != nil {
		return Volume{}, err
	}
	volume := Volume{
		ID: r.ID, Target: r.Target, Ephemeral: a.IsEphemeral(), Server: a[server], Suffix: a[endpoint],
	}
	if volume.Ephemeral {
		if err := inlineShare(a); err != nil {
			return Volume{}, err
		}
	}
	known := false
	for _, name := range shareProtocols {
		known = known || a[protocol] == name
	}
	if !known {
		return Volume{}, invalid("protocol(%s) is not supported, supported protocol list: [smb nfs]", a[protocol])
	}
	volume.IsNFS = a[protocol] == "nfs"
	if volume.Identity, err = identityOf(ShareDriver, a); err != nil {
		return Volume{}, ShareCredentialsError(volume, err)
	}
	volume.Account = staticAccount(a)
	switch {
	case volume.IsNFS:
		volume.Identity = Identity{}
	case volume.Identity.IsWorkload && volume.Identity.ByToken:
		// The account of an inline volume counts here, and Secrets do not.
		volume.Account = accountOf(a)
	case !volume.Identity.IsUsed():
		volume.Given = r.given()
		volume.Secret = secretOf(a)
	}
	volume.Name = a[shareName]
	if volume.Name == "" {
		// A dynamic volume's handle is rg#account#share#...
		if parts := strings.Split(r.ID, "#"); len(parts) > 2 {
			volume.Name = parts[2]
		}
	}
	volume.Folder = a[folderName]
	volume.CreateFolder = a.is(createFolder, "true")
	if strings.Contains("/"+volume.Folder+"/", "/../") {
		return Volume{}, invalid("invalid folderName %q", volume.Folder)
	}
	volume.Options = shareOptions(r, a)
	if volume.IsNFS {
		volume.Options = nfsFlags(r, "vers=4,minorversion=1,sec=sys")
	}
	return volume, nil
}

// nfsFlags are a PersistentVolume's own options and those that the driver adds.
func nfsFlags(r Request, added string) []string {
	options := append([]string{}, r.Flags...)
	if r.ReadOnly {
		options = append(options, "ro")
	}
	return append(options, added)
}

// deniedInline are options that would have the node mount something else, or as somebody else.
var deniedInline = words(`
	bind rbind cred credentials addr ip unc target path sec cruid upcall_target cifsacl modefromsid
`)

func inlineShare(a Attributes) error {
	if a.is(protocol, "nfs") {
		return invalid("NFS protocol is not supported for ephemeral volumes")
	}
	if a[diskName] != "" || isDisk(a[fsType]) {
		return invalid("VHD disk feature (diskName or disk fsType) is not supported for ephemeral volumes")
	}
	if isPath(a[server]) {
		return invalid("invalid server %q for ephemeral volume: must be a hostname or address", a[server])
	}
	if isPath(a[shareName]) {
		return invalid("invalid shareName %q for ephemeral volume: must be a single share name", a[shareName])
	}
	for _, option := range strings.Split(a[mountOptions], ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(option), "=")
		if deniedInline[strings.ToLower(name)] {
			return invalid("mount option %q is not supported for ephemeral volumes", name)
		}
	}
	if a.is(managed, "true") {
		return invalid("mountWithManagedIdentity cannot be used for ephemeral volumes, please use secret based authentication")
	}
	return nil
}

func isDisk(fsType string) bool {
	switch strings.ToLower(fsType) {
	case "ext4", "ext3", "ext2", "xfs", "btrfs":
		return true
	}
	return false
}

func isPath(value string) bool {
	return strings.ContainsAny(value, `/\`) || value == "." || value == ".."
}

// shareOptions joins flags and the one comma-separated string, and adds what is absent.
func shareOptions(r Request, a Attributes) []string {
	options := append([]string{}, r.Flags...)
	if r.ReadOnly {
		options = append(options, "ro")
	}
	if r.Group != "" && !hasOption(options, "gid") {
		options = append(options, "gid="+r.Group)
	}
	if a.IsEphemeral() {
		for _, option := range strings.Split(a[mountOptions], ",") {
			if option != "" {
				options = append(options, option)
			}
		}
	}
	defaults := []string{"file_mode=0777", "dir_mode=0777", "actimeo=30", "mfsymlinks", "nosharesock"}
	for _, option := range defaults {
		name, _, _ := strings.Cut(option, "=")
		if !hasOption(options, name) {
			options = append(options, option)
		}
	}
	return options
}

// hasOption looks into entries that may hold several options with commas between them.
func hasOption(options []string, name string) bool {
	for _, entry := range options {
		for _, option := range strings.Split(entry, ",") {
			if head, _, _ := strings.Cut(strings.TrimSpace(option), "="); head == name {
				return true
			}
		}
	}
	return false
}

// ShareCredentialsError is the driver's answer when the Secret could not be read.
func ShareCredentialsError(v Volume, cause error) error {
	return invalid("GetAccountInfo(%s) failed with error: %v", v.ID, cause)
}

// CheckShare applies the rules that come after the credentials are known.
func CheckShare(v Volume, c Credentials) error {
	if v.Name == "" {
		return invalid("failed to get file share name from %s", v.ID)
	}
	if v.Server == "" && c.Account == "" {
		return invalid("failed to get account name from %s", v.ID)
	}
	if v.Ephemeral && c.Account != "" {
		if err := checkInlineHost(v, c.Account); err != nil {
			return err
		}
	}
	if !v.IsNFS && (c.Account == "" || c.Key == "") {
		return internal("accountName(%s) or accountKey is empty", c.Account)
	}
	return nil
}

// ShareSource is what stands in the mount table, for example //acct.file.core.windows.net/logs, or
// acct.file.core.windows.net:/acct/logs.
func ShareSource(v Volume, account string) string {
	host := v.Host("file", account)
	source := fmt.Sprintf("//%s/%s", host, v.Name)
	if v.IsNFS {
		source = fmt.Sprintf("%s:/%s/%s", host, account, v.Name)
	}
	if v.Folder != "" {
		source += "/" + v.Folder
	}
	return source
}

// ShareMountError is the driver's text around what mount.cifs says, with its error number.
func ShareMountError(v Volume, source, output string) error {
	if strings.HasPrefix(output, "mount error(") {
		output += "\nRefer to the mount.cifs(8) manual page (e.g. man mount.cifs) and kernel log messages (dmesg)"
	}
	return internal(
		"volume(%s) mount %s on %s failed with mount failed: exit status 32\nMounting command: mount\n"+
			"Mounting arguments: -t cifs -o %s,<masked> %s %s\nOutput: %s\n"+
			"\nPlease refer to http://aka.ms/filemounterror for possible causes and solutions for mount errors.",
		v.ID, source, v.Target, strings.Join(v.Options, ","), source, v.Target, output,
	)
}

// AzureNFSError is either driver's text around what mount.nfs says.
func AzureNFSError(v Volume, source, output string) error {
	help := "filemounterror"
	if strings.Contains(source, ".blob.") {
		help = "blobmounterror"
	}
	return internal("volume(%s) mount %q on %q failed with %s\nPlease refer to http://aka.ms/%s for possible causes "+
		"and solutions for mount errors.", v.ID, source, v.Target,
		strings.TrimSuffix(mountFailed("nfs", strings.Join(v.Options, ","), source, v.Target, "mount.nfs: "+output), "\n"), help)
}
