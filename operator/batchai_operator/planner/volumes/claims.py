"""PersistentVolumes and claims for what cannot be, or is not to be, an inline volume.

Used by mounting.py; made and removed by the engine's sharedvolumes.py. One of each stands for all
jobs of a namespace that mount the same: the name is made of the namespace and of all that
identifies the mount (ADR 0006, platform guide 1.4).

The Secret that a volume names is always one of the claim's own namespace; a user chooses its name
only. The volume is bound to that claim from the start, so no other namespace can take it.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from batchai_operator import names
from batchai_operator.planner.facts import Object
from batchai_operator.planner.volumes.sources import Source

SHARED_LABELS = {
    names.MANAGED_BY_LABEL: names.FIELD_MANAGER,
    names.COMPONENT_LABEL: names.SHARED_COMPONENT,
}
"""Labels of every PersistentVolume and claim that we make."""

_CAPACITY = "1Gi"
_NAMESPACE_LENGTH = 38


@dataclass(frozen=True)
class SharedVolume:
    """A PersistentVolume and the claim that takes it; both have one name.

    Attributes:
        name: of both.
        volume: the PersistentVolume.
        claim: the PersistentVolumeClaim.
    """

    name: str
    volume: Object
    claim: Object


def shared_volume(source: Source, namespace: str) -> SharedVolume:
    """Return the PersistentVolume and claim of a source.

    Args:
        source: what to mount; has a driver.
        namespace: of the job.
    """
    csi: dict[str, Any] = {"driver": source.driver, "volumeAttributes": dict(source.attributes)}
    if source.secret:
        csi["nodeStageSecretRef"] = {"name": source.secret, "namespace": namespace}
    identity = json.dumps([namespace, csi, source.options], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:20]
    name = f"{names.SHARED_PREFIX}{namespace[:_NAMESPACE_LENGTH].rstrip('-')}-{digest}"
    # The drivers read a handle with # as the parts of a volume of their own making, and would
    # remove the container of one; kubelet takes equal handles for one mount.
    csi["volumeHandle"] = name
    metadata = {
        "name": name,
        "labels": dict(SHARED_LABELS),
        "annotations": {names.SOURCE_ANNOTATION: source.label},
    }
    volume: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": metadata,
        "spec": {
            "capacity": {"storage": _CAPACITY},
            "accessModes": ["ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": namespace,
                "name": name,
            },
            "csi": csi,
        },
    }
    if source.options:
        volume["spec"]["mountOptions"] = list(source.options)
    claim: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**metadata, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "volumeName": name,
            "resources": {"requests": {"storage": _CAPACITY}},
        },
    }
    return SharedVolume(name, volume, claim)


def is_shared_name(name: str) -> bool:
    """Tell whether a claim may be one of ours; its labels decide."""
    return name.startswith(names.SHARED_PREFIX)


def shared_claims(pod: Object) -> list[str]:
    """Return the names of the claims of a Pod that may be ours."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    found = [(volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in volumes]
    return [name for name in found if name and is_shared_name(name)]


def is_shared(obj: Object) -> bool:
    """Tell whether a PersistentVolume or claim was made by us."""
    return SHARED_LABELS.items() <= (obj["metadata"].get("labels") or {}).items()
