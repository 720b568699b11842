"""Auto-storage: which share and container a namespace has, and where they are mounted (spec 5).

Used by cluster.py for the cluster's condition, by the engine, which makes what is named here, and
by whatever needs a cluster's volumes: these stand in the cluster's own status, so that a job's pass
asks nobody, and the command line, which knows no setting of the operator, mounts the same.

Decisions where the spec is silent:
- The service had one account per region for a whole subscription. Here a share and a container
  belong to a namespace, and its clusters share them. In an account that several namespaces use,
  names carry the namespace: `batchaishare-team`; only the namespace that the chart names, or the
  only one that is served, has the service's own names. A name never depends on which others there
  are, so that storage is found again after any change of settings.
- A job of a cluster whose auto-storage is not there waits, whatever the reason: an administrator
  can mend every one of them.
- What was made stays mounted when storage cannot be reached later; mounting tells what is wrong.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from batchai_operator import names
from batchai_operator.model.cluster import ClusterSpec, NodeSetup
from batchai_operator.model.credentials import SecretReference, StorageCredentials
from batchai_operator.model.status import AutoStorage
from batchai_operator.model.volumes import (
    AzureBlobFileSystem,
    AzureFileShare,
    MountVolumes,
    PersistentVolumeClaimMount,
)
from batchai_operator.planner.facts import AutoStorageFacts, Object
from batchai_operator.planner.specs import cluster_spec
from batchai_operator.settings import AutoStorageSettings, Settings

FIELD = "cluster's autoStorage"
"""How errors call the volumes of auto-storage."""

ALL_NAMESPACES = "*"

_PUBLIC_CLOUD = "core.windows.net"
_MAX_NAME = 63
_LOOKS_HASHED = re.compile(r".*-[0-9a-f]{8}")


def obstacle(namespace: str, settings: Settings) -> AutoStorageFacts | None:
    """Return why a namespace cannot have auto-storage as the operator is set up, None if it can."""
    auto = settings.auto_storage
    if not auto.backend:
        return AutoStorageFacts(
            None,
            "NotConfigured",
            "The operator has no auto-storage: set autoStorage.backend of the chart to account or "
            "storageClass, or leave autoStorage away and name volumes in nodeSetup.mountVolumes.",
        )
    if auto.backend == "account" and not _is_served(namespace, settings):
        return AutoStorageFacts(
            None,
            "NotAllowed",
            f"The operator's storage account is not for namespace {namespace}: add it to "
            "autoStorage.account.namespaces of the chart.",
        )
    return None


def storage_names(namespace: str, settings: Settings) -> tuple[str, str]:
    """Return the names of a namespace's share and container in the operator's account."""
    plain = settings.auto_storage.plain_names_for or settings.namespace
    if namespace == plain:
        return names.AUTO_SHARE, names.AUTO_CONTAINER
    return _own_name(names.AUTO_SHARE, namespace), _own_name(names.AUTO_CONTAINER, namespace)


def account_secret(cluster: Object, account: str, key: str) -> Object:
    """Return the Secret by which the Pods of a cluster mount its auto-storage.

    Its name changes with the key, so that a new key needs no right to change Secrets, and it goes
    with its cluster, so that no key stays behind.
    """
    metadata = cluster["metadata"]
    digest = hashlib.sha256(f"{metadata['uid']}/{account}/{key}".encode()).hexdigest()[:10]
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.CLUSTER_KIND,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{metadata['name']}-autostorage-{digest}",
            "namespace": metadata["namespace"],
            "labels": {names.MANAGED_BY_LABEL: names.FIELD_MANAGER},
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "immutable": True,
        "stringData": {"azurestorageaccountname": account, "azurestorageaccountkey": key},
    }


def account_place(namespace: str, settings: Settings, account: str, secret: str) -> Object:
    """Return `status.autoStorage` for storage in the operator's account."""
    share, container = storage_names(namespace, settings)
    suffix = settings.auto_storage.endpoint_suffix
    # The share's URL names its cloud; the container has a name only, which the driver would look
    # for in the public one.
    is_elsewhere = suffix != _PUBLIC_CLOUD and not settings.blob_endpoint
    server = {"containerServer": f"{account}.blob.{suffix}"} if is_elsewhere else {}
    return {
        "accountName": account,
        "azureFileUrl": f"https://{account}.file.{suffix}/{share}",
        "containerName": container,
        **server,
        "secretName": secret,
    }


def claim_place() -> Object:
    """Return `status.autoStorage` for storage that StorageClasses provide."""
    return {"shareClaim": names.AUTO_SHARE, "containerClaim": names.AUTO_CONTAINER}


def claims(namespace: str, auto: AutoStorageSettings) -> tuple[Object, Object]:
    """Return the claims that stand for a namespace's share and container.

    They belong to nobody: data outlives clusters (spec 5).
    """
    return (
        _claim(names.AUTO_SHARE, namespace, auto.share_class, auto.share_size),
        _claim(names.AUTO_CONTAINER, namespace, auto.container_class, auto.container_size),
    )


def with_auto_storage(cluster: Object) -> ClusterSpec:
    """Return the spec of a cluster, with the volumes of its auto-storage among its own.

    Args:
        cluster: the BatchAICluster; what its status does not say is not mounted (see `is_missing`).

    Raises:
        pydantic.ValidationError: the spec makes no sense.
    """
    spec = cluster_spec(cluster)
    place = (cluster.get("status") or {}).get("autoStorage")
    if not spec.auto_storage or not place:
        return spec
    setup = spec.node_setup or NodeSetup()
    merged = _merged(setup.mount_volumes or MountVolumes(), volumes(place))
    return spec.model_copy(
        update={"node_setup": setup.model_copy(update={"mount_volumes": merged})}
    )


def volumes(place: Mapping[str, Any]) -> MountVolumes:
    """Return auto-storage as ordinary volumes.

    Args:
        place: `status.autoStorage` of a cluster.
    """
    found = AutoStorage.model_validate(place)
    if found.share_claim and found.container_claim:
        pairs = (
            (found.share_claim, names.AUTO_SHARE_PATH),
            (found.container_claim, names.AUTO_CONTAINER_PATH),
        )
        mounts = tuple(
            PersistentVolumeClaimMount(claim_name=claim, relative_mount_path=path)
            for claim, path in pairs
        )
        return MountVolumes(persistent_volume_claims=mounts)
    key = StorageCredentials(secret_ref=SecretReference(name=found.secret_name or ""))
    share = AzureFileShare(
        azure_file_url=found.azure_file_url or "",
        account_name=found.account_name,
        credentials=key,
        relative_mount_path=names.AUTO_SHARE_PATH,
    )
    container = AzureBlobFileSystem(
        account_name=found.account_name or "",
        container_name=found.container_name or "",
        server=found.container_server,
        credentials=key,
        relative_mount_path=names.AUTO_CONTAINER_PATH,
    )
    return MountVolumes(azure_file_shares=(share,), azure_blob_file_systems=(container,))


def is_auto(spec: ClusterSpec, relative_mount_path: str) -> bool:
    """Tell whether a volume of a cluster is auto-storage's; no other may have its paths."""
    paths = (names.AUTO_SHARE_PATH, names.AUTO_CONTAINER_PATH)
    return bool(spec.auto_storage) and relative_mount_path in paths


def is_missing(cluster: Object, spec: ClusterSpec) -> bool:
    """Tell whether a cluster's auto-storage is not there yet."""
    return bool(spec.auto_storage) and not (cluster.get("status") or {}).get("autoStorage")


def why_missing(cluster: Object) -> str:
    """Return what the cluster says of auto-storage that is not there."""
    for found in (cluster.get("status") or {}).get("conditions") or ():
        if found.get("type") == names.AUTO_STORAGE_READY and found.get("message"):
            return str(found["message"])
    return PREPARING.message


PREPARING = AutoStorageFacts(
    None, names.AUTO_STORAGE_PREPARING, "Share and container are being made."
)
"""Said of a cluster until its auto-storage has been looked after for the first time."""


def _is_served(namespace: str, settings: Settings) -> bool:
    allowed = settings.auto_storage.namespaces
    return ALL_NAMESPACES in allowed or namespace in {*allowed, settings.namespace}


def _own_name(base: str, namespace: str) -> str:
    """Return a name as Azure allows it: 63 characters at most, no two dashes in a row."""
    plain = f"{base}-{namespace}"
    is_fit = len(plain) <= _MAX_NAME and "--" not in plain
    if is_fit and not _LOOKS_HASHED.fullmatch(plain):
        return plain
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:8]
    readable = re.sub("-+", "-", plain)[: _MAX_NAME - 9].rstrip("-")
    return f"{readable}-{digest}"


def _claim(name: str, namespace: str, storage_class: str, size: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.MANAGED_BY_LABEL: names.FIELD_MANAGER},
        },
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }


def _merged(own: MountVolumes, auto: MountVolumes) -> MountVolumes:
    both = {name: (*getattr(own, name), *getattr(auto, name)) for name in MountVolumes.model_fields}
    return own.model_copy(update=both)
