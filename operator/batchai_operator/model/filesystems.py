"""Volumes that are no storage account: file servers and unmanaged file systems (spec 2.6).

Used by volumes.py, with the base of all volumes. What a mount command may say is read by the
planner's mountcommand.py; here stands what the API server can tell at once, without the value of
the command, which may hold a password.
"""

from typing import Annotated, ClassVar

from batchai_operator.model.base import Model
from batchai_operator.model.credentials import SecretReference
from batchai_operator.model.rules import Rule, must_match, must_not_match
from batchai_operator.model.text import RelativePath, Text, any_case

MountOptions = Annotated[
    str, Text(2048, r"[^\x00-\x1f]*", "must be one line of mount options", min_length=0)
]
"""Options of a mount, as the service's clients wrote them."""

_SECRET = (
    rf"(?:^|[ \t,'\"])(?:{any_case('password')}2?|{any_case('pass')}|{any_case('passwd')}|"
    rf"{any_case('credentials')}|{any_case('cred')}|{any_case('username')}|{any_case('user')})="
)
_GLUSTER = r"(?:-t|--types)[ \t=]*glusterfs|mount\.glusterfs"
_SHELL = r"[;|&<>`\x00-\x08\x0b-\x1f]|\$\("
_MOUNT = (
    r"^[ \t\n]*(?:sudo[ \t]+)?(?:/usr)?(?:/s?bin/)?mount(?:\.(?:nfs4?|cifs|smb3|glusterfs))?[ \t]"
)


class Volume(Model):
    """What all kinds of volumes have."""

    relative_mount_path: RelativePath
    """Path below `$AZ_BATCHAI_JOB_MOUNT_ROOT` (volumes of a job) or `$AZ_BATCHAI_MOUNT_ROOT`
    (volumes of a cluster), unique among all volumes of the job or cluster (spec 2.6)."""


class FileServerReference(Model):
    """Reference to a file server."""

    id: Annotated[
        str,
        Text(
            1024,
            r"[-\w]{1,64}|/.*/[-\w]{1,64}",
            "must be the name of a file server in this namespace, or a resource id that ends in it",
        ),
    ]
    """Name of the file server, or a resource id whose last segment it is."""


class FileServerMount(Volume):
    """A directory of a Batch AI file server, mounted by NFS (spec 2.6)."""

    file_server: FileServerReference
    """The file server."""

    source_directory: Annotated[str, Text(1024, min_length=0)] | None = None
    """Directory of the server to mount, below what it exports; the whole export when absent."""

    mount_options: MountOptions | None = None
    """Options of the NFS mount, such as `rw`."""


class ServerCredentials(Model):
    """How to log in to an SMB server; an addition to the service's fields."""

    secret_ref: SecretReference
    """Secret with the keys `username` and `password`, and `domain` where the server needs one."""


class UnmanagedFileSystem(Volume):
    """A file system that exists already, with the command that mounts it (spec 2.6)."""

    mount_command: Annotated[str, Text(4096)]
    """Mount command without the mount path, such as `mount -t nfs 10.0.0.4:/data` or
    `mount -t cifs //10.0.0.5/data -o vers=3.0`. It is read, never run. Names and passwords do not
    belong into it, because everybody who may read the object sees them."""

    credentials: ServerCredentials | None = None
    """How to log in to an SMB server."""

    rules: ClassVar[tuple[Rule, ...]] = (
        must_not_match(
            "mountCommand",
            _SECRET,
            "mountCommand must not hold user names, passwords or files with them, because "
            "everybody who may read the object sees them; put them into a Secret with `kubectl "
            "create secret generic NAME --from-literal=username=USER "
            "--from-literal=password=PASSWORD` and name it in credentials.secretRef.name",
        ),
        must_not_match(
            "mountCommand",
            _GLUSTER,
            "mountCommand mounts GlusterFS, for which Kubernetes has no driver any more; export "
            "the volume by NFS (NFS-Ganesha) and write `mount -t nfs SERVER:/VOLUME`, or name a "
            "claim in persistentVolumeClaims",
        ),
        must_not_match(
            "mountCommand",
            _SHELL,
            "mountCommand must be one mount command and nothing else; it is read, not run by a "
            "shell, and the Kubernetes nodes have what they need for it",
        ),
        must_match(
            "mountCommand",
            _MOUNT,
            "mountCommand must begin with mount, such as `mount -t nfs SERVER:/PATH` or `mount -t "
            "cifs //SERVER/SHARE -o vers=3.0`; for anything else make a claim and name it in "
            "persistentVolumeClaims",
        ),
    )
