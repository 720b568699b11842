"""Volumes of a cluster or job: the service's four kinds and claims of the namespace (spec 2.6).

Used by job.py and cluster.py, and by the planner, which mounts them.
"""

from itertools import combinations
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.config import JsonDict

from batchai_operator.model.base import Model
from batchai_operator.model.credentials import StorageCredentials
from batchai_operator.model.filesystems import (
    FileServerMount,
    MountOptions,
    UnmanagedFileSystem,
    Volume,
)
from batchai_operator.model.rules import Rule
from batchai_operator.model.text import (
    ACCOUNT_REMEDY,
    AccountName,
    Flag,
    ObjectName,
    RelativePath,
    Text,
    any_case,
)

FileMode = Annotated[
    str, Text(5, r"0?[0-7]{3,4}", "must be an octal mode of three or four digits, such as 0777")
]
"""Access mode of files or directories."""

_UNIQUE_BY_PATH: JsonDict = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["relativeMountPath"],
}


class AzureFileShare(Volume):
    """A share of Azure Files (spec 2.6)."""

    account_name: AccountName | None = None
    """Storage account; taken from `azureFileUrl` when absent."""

    azure_file_url: Annotated[
        str,
        Text(
            512,
            rf"{any_case('https://')}[A-Za-z0-9]{{3,24}}\.(?:{any_case('privatelink.')})?"
            rf"{any_case('file.')}[A-Za-z0-9.-]+/[A-Za-z0-9](?:-?[A-Za-z0-9]){{2,62}}/?",
            "must be https://ACCOUNT.file.core.windows.net/SHARE",
            ACCOUNT_REMEDY,
        ),
    ]
    """URL of the share, `https://{account}.file.core.windows.net/{share}`."""

    credentials: StorageCredentials | None = None
    """Where the account's key is found; Secret `azure-storage-account-<account>-secret` of the
    namespace when absent."""

    file_mode: FileMode = "0777"
    """Octal access mode of all files."""

    directory_mode: FileMode = "0777"
    """Octal access mode of all directories."""

    protocol: Literal["smb", "nfs"] | None = None
    """How the share is mounted, `smb` when absent; an addition to the service's fields. `nfs` is
    for NFS shares of a premium account, which have neither keys nor the two modes above."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.accountName) || self.accountName.contains('<') || "
            "self.azureFileUrl.contains('<') || "
            "self.azureFileUrl.lowerAscii().startsWith('https://' + self.accountName + '.')",
            message="accountName {accountName} is not the account of azureFileUrl {azureFileUrl}; "
            "remove accountName or correct one of them",
            check=lambda it: it.account_name in (None, it.account),
        ),
    )

    @property
    def account(self) -> str:
        """Storage account, from the URL."""
        return self.server.split(".", maxsplit=1)[0]

    @property
    def server(self) -> str:
        """Host of the share, such as `myaccount.file.core.windows.net`."""
        return urlsplit(self.azure_file_url).hostname or ""

    @property
    def share(self) -> str:
        """Name of the share; Azure allows small letters only."""
        return urlsplit(self.azure_file_url).path.strip("/").lower()


class AzureBlobFileSystem(Volume):
    """A container of Azure Blob Storage (spec 2.6)."""

    account_name: AccountName
    """Storage account."""

    container_name: Annotated[
        str,
        Text(
            63,
            r"\$root|\$web|\$logs|[a-z0-9](?:-?[a-z0-9]){2,62}",
            "must be the name of a blob container: 3 to 63 small letters, digits and single '-'",
            "is a placeholder: put the name of your container in its place",
        ),
    ]
    """Container; it must exist."""

    credentials: StorageCredentials | None = None
    """Where the account's key is found; Secret `azure-storage-account-<account>-secret` of the
    namespace when absent."""

    mount_options: MountOptions | None = None
    """Options of blobfuse, in the notation of version 1 or 2; of the NFS mount with `nfs`."""

    protocol: Literal["fuse2", "nfs"] | None = None
    """How the container is mounted: by blobfuse (`fuse2`, when absent), or by NFS 3, which has no
    keys and which the account must offer. An addition to the service's fields."""

    server: (
        Annotated[
            str,
            Text(
                256,
                r"[a-z0-9]{3,24}\.(?:z[0-9]+\.)?(?:privatelink\.)?blob(?:\.[a-z0-9]"
                r"(?:[a-z0-9-]*[a-z0-9])?)+",
                "must be a host name such as ACCOUNT.privatelink.blob.core.windows.net or "
                "ACCOUNT.blob.core.chinacloudapi.cn, in small letters",
            ),
        ]
        | None
    ) = None
    """Host of the container, for private endpoints and other clouds than Azure's public one; an
    addition to the service's fields."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.server) || self.accountName.contains('<') || "
            "self.server.startsWith(self.accountName + '.')",
            message="server {server} is not a host of accountName {accountName}; correct one of "
            "them",
            check=lambda it: it.server is None or it.server.startswith(f"{it.account_name}."),
        ),
    )


class PersistentVolumeClaimMount(Volume):
    """A PersistentVolumeClaim of the namespace; an addition for clusters outside Azure."""

    claim_name: ObjectName
    """Name of the claim."""

    sub_path: RelativePath | None = None
    """Directory of the volume to mount; the whole volume when absent."""

    read_only: Flag = False
    """Mount without the right to write."""


_KINDS = (
    "azureFileShares",
    "azureBlobFileSystems",
    "fileServers",
    "unmanagedFileSystems",
    "persistentVolumeClaims",
)


def _paths_differ(first: str, second: str) -> Rule:
    used_by_second = f"self.{second}.exists(b, b.relativeMountPath == a.relativeMountPath)"
    used_twice = f"self.{first}.exists(a, {used_by_second})"

    def check(it: "MountVolumes") -> bool:
        paths = [[v.relative_mount_path for v in it.by_kind(kind)] for kind in (first, second)]
        return not set(paths[0]) & set(paths[1])

    return Rule(
        cel=f"!has(self.{first}) || !has(self.{second}) || !{used_twice}",
        message=f"a relativeMountPath stands in both {first} and {second}; each volume of one "
        "job or cluster needs its own",
        check=check,
    )


def _unique_within(it: "MountVolumes") -> bool:
    for kind in _KINDS:
        paths = [volume.relative_mount_path for volume in it.by_kind(kind)]
        if len(paths) != len(set(paths)):
            return False
    return True


class MountVolumes(Model):
    """Volumes, by kind (spec 2.6)."""

    azure_file_shares: tuple[AzureFileShare, ...] = Field(
        (), max_length=32, json_schema_extra=_UNIQUE_BY_PATH
    )
    """Shares of Azure Files."""

    azure_blob_file_systems: tuple[AzureBlobFileSystem, ...] = Field(
        (), max_length=32, json_schema_extra=_UNIQUE_BY_PATH
    )
    """Containers of Azure Blob Storage."""

    file_servers: tuple[FileServerMount, ...] = Field(
        (), max_length=32, json_schema_extra=_UNIQUE_BY_PATH
    )
    """Directories of Batch AI file servers."""

    unmanaged_file_systems: tuple[UnmanagedFileSystem, ...] = Field(
        (), max_length=32, json_schema_extra=_UNIQUE_BY_PATH
    )
    """Other file systems, each with its mount command."""

    persistent_volume_claims: tuple[PersistentVolumeClaimMount, ...] = Field(
        (), max_length=32, json_schema_extra=_UNIQUE_BY_PATH
    )
    """Claims of the namespace; an addition for clusters outside Azure."""

    rules: ClassVar[tuple[Rule, ...]] = tuple(
        _paths_differ(first, second) for first, second in combinations(_KINDS, 2)
    )

    def by_kind(self, kind: str) -> tuple[Volume, ...]:
        """Return the volumes of one list, named as on the wire."""
        return {
            "azureFileShares": self.azure_file_shares,
            "azureBlobFileSystems": self.azure_blob_file_systems,
            "fileServers": self.file_servers,
            "unmanagedFileSystems": self.unmanaged_file_systems,
            "persistentVolumeClaims": self.persistent_volume_claims,
        }[kind]

    @property
    def all(self) -> tuple[Volume, ...]:
        """All volumes, in the order of the kinds and of the lists."""
        return tuple(volume for kind in _KINDS for volume in self.by_kind(kind))
