package contract

import (
	"fmt"
	"strings"
)

// SMBDriver is the name of csi-driver-smb.
const SMBDriver = "smb.csi.k8s.io"

const source = "source"

// SMB is a volume of an SMB server.
type SMB struct {
	ID, Target string
	Ephemeral  bool
	// Source is //server/share, with the sub-folder if there is one.
	Source  string
	Server  string
	Share   string
	Folder  string
	Secret  SecretRef
	Given   *Login
	IsGuest bool
	Options []string
}

// Login is what a Secret says about a user.
type Login struct {
	User, Password, Domain string
}

// LoginFrom reads the keys of a Secret, or of a request's secrets, in any case of letters.
func LoginFrom(data map[string]string) Login {
	var result Login
	for name, value := range data {
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "username":
			result.User = value
		case "password":
			result.Password = value
		case "domain":
			result.Domain = value
		}
	}
	return result
}

// ReadSMB applies the rules of csi-driver-smb.
//
// An inline volume takes `mountOptions` from its attributes and its login from the Secret that
// `secretName` names in the Pod's namespace; `secretNamespace` and nodePublishSecretRef are ignored
// there. A static volume takes the request's secrets (nodeStageSecretRef).
func ReadSMB(r Request) (SMB, error) {
	a, _, _ := normalize(r.Attributes)
	v := SMB{ID: r.ID, Target: r.Target, Ephemeral: a.IsEphemeral(), Options: append([]string{}, r.Flags...)}
	if a[source] == "" {
		return SMB{}, invalid("%s field is missing, current context: %v", source, r.Attributes)
	}
	if v.Ephemeral {
		v.Options = strings.Split(a[mountOptions], ",")
		v.Secret = SecretRef{a[podNamespace], a[secretName]}
	} else {
		login := LoginFrom(r.Secrets)
		v.Given = &login
	}
	v.IsGuest = hasOption(v.Options, "guest")
	if r.Group != "" && !hasOption(v.Options, "gid") {
		v.Options = append(v.Options, "gid="+r.Group)
		for name, mode := range map[string]string{"file_mode": "0774", "dir_mode": "0775"} {
			if !hasOption(v.Options, name) {
				v.Options = append(v.Options, name+"="+mode)
			}
		}
	}
	v.Source = a[source]
	if folder := a[subDir]; folder != "" {
		names := strings.NewReplacer(
			"${pvc.metadata.name}", a[pvcName], "${pvc.metadata.namespace}", a[pvcNamespace],
			"${pv.metadata.name}", a[pvName],
		)
		v.Source = strings.TrimRight(v.Source, "/") + "/" + names.Replace(folder)
	}
	if strings.Contains(v.Source+"/", "/../") {
		return SMB{}, invalid("invalid source path %q: path contains directory traversal sequence", v.Source)
	}
	parts := strings.SplitN(strings.TrimLeft(strings.ReplaceAll(v.Source, `\`, "/"), "/"), "/", 3)
	v.Server = parts[0]
	if len(parts) > 1 {
		v.Share = parts[1]
	}
	if len(parts) > 2 {
		v.Folder = strings.Trim(parts[2], "/")
	}
	return v, nil
}

// SMBSecretError is the driver's answer when the Secret of an inline volume could not be read.
func SMBSecretError(v SMB, cause error) error {
	return internal(
		"Error getting username and password from secret %s in namespace %s: %v",
		v.Secret.Name, v.Secret.Namespace,
		fmt.Errorf("could not get username and password from secret(%v): %v", v.Secret.Name, cause),
	)
}

// SMBMountError is the driver's text around what mount.cifs says, with its error number.
func SMBMountError(v SMB, output string) error {
	if strings.HasPrefix(output, "mount error(") {
		output += "\nRefer to the mount.cifs(8) manual page (e.g. man mount.cifs) and kernel log messages (dmesg)"
	}
	options := strings.Trim(strings.Join(v.Options, ",")+",<masked>", ",")
	return internal("volume(%s) mount %q on %q failed with %s",
		v.ID, v.Source, v.Target, mountFailed("cifs", options, v.Source, v.Target, output))
}
