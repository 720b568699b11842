package contract

// Volume is what a request asks for, after all rules that need nothing but the request.
type Volume struct {
	// ID is the volume's handle; Target the folder to mount on.
	ID, Target string
	// Ephemeral is true for a volume that stands in a Pod.
	Ephemeral bool
	// Secret is to be read unless Given is set, which came with the request.
	Secret SecretRef
	Given  *Credentials
	// Account is what a static volume's attributes say; the Secret's wins.
	Account string
	// Name is the container or share; Folder a folder in the share.
	Name, Folder string
	CreateFolder bool
	// Server is the endpoint, empty for the cloud's own; Suffix is that of another cloud.
	Server, Suffix string
	// Identity mounts it in the place of a key; Vault has the key.
	Identity Identity
	Vault    Vault
	// IsNFS is true for a volume that is mounted by NFS, without key or identity.
	IsNFS bool
	// Options are what the mount program gets, defaults included.
	Options []string
}

// Request is the part of a stage or publish request that the rules look at.
type Request struct {
	ID, Target string
	Attributes map[string]string
	Secrets    map[string]string
	// Flags are the `mountOptions` of a PersistentVolume.
	Flags []string
	// Group is the Pod's fsGroup, as decimal digits (VOLUME_MOUNT_GROUP).
	Group string
	// ReadOnly is true for an access mode that only reads.
	ReadOnly bool
}

func (r Request) given() *Credentials {
	if len(r.Secrets) == 0 {
		return nil
	}
	credentials := FromSecret(r.Secrets)
	return &credentials
}
