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
	volume := Volume{ID: r.ID, Target: r.Target, Ephemeral: a.IsEphemeral(), Server: a[server]}
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
	if a.is(protocol, "nfs") {
		return Volume{}, invalid("the stand-in has no NFS: protocol(nfs) of volume(%s) cannot be mounted here", r.ID)
	}
	volume.Given = r.given()
	volume.Account = staticAccount(a)
	volume.Secret = secretOf(a)
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
	return volume, nil
}

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
		switch strings.ToLower(strings.TrimSpace(option)) {
		case "bind", "rbind":
			return invalid("mount option %q is not supported for ephemeral volumes", strings.TrimSpace(option))
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
	if c.Account == "" || c.Key == "" {
		return internal("accountName(%s) or accountKey is empty", c.Account)
	}
	return nil
}

// ShareSource is what stands in the mount table, for example //acct.file.core.windows.net/logs.
func ShareSource(v Volume, account string) string {
	host := v.Server
	if host == "" {
		host = account + ".file.core.windows.net"
	}
	source := fmt.Sprintf("//%s/%s", host, v.Name)
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
