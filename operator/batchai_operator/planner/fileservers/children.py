"""Makes what runs a file server: claim, Service, Deployment.

Used by fileserver.py. The names of all three are derived from the file server's; owner references
delete them with it.
"""

import hashlib
import json
from typing import Any

from pydantic import ValidationError

from batchai_operator import names
from batchai_operator.model.fileserver import FileServerSpec
from batchai_operator.planner.facts import Object
from batchai_operator.planner.specs import file_server_spec
from batchai_operator.settings import Settings

EXPORT = "/data"
"""What the server exports; images/fileserver/ganesha.conf says the same."""

PORTS = {"nfs": 2049, "mountd": 20048}
"""TCP ports of the server: version 4 needs the first alone. Nothing tells version 3 of the second,
so its clients name it (`mountport=20048`)."""

_FOLDER = "/export"
_PLAN_ANNOTATION = f"{names.GROUP}/plan"

# What nfs-ganesha needs to act as each caller on the claim's files: give them to the caller, pass
# over modes that the caller's uid would pass, take the caller's uid and gid, and open a file by the
# handle that a client kept (DAC_READ_SEARCH, which no container has by default).
_CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "SETGID",
    "SETUID",
]


def child_name(server: Object) -> str:
    """Return the name of what runs a file server; a DNS-1035 label."""
    return f"fileserver-{server['metadata']['name']}"


def is_made(spec: FileServerSpec) -> bool:
    """Return whether the claim is made by the operator."""
    return spec.storage is None or spec.storage.claim_name is None


def claim_name(server: Object, spec: FileServerSpec) -> str:
    """Return the name of the claim that holds the files."""
    named = spec.storage.claim_name if spec.storage else None
    return named or child_name(server)


def used_claim(server: Object) -> str | None:
    """Return the name of the claim that a file server keeps its files on, as far as it says.

    None when the operator runs nothing: the server exists already, or the spec makes no sense.
    """
    try:
        spec = file_server_spec(server)
    except ValidationError:
        return None
    return None if spec.nfs is not None else claim_name(server, spec)


def claim(server: Object, spec: FileServerSpec) -> Object:
    """Return the claim of a file server that names none."""
    body: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": spec.size}},
    }
    if spec.storage is not None and spec.storage.storage_class_name:
        body["storageClassName"] = spec.storage.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(server),
        "spec": body,
    }


def service(server: Object) -> Object:
    """Return the Service by whose address nodes mount; the address outlives the server's Pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(server),
        "spec": {
            "selector": _labels(server),
            "ports": [
                {"name": name, "port": port, "targetPort": port} for name, port in PORTS.items()
            ],
        },
    }


def deployment(server: Object, spec: FileServerSpec, settings: Settings) -> Object:
    """Return the Deployment of one Pod, which ends before another begins."""
    body: dict[str, Any] = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": _labels(server)},
        "template": {
            "metadata": {"labels": _labels(server)},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                # Clients wait for the server; nothing is to be finished but requests under way.
                "terminationGracePeriodSeconds": 10,
                "containers": [_container(settings)],
                "volumes": [
                    {
                        "name": "export",
                        "persistentVolumeClaim": {"claimName": claim_name(server, spec)},
                    },
                    {"name": "run", "emptyDir": {}},
                ],
            },
        },
    }
    metadata = _metadata(server)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
    metadata["annotations"] = {_PLAN_ANNOTATION: digest}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": body}


def is_same(found: Object | None, wanted: Object) -> bool:
    """Return whether a Deployment is as it was planned."""
    if found is None or found["metadata"].get("deletionTimestamp"):
        return False
    annotations = found["metadata"].get("annotations") or {}
    return bool(
        annotations.get(_PLAN_ANNOTATION) == wanted["metadata"]["annotations"][_PLAN_ANNOTATION]
    )


def _container(settings: Settings) -> dict[str, Any]:
    return {
        "name": "nfs",
        "image": settings.file_server_image,
        "imagePullPolicy": settings.image_pull_policy,
        "ports": [{"name": name, "containerPort": port} for name, port in PORTS.items()],
        "readinessProbe": {"tcpSocket": {"port": PORTS["nfs"]}, "periodSeconds": 2},
        "livenessProbe": {
            "tcpSocket": {"port": PORTS["nfs"]},
            "initialDelaySeconds": 20,
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"memory": "1Gi"},
        },
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": _CAPABILITIES},
            "seccompProfile": {"type": "Unconfined"},
        },
        "volumeMounts": [
            {"name": "export", "mountPath": _FOLDER},
            {"name": "run", "mountPath": "/run"},
        ],
    }


def _labels(server: Object) -> dict[str, str]:
    return {
        names.MANAGED_BY_LABEL: names.FIELD_MANAGER,
        names.COMPONENT_LABEL: "fileserver",
        names.FILE_SERVER_LABEL: str(server["metadata"]["name"]),
    }


def _metadata(server: Object) -> dict[str, Any]:
    return {
        "name": child_name(server),
        "namespace": server["metadata"]["namespace"],
        "labels": _labels(server),
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.FILE_SERVER_KIND,
                "name": server["metadata"]["name"],
                "uid": server["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
