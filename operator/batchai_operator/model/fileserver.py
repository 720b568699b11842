"""The spec and status of a BatchAIFileServer: the service's file server (spec 2.11) and its place.

Used by the planner, the command line and the generator. Virtual machine, disks and network of the
service's own server are kept, so that old files paste in; of them only the disks' size counts.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from batchai_operator.model.base import Model
from batchai_operator.model.credentials import ResourceId, UserAccountSettings
from batchai_operator.model.kubernetes import ATOMIC, Quantity
from batchai_operator.model.rules import Rule, at_most_one, frozen_field
from batchai_operator.model.status import BY_TYPE, Condition
from batchai_operator.model.text import AnyText, BatchAIName, Choice, Count, ObjectName, Text
from batchai_operator.names import DEFAULT_WORKSPACE


class SshConfiguration(Model):
    """Access to the server's machine; kept for old files, without meaning here."""

    user_account_settings: UserAccountSettings | None = None
    """Administrator of the machine."""

    public_ips_to_allow: tuple[AnyText, ...] = Field(
        (), alias="publicIPsToAllow", max_length=400, json_schema_extra=ATOMIC
    )
    """Address ranges from which it could be reached."""


class DataDisks(Model):
    """Disks of the server's machine; their sizes together are the default of `storage.size`."""

    disk_size_in_gb: Annotated[Count, Field(ge=1, le=1_048_576)] = Field(alias="diskSizeInGB")
    """Size of each disk in GiB."""

    disk_count: Annotated[Count, Field(ge=1, le=64)] = 1
    """Number of disks."""

    storage_account_type: Annotated[
        Literal["Standard_LRS", "Premium_LRS"], Choice("Standard_LRS", "Premium_LRS")
    ] = "Standard_LRS"
    """Kind of the disks; without meaning here, `storage.storageClassName` says what is used."""

    caching_type: Annotated[
        Literal["none", "readonly", "readwrite"], Choice("none", "readonly", "readwrite")
    ] = "none"
    """Caching of the disks; without meaning here."""


class NfsEndpoint(Model):
    """An NFS server that exists already."""

    server: Annotated[
        str,
        Text(
            253,
            r"[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+",
            "must be a host name or an address that the Kubernetes nodes can reach",
        ),
    ]
    """Host name or address."""

    path: Annotated[
        str,
        Text(
            1024,
            # Each part can be read in one way only; else Python would try all of them.
            r"/(?:\.*[^/.\x00-\x20,#][^/\x00-\x20,#]*"
            r"(?:/\.*[^/.\x00-\x20,#][^/\x00-\x20,#]*)*/?)?",
            "must be an absolute path such as /data, without blanks, ',', '#' or '..'",
        ),
    ]
    """What the server exports."""


class FileServerStorage(Model):
    """Where an NFS server that the operator runs keeps its files: a claim, or a new one.

    The file system must know file handles, as ext4, XFS and NFS do and FUSE does not.
    """

    claim_name: ObjectName | None = None
    """PersistentVolumeClaim of the namespace. It stays when the file server is deleted."""

    storage_class_name: ObjectName | None = None
    """StorageClass of a claim that is made; the cluster's default when absent. That claim is
    deleted with the file server."""

    size: Quantity | None = None
    """Size of that claim, such as `100Gi`; by default that of all `dataDisks` together."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.claimName) || !(has(self.storageClassName) || has(self.size))",
            message="claimName names a claim that exists; remove storageClassName and size, or "
            "remove claimName to have a claim made",
            check=lambda it: (
                it.claim_name is None or (it.storage_class_name is None and it.size is None)
            ),
        ),
    )


class FileServerSpec(Model):
    """The `properties` of a Batch AI file server, and where its files are.

    With `nfs` the object stands for a server that exists. With `storage` the operator runs one.
    Nothing can be changed after creation.
    """

    name: BatchAIName | None = None
    """Batch AI name of the file server, which may hold capitals and `_`; `metadata.name` when
    absent."""

    workspace: BatchAIName = DEFAULT_WORKSPACE
    """Workspace of the file server."""

    nfs: NfsEndpoint | None = None
    """An NFS server that exists."""

    storage: FileServerStorage | None = None
    """An NFS server that the operator runs; the default when `nfs` is absent, which then needs
    `dataDisks`."""

    vm_size: AnyText | None = None
    """Size of the server's machine; without meaning here."""

    ssh_configuration: SshConfiguration | None = None
    """Access to the machine; without meaning here."""

    data_disks: DataDisks | None = None
    """Disks of the machine; only their size counts."""

    subnet: ResourceId | None = None
    """Subnet of the machine; without meaning here, the server is in the cluster's own network."""

    rules: ClassVar[tuple[Rule, ...]] = (
        at_most_one(
            ("nfs", "storage"),
            "only one of nfs (a server that exists) and storage (one that the operator runs) may "
            "be given; remove the other",
        ),
        Rule(
            cel="has(self.nfs) || has(self.dataDisks) || "
            "(has(self.storage) && (has(self.storage.claimName) || has(self.storage.size)))",
            message="where the files are is missing: give nfs (server and path), "
            "storage.claimName, storage.size or dataDisks",
            check=lambda it: (
                it.nfs is not None
                or it.data_disks is not None
                or (it.storage is not None and bool(it.storage.claim_name or it.storage.size))
            ),
        ),
        *(
            frozen_field(name, "file server")
            for name in (
                "name",
                "workspace",
                "nfs",
                "storage",
                "vmSize",
                "sshConfiguration",
                "dataDisks",
                "subnet",
            )
        ),
    )

    @property
    def size(self) -> str:
        """Size of the claim that is made for the server."""
        if self.storage is not None and self.storage.size:
            return self.storage.size
        disks = self.data_disks
        return f"{disks.disk_count * disks.disk_size_in_gb}Gi" if disks else ""


class MountSettings(Model):
    """Where the server is (spec 2.11)."""

    mount_point: str | None = None
    """What the server exports, such as `/data`."""

    file_server_public_ip: str | None = Field(None, alias="fileServerPublicIP")
    """Address outside the cluster; none."""

    file_server_internal_ip: str | None = Field(None, alias="fileServerInternalIP")
    """Address, or host name of a server that exists."""


class FileServerStatus(Model):
    """State of a file server (spec 2.11)."""

    observed_generation: int | None = None
    """`metadata.generation` that this status is about."""

    provisioning_state: Literal["creating", "succeeded", "failed", "deleting"] | None = None
    """`creating`, `succeeded` (jobs can mount it), `failed` or `deleting`."""

    provisioning_state_transition_time: datetime | None = None
    """When `provisioningState` changed last."""

    creation_time: datetime | None = None
    """When the file server was created."""

    mount_settings: MountSettings | None = None
    """Where the server is; absent until that is known."""

    message: str | None = None
    """What is going on and why, in one line."""

    conditions: tuple[Condition, ...] = Field((), json_schema_extra=BY_TYPE)
    """`Ready` while the server answers, `Stalled` when help is needed."""
