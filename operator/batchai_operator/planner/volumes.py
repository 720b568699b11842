"""Volumes of a job and its cluster as volumes of a Pod (design 5, platform guide 1.3).

Used by build.py, which checks the Secrets (secrets.py) and makes Pods (pods.py) from the result. It
looks at specs only, so the same volumes come out for the job's Pods and for readers afterwards.

Decisions where the spec is silent: equal volumes of job and cluster are one entry of the Pod,
mounted twice; files on a share belong to the job's user and group when `spec.kubernetes` names
them; a share's host other than Azure's public one becomes `server` for private links and
`storageEndpointSuffix` for other clouds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.credentials import StorageCredentials
from batchai_operator.model.job import JobSpec
from batchai_operator.model.volumes import (
    AzureBlobFileSystem,
    AzureFileShare,
    FileServerMount,
    MountVolumes,
    PersistentVolumeClaimMount,
    UnmanagedFileSystem,
    Volume,
)
from batchai_operator.planner import autostorage
from batchai_operator.planner.blobfuse import translate
from batchai_operator.planner.facts import Object
from batchai_operator.settings import Settings

BLOB_DRIVER = "blob.csi.azure.com"
"""CSI driver of blob containers."""

FILE_DRIVER = "file.csi.azure.com"
"""CSI driver of file shares."""

_PUBLIC_SUFFIX = "core.windows.net"


@dataclass(frozen=True)
class Mount:
    """A volume as the job's processes see it.

    Attributes:
        volume: name of the entry in the Pod's `volumes`.
        path: where it is mounted, absolute.
        kind: what it is; decides how logs are written and which error code a failure has.
        source: what is mounted, for people: `//host/share`, or a container's or claim's name.
        field: path in the spec, such as `mountVolumes.azureFileShares[0]`.
        secret: name of the Secret with account and key; None for claims.
        account: storage account that the spec names.
        sub_path: directory of the volume.
        read_only: mounted without the right to write.
    """

    volume: str
    path: str
    kind: Literal["share", "blob", "claim"]
    source: str
    field: str
    secret: str | None = None
    account: str | None = None
    sub_path: str | None = None
    read_only: bool = False


@dataclass(frozen=True)
class Volumes:
    """All volumes of a job.

    Attributes:
        entries: the Pod's `volumes`, each distinct one once.
        mounts: where they are mounted: the cluster's first, then the job's.
        notes: options that were left out, one sentence each.
    """

    entries: tuple[Object, ...]
    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """A volume without its name: the Pod's entry, and how it is called for people."""

    entry: dict[str, Any]
    kind: Literal["share", "blob", "claim"]
    label: str
    secret: str | None = None
    account: str | None = None
    note: str = ""


def plan_volumes(
    spec: JobSpec, cluster: ClusterSpec | None, root: str, settings: Settings
) -> Volumes:
    """Return the volumes of a job.

    Args:
        spec: of the job.
        cluster: spec of its cluster, None when there is none.
        root: the job's folder on the node.
        settings: for the endpoint of blob storage.

    Raises:
        InvalidSpecError: a kind of volume or credentials that is not built; names the field.
    """
    entries: dict[str, Object] = {}
    mounts: list[Mount] = []
    notes: list[str] = []
    for field, base, volume in volume_fields(spec, cluster, root):
        source = _source(field, volume, spec, settings)
        key = json.dumps(source.entry, sort_keys=True)
        name = entries.setdefault(key, {"name": f"volume-{len(entries)}", **source.entry})["name"]
        claim = volume if isinstance(volume, PersistentVolumeClaimMount) else None
        mounts.append(
            Mount(
                volume=name,
                path=f"{base}/{volume.relative_mount_path}",
                kind=source.kind,
                source=source.label,
                field=field,
                secret=source.secret,
                account=source.account,
                sub_path=claim.sub_path if claim else None,
                read_only=claim.read_only if claim else False,
            )
        )
        if source.note:
            notes.append(source.note)
    return Volumes(tuple(entries.values()), tuple(mounts), tuple(notes))


def volume_fields(
    spec: JobSpec, cluster: ClusterSpec | None, root: str
) -> Iterator[tuple[str, str, Volume]]:
    """Yield (path of the field, mount root, volume) of all volumes, the cluster's first.

    A cluster read by `autostorage.with_auto_storage` has the volumes of its auto-storage too.
    """
    setup = cluster.node_setup if cluster else None
    levels: Sequence[tuple[str, str, MountVolumes | None]] = (
        (
            "cluster's nodeSetup.mountVolumes",
            names.MOUNT_ROOT,
            setup.mount_volumes if setup else None,
        ),
        ("mountVolumes", f"{root}/mounts", spec.mount_volumes),
    )
    for prefix, base, volumes in levels:
        if volumes is None:
            continue
        for kind in type(volumes).model_fields.values():
            for index, volume in enumerate(volumes.by_kind(str(kind.alias))):
                field = f"{prefix}.{kind.alias}[{index}]"
                if base == names.MOUNT_ROOT and cluster is not None:
                    auto = autostorage.is_auto(cluster, volume.relative_mount_path)
                    field = autostorage.FIELD if auto else field
                yield field, base, volume


def secret_of(field: str, account: str, credentials: StorageCredentials | None) -> str:
    """Return the name of the Secret with a storage account's key.

    Raises:
        InvalidSpecError: the key is in Azure Key Vault, which is not built.
    """
    if credentials is not None and credentials.account_key_secret_reference is not None:
        where = f"{field}.credentials.accountKeySecretReference"
        raise InvalidSpecError(
            f"{where}: Azure Key Vault is not supported; keep the key in a Kubernetes Secret and "
            "name it in credentials.secretRef",
            code="UnsupportedKeyVault",
            field=where,
        )
    if credentials is not None and credentials.secret_ref is not None:
        return credentials.secret_ref.name
    return f"azure-storage-account-{account}-secret"


def _source(field: str, volume: Volume, spec: JobSpec, settings: Settings) -> _Source:
    match volume:
        case AzureFileShare():
            return _share(field, volume, spec)
        case AzureBlobFileSystem():
            return _container(field, volume, spec, settings)
        case PersistentVolumeClaimMount():
            claim = {"claimName": volume.claim_name}
            return _Source({"persistentVolumeClaim": claim}, "claim", volume.claim_name)
        case FileServerMount() | UnmanagedFileSystem():
            kind = "fileServers" if isinstance(volume, FileServerMount) else "unmanagedFileSystems"
            raise InvalidSpecError(
                f"{field}: {kind} are not supported yet; use azureFileShares, azureBlobFileSystems "
                "or persistentVolumeClaims",
                code="UnsupportedVolume",
                field=field,
            )
        case _:
            raise InvalidSpecError(
                f"{field}: unknown kind of volume", code="UnsupportedVolume", field=field
            )


def _share(field: str, share: AzureFileShare, spec: JobSpec) -> _Source:
    secret = secret_of(field, share.account, share.credentials)
    uid, gid = _owner(spec)
    options = [f"file_mode={_mode(share.file_mode)}", f"dir_mode={_mode(share.directory_mode)}"]
    options += [f"uid={uid}"] if uid is not None else []
    options += [f"gid={gid}"] if gid is not None else []
    attributes = {
        "secretName": secret,
        "shareName": share.share,
        "mountOptions": ",".join(options),
    }
    suffix = share.server.partition(".file.")[2]
    if ".privatelink." in share.server:
        attributes["server"] = share.server
    elif suffix != _PUBLIC_SUFFIX:
        attributes["storageEndpointSuffix"] = suffix
    return _Source(
        {"csi": {"driver": FILE_DRIVER, "volumeAttributes": attributes}},
        "share",
        f"//{share.server}/{share.share}",
        secret,
        share.account,
    )


def _container(
    field: str, container: AzureBlobFileSystem, spec: JobSpec, settings: Settings
) -> _Source:
    secret = secret_of(field, container.account_name, container.credentials)
    uid, gid = _owner(spec)
    translation = translate(container.mount_options, uid=uid, gid=gid)
    attributes = {
        "secretName": secret,
        "containerName": container.container_name,
        "protocol": "fuse2",
        "mountOptions": translation.options,
    }
    if settings.blob_endpoint:
        attributes["server"] = settings.blob_endpoint.replace("{account}", container.account_name)
    note = ""
    if translation.dropped:
        note = (
            f"{field}.mountOptions: {' '.join(translation.dropped)} left out, because the blob "
            "driver sets or refuses them."
        )
    return _Source(
        {"csi": {"driver": BLOB_DRIVER, "volumeAttributes": attributes}},
        "blob",
        container.container_name,
        secret,
        container.account_name,
        note,
    )


def _owner(spec: JobSpec) -> tuple[int | None, int | None]:
    context = spec.kubernetes.security_context
    if context is None:
        return None, None
    # With fsGroup the drivers set the group themselves (platform guide 1.2).
    group = None if context.fs_group is not None else context.run_as_group
    return context.run_as_user, group


def _mode(mode: str) -> str:
    return mode if mode.startswith("0") else f"0{mode}"
