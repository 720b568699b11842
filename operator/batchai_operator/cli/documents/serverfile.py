"""From a file-server.json and flags to a BatchAIFileServer. Pure.

Called by `file-server create`; the counterpart of clusterfile.py.
"""

import copy
from dataclasses import dataclass
from typing import Any

from batchai_operator.cli.documents.jobfile import Document
from batchai_operator.cli.documents.submission import check_shapes, validate
from batchai_operator.cli.documents.unknown import drop_unknown
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.fileserver import FileServerSpec
from batchai_operator.names import API_VERSION, FILE_SERVER_KIND

DEFAULT_SKU = "Premium_LRS"
"""Kind of disks that the old command line chose."""


@dataclass(frozen=True)
class ServerFlags:
    """What flags say; each wins over the file."""

    vm_size: str | None = None
    disk_count: int | None = None
    disk_size: int | None = None
    caching_type: str | None = None
    storage_sku: str | None = None
    subnet: str | None = None
    nfs_server: str | None = None
    nfs_path: str | None = None
    claim: str | None = None
    storage_class: str | None = None


@dataclass(frozen=True)
class BuiltServer:
    """A BatchAIFileServer and sentences for people."""

    server: dict[str, Any]
    warnings: tuple[str, ...]


def build_file_server(
    document: Document, *, namespace: str, workspace: str, name: str, flags: ServerFlags
) -> BuiltServer:
    """Complete a document and make it an object.

    Args:
        document: what the file says; empty without one.
        namespace: of the object.
        workspace: of the file server.
        name: of the object and the file server.
        flags: what the command line says.

    Raises:
        InvalidSpecError: the file server could not be; with field and remedy.
    """
    properties, unknown = drop_unknown(FileServerSpec, copy.deepcopy(document.properties))
    check_shapes(FileServerSpec, properties)
    warnings = [f"Unknown member {path} was dropped." for path in (*document.ignored, *unknown)]
    for member in ("name", "workspace"):
        properties.pop(member, None)
    if properties.pop("sshConfiguration", None):
        warnings.append("sshConfiguration was dropped: nobody logs in to a file server here.")
    if flags.vm_size:
        properties["vmSize"] = flags.vm_size
    if flags.subnet:
        properties["subnet"] = {"id": flags.subnet}
    _set_disks(properties, flags)
    _set_place(properties, flags)
    spec = {"name": name, "workspace": workspace, **properties}
    validate(FileServerSpec, spec)
    server = {
        "apiVersion": API_VERSION,
        "kind": FILE_SERVER_KIND,
        "metadata": {"name": name, "namespace": namespace, **document.metadata},
        "spec": spec,
    }
    return BuiltServer(server, tuple(warnings))


def _set_disks(properties: dict[str, Any], flags: ServerFlags) -> None:
    disks = {
        "diskCount": flags.disk_count,
        "diskSizeInGB": flags.disk_size,
        "cachingType": flags.caching_type,
        "storageAccountType": flags.storage_sku,
    }
    given = {name: value for name, value in disks.items() if value is not None}
    if not given:
        return
    merged = {"storageAccountType": DEFAULT_SKU, **(properties.get("dataDisks") or {}), **given}
    if "diskSizeInGB" not in merged:
        raise InvalidSpecError("No size of disks: give --disk-size, or `dataDisks` in the file.")
    properties["dataDisks"] = merged


def _set_place(properties: dict[str, Any], flags: ServerFlags) -> None:
    """Say where the files are: what flags say, else the file, else a claim of the disks' size."""
    if flags.nfs_server or flags.nfs_path:
        if not (flags.nfs_server and flags.nfs_path):
            raise InvalidSpecError("--nfs-server and --nfs-path must be given together.")
        if flags.claim or flags.storage_class:
            raise InvalidSpecError(
                "--nfs-server names a server that exists; remove --claim and --storage-class."
            )
        properties.pop("storage", None)
        properties["nfs"] = {"server": flags.nfs_server, "path": flags.nfs_path}
    elif flags.claim or flags.storage_class:
        properties.pop("nfs", None)
        storage = {"claimName": flags.claim, "storageClassName": flags.storage_class}
        given = {name: value for name, value in storage.items() if value}
        kept = {} if flags.claim else properties.get("storage") or {}
        properties["storage"] = {**kept, **given}
    elif "nfs" not in properties:
        properties.setdefault("storage", {})
