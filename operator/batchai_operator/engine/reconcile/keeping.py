"""What is kept in memory of an object: what the planner reads, and every word of it once.

Called by the cache for each version of each object. A Pod is mostly its spec, which is never looked
at again once it was made; a job that has ended is asked for little more than its status.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from batchai_operator.engine.ports import Object
from batchai_operator.names import FINISHED

_SHARED_LENGTH = 64
"""Longest text that may well stand in many objects: names, reasons, times, short sentences."""

_STATUSES = {"initContainerStatuses", "containerStatuses"}
_STATUS = {"phase", "reason", "message", "podIP", "startTime", "conditions"} | _STATUSES
_CONTAINER_STATUS = ("name", "state", "lastState", "ready", "started", "restartCount")


def kept(obj: Object) -> Object:
    """Return an object without the API server's bookkeeping, often half of it."""
    metadata = {name: part for name, part in obj["metadata"].items() if name != "managedFields"}
    return cast("Object", _shared({**obj, "metadata": metadata}))


def kept_job(job: Object) -> Object:
    """Return what is needed of a job; of the spec of one that has ended, what outlasts its end."""
    if (job.get("status") or {}).get("executionState") not in FINISHED:
        return kept(job)
    spec = job.get("spec") or {}
    names = ("cluster", "nodeCount", "kubernetes")
    return kept({**job, "spec": {name: spec[name] for name in names if name in spec}})


def kept_pod(pod: Object) -> Object:
    """Return what is needed of a Pod: who it is, where it runs, what errors name, its status."""
    spec = pod.get("spec") or {}
    small: dict[str, Any] = {
        "volumes": _each(spec.get("volumes"), _volume),
        "initContainers": _each(spec.get("initContainers"), _container),
        "containers": _each(spec.get("containers"), _container),
    }
    if "nodeName" in spec:
        small["nodeName"] = spec["nodeName"]
    status = {name: part for name, part in (pod.get("status") or {}).items() if name in _STATUS}
    for name in _STATUSES & status.keys():
        status[name] = _each(status[name], _container_status)
    return kept({**pod, "spec": small, "status": status})


def kept_deployment(deployment: Object) -> Object:
    """Return what is needed of a Deployment: who it is, of which plan, and how far it is."""
    return kept({name: part for name, part in deployment.items() if name != "spec"})


def _each(
    items: list[Mapping[str, Any]] | None, small: Callable[[Mapping[str, Any]], object]
) -> list[object]:
    return [small(item) for item in items or ()]


def _volume(volume: Mapping[str, Any]) -> Object:
    csi, claim = volume.get("csi"), volume.get("persistentVolumeClaim")
    return {
        "name": volume["name"],
        **({"csi": {"driver": csi.get("driver")}} if csi else {}),
        **({"persistentVolumeClaim": {"claimName": claim.get("claimName")}} if claim else {}),
    }


def _container(container: Mapping[str, Any]) -> Object:
    return {name: container[name] for name in ("name", "image") if name in container}


def _container_status(status: Mapping[str, Any]) -> Object:
    return {name: status[name] for name in _CONTAINER_STATUS if name in status}


def _shared(value: object) -> object:
    """Return an equal value whose names and short texts are those of all other objects.

    The JSON reader makes new ones for each object, which is most of what a small object takes.
    """
    if isinstance(value, dict):
        return {sys.intern(name): _shared(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shared(part) for part in value]
    if isinstance(value, str) and len(value) <= _SHARED_LENGTH:
        return sys.intern(value)
    return value
