"""Volumes of a job and its cluster as volumes of a Pod (design 5, platform guide 1.3, 1.4).

Used by pods/build.py. Secrets are checked (jobs/secrets.py) and Pods made (pods/children.py) from
the result. It looks at specs only, so the same volumes come out for the job's Pods and for readers
afterwards.

Decision where the spec is silent: equal volumes of job and cluster are one entry of the Pod,
mounted twice, whatever fields they stand in.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.filesystems import FileServerMount, UnmanagedFileSystem, Volume
from batchai_operator.model.job import JobSpec
from batchai_operator.model.volumes import (
    AzureBlobFileSystem,
    AzureFileShare,
    MountVolumes,
    PersistentVolumeClaimMount,
)
from batchai_operator.planner.facts import Object
from batchai_operator.planner.volumes import autostorage
from batchai_operator.planner.volumes.azurevolumes import container_source, share_source
from batchai_operator.planner.volumes.claims import SharedVolume
from batchai_operator.planner.volumes.forms import Place, form_of
from batchai_operator.planner.volumes.servervolumes import file_server_source, unmanaged_source
from batchai_operator.planner.volumes.sources import Kind, Source
from batchai_operator.settings import Settings


@dataclass(frozen=True)
class Mount:
    """A volume as the job's processes see it.

    Attributes:
        volume: name of the entry in the Pod's `volumes`.
        path: where it is mounted, absolute.
        kind: what it is; decides how logs are written and which error code a failure has.
        source: what is mounted, for people: `//host/share`, or a container's or claim's name.
        field: path in the spec, such as `mountVolumes.azureFileShares[0]`.
        secret: name of the Secret with the credentials; None where none is needed.
        account: storage account that the spec names.
        server: host or address of the account, where it is not the usual one.
        driver: CSI driver; empty for claims of the namespace.
        claim: claim of ours by which it is mounted, which is also how kubelet calls its volume;
            empty for inline volumes and for claims of the namespace.
        sub_path: directory of the volume.
        read_only: mounted without the right to write.
        is_whole: it begins where its container begins, not at a folder inside.
    """

    volume: str
    path: str
    kind: Kind
    source: str
    field: str
    secret: str | None = None
    account: str | None = None
    server: str = ""
    driver: str = ""
    claim: str = ""
    sub_path: str | None = None
    read_only: bool = False
    is_whole: bool = True


@dataclass(frozen=True)
class Volumes:
    """All volumes of a job.

    Attributes:
        entries: the Pod's `volumes`, each distinct one once.
        mounts: where they are mounted: the cluster's first, then the job's.
        notes: options that were left out, one sentence each.
        shared: PersistentVolumes and claims that must exist before the Pods, each once.
        awaited: file servers that are not ready, by field.
    """

    entries: tuple[Object, ...]
    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]
    shared: tuple[SharedVolume, ...] = ()
    awaited: Mapping[str, str] = field(default_factory=dict)


def claims_of(mounts: Iterable[Mount]) -> list[Object]:
    """Return the claims of our making by field, as they stand in the job's status."""
    return [{"field": mount.field, "claimName": mount.claim} for mount in mounts if mount.claim]


def plan_volumes(
    spec: JobSpec,
    cluster: ClusterSpec | None,
    root: str,
    settings: Settings,
    place: Place | None = None,
) -> Volumes:
    """Return the volumes of a job.

    Args:
        spec: of the job.
        cluster: spec of its cluster, None when there is none.
        root: the job's folder on the node.
        settings: for the endpoint of blob storage, and what the administrator permits.
        place: namespace, and what is known there.

    Raises:
        InvalidSpecError: a volume or credentials that cannot be; names the field.
    """
    place = place or Place()
    entries: dict[str, Object] = {}
    mounts: list[Mount] = []
    notes: dict[str, None] = {}
    shared: dict[str, SharedVolume] = {}
    awaited: dict[str, str] = {}
    for where, base, volume in volume_fields(spec, cluster, root):
        source = _source(where, volume, spec, settings, place)
        form, made = form_of(where, source, spec, settings, place)
        key = json.dumps(form, sort_keys=True)
        name = entries.setdefault(key, {"name": f"volume-{len(entries)}", **form})["name"]
        if made is not None:
            shared[made.name] = made
        if source.awaited and where not in place.claims:
            awaited[where] = source.awaited
        own = volume if isinstance(volume, PersistentVolumeClaimMount) else None
        mounts.append(
            Mount(
                volume=name,
                path=f"{base}/{volume.relative_mount_path}",
                kind=source.kind,
                source=source.label,
                field=where,
                secret=source.secret,
                account=source.account,
                server=_server(source),
                driver=source.driver,
                claim=made.name if made else place.claims.get(where, ""),
                sub_path=own.sub_path if own else None,
                read_only=own.read_only if own else False,
                is_whole=not any(part.startswith("--subdirectory=") for part in source.options),
            )
        )
        if source.note:
            notes[source.note] = None
    return Volumes(
        tuple(entries.values()), tuple(mounts), tuple(notes), tuple(shared.values()), awaited
    )


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


def _server(source: Source) -> str:
    """Return the host or address of an account that a driver is told; empty for the usual."""
    suffix = source.attributes.get("storageEndpointSuffix")
    named = f"{source.account}.blob.{suffix}" if suffix and source.kind == "blob" else ""
    return source.attributes.get("server", named)


def _source(where: str, volume: Volume, spec: JobSpec, settings: Settings, place: Place) -> Source:
    match volume:
        case AzureFileShare():
            return share_source(where, volume, spec)
        case AzureBlobFileSystem():
            return container_source(where, volume, spec, settings)
        case FileServerMount():
            return file_server_source(where, volume, place.file_servers)
        case UnmanagedFileSystem():
            return unmanaged_source(where, volume, spec)
        case PersistentVolumeClaimMount():
            return Source("claim", volume.claim_name, claim=volume.claim_name)
        case _:
            raise InvalidSpecError(
                f"{where}: unknown kind of volume", code="UnsupportedVolume", field=where
            )
