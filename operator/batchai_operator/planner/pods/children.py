"""Makes the children of a job: a Pod per node, and for several nodes a Service and a Secret.

Used by jobs/start.py. Pods are made once and never changed.

Decisions where the spec is silent: CPU and memory are requested and not limited, because a node was
the job's alone on the service; the Pods of a job prefer Kubernetes nodes of their own; Pods that
ask for GPUs tolerate the taint named after the GPU resource.
"""

import base64
import json
from typing import Any

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.base import to_wire
from batchai_operator.model.kubernetes import KubernetesSettings
from batchai_operator.planner.facts import Object
from batchai_operator.planner.naming import key_secret_name, pod_name, service_name
from batchai_operator.planner.pods import identity
from batchai_operator.planner.pods.basics import (
    child_labels,
    job_mounts,
    job_volumes,
    pod_basics,
)
from batchai_operator.planner.pods.build import Build, owner_reference
from batchai_operator.planner.pods.launch import doubled, node_plan, user_variables

GRACE_SECONDS = 120
"""Time for a Pod to end: the launcher kills its tasks after 20 s; the rest is for their output."""

MAX_POD_BYTES = 1_400_000
"""The API server's store takes 1.5 MiB; Kubernetes adds its own words to a Pod."""

_SIDECAR_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"memory": "128Mi"},
}
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where every program looks for it
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"


def node_pod(build: Build, index: int) -> Object:
    """Return the Pod of one node.

    Args:
        build: of the job.
        index: of the node, from 0.

    Raises:
        InvalidSpecError: the launcher's plan is too long.
    """
    kubernetes = build.spec.kubernetes
    plan = doubled(node_plan(build, index))
    volumes = [{"name": names.SPOOL_VOLUME, "emptyDir": {}}, *job_volumes(build)]
    shm = build.spec.container_settings.shm_bytes if build.spec.container_settings else None
    job = _job_container(build, plan)
    if shm is not None:
        volumes.append(
            {"name": "batchai-shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(shm)}}
        )
        job["volumeMounts"].append({"name": "batchai-shm", "mountPath": _SHARED_MEMORY})
    spec: dict[str, Any] = {
        **pod_basics(build),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "initContainers": [_sidecar(build, plan)],
        "containers": [job],
        "volumes": volumes,
        **_placement(build, kubernetes),
    }
    if build.spec.node_count > 1:
        spec |= {"hostname": f"n{index}", "subdomain": service_name(build.job, build.attempt)}
    labels = {
        **kubernetes.labels,
        **child_labels(build),
        names.COMPONENT_LABEL: "node",
        names.ATTEMPT_LABEL: str(build.attempt),
        names.NODE_INDEX_LABEL: str(index),
    }
    metadata = _metadata(build.job, pod_name(build.job, build.attempt, index), labels)
    if kubernetes.annotations:
        metadata["annotations"] = dict(kubernetes.annotations)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    _check_size(build, pod)
    return pod


def _check_size(build: Build, pod: Object) -> None:
    """Refuse what the API server's store would not take; trying again would not help."""
    size = len(json.dumps(pod, ensure_ascii=False).encode())
    if size > MAX_POD_BYTES:
        longest = max(
            range(len(build.spec.environment_variables)),
            key=lambda index: len(build.spec.environment_variables[index].value),
            default=None,
        )
        field = "kubernetes" if longest is None else f"environmentVariables[{longest}].value"
        raise InvalidSpecError(
            f"{field}: the Pod of a node has {size} bytes, most of them in variables, but may have "
            f"{MAX_POD_BYTES} at most; put long values into files on a volume",
            field=field,
        )


def meeting_children(build: Build, new_key: str) -> tuple[Object, ...]:
    """Return what several nodes need to meet: a Secret with a key and a headless Service."""
    if build.spec.node_count == 1:
        return ()
    labels = child_labels(build)
    selector = {
        names.JOB_UID_LABEL: build.job["metadata"]["uid"],
        names.ATTEMPT_LABEL: str(build.attempt),
    }
    return (
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": _metadata(build.job, key_secret_name(build.job), labels),
            "type": "Opaque",
            "immutable": True,
            "data": {"key": base64.b64encode(new_key.encode()).decode()},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(build.job, service_name(build.job, build.attempt), labels),
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": True,
                "selector": selector,
                "ports": [{"name": "meeting", "port": names.MEETING_PORT, "protocol": "TCP"}],
            },
        },
    )


def _metadata(job: Object, name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": job["metadata"]["namespace"],
        "labels": labels,
        "ownerReferences": [owner_reference(job)],
    }


def _sidecar(build: Build, plan: str) -> dict[str, Any]:
    return {
        "name": names.SIDECAR_CONTAINER,
        "image": build.settings.launcher_image,
        "imagePullPolicy": build.settings.image_pull_policy,
        "restartPolicy": "Always",
        "command": ["/launcher", "sidecar"],
        "lifecycle": {"postStart": {"exec": {"command": ["/launcher", "prepare"]}}},
        "env": _launcher_environment(build, plan),
        "resources": _SIDECAR_RESOURCES,
        "securityContext": identity.sidecar_security(build.spec),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": job_mounts(build),
    }


def _job_container(build: Build, plan: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": names.JOB_CONTAINER,
        "image": build.image,
        "command": [f"{names.SPOOL_PATH}/launcher", "run"],
        "env": _launcher_environment(build, plan) + _user_environment(build),
        "resources": {
            name: dict(amounts)
            for name, amounts in (
                ("requests", build.share.requests),
                ("limits", build.share.limits),
            )
            if amounts
        },
        "volumeMounts": job_mounts(build),
    }
    if build.spec.container_settings is None:
        container["imagePullPolicy"] = build.settings.image_pull_policy
    security = identity.job_security(build.spec)
    return {**container, "securityContext": security} if security else container


def _launcher_environment(build: Build, plan: str) -> list[Object]:
    entries: list[Object] = [
        {"name": names.PLAN_VARIABLE, "value": plan},
        {"name": "BATCHAI_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    if build.spec.node_count > 1:
        reference = {"name": key_secret_name(build.job), "key": "key"}
        entries.append({"name": names.KEY_VARIABLE, "valueFrom": {"secretKeyRef": reference}})
    return entries


def _user_environment(build: Build) -> list[Object]:
    kept = set(user_variables(build))
    entries: list[Object] = [
        {"name": variable.name, "value": doubled(variable.value)}
        for variable in build.spec.environment_variables
        if variable.name in kept and variable.name not in {s.name for s in build.spec.secrets}
    ]
    for secret in build.spec.secrets:
        reference = secret.secret_key_ref
        if reference is not None:
            key = {"name": reference.name, "key": reference.key}
            entries.append({"name": secret.name, "valueFrom": {"secretKeyRef": key}})
    return entries


def _placement(build: Build, kubernetes: KubernetesSettings) -> dict[str, Any]:
    selector = {_INSTANCE_TYPE: build.vm_size} if build.selects_size else {}
    selector |= kubernetes.node_selector
    tolerations = [to_wire(toleration) for toleration in kubernetes.tolerations]
    if build.share.gpus:
        tolerations.append({"key": build.settings.gpu_resource, "operator": "Exists"})
    placement: dict[str, Any] = {}
    if selector:
        placement["nodeSelector"] = selector
    if tolerations:
        placement["tolerations"] = tolerations
    if kubernetes.priority_class_name:
        placement["priorityClassName"] = kubernetes.priority_class_name
    if build.spec.node_count > 1:
        own = {
            names.JOB_UID_LABEL: build.job["metadata"]["uid"],
            names.ATTEMPT_LABEL: str(build.attempt),
        }
        placement["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": own},
            }
        ]
    return placement
