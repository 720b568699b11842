"""The objects that benchmarks make: clusters, jobs, and the Pods and Jobs they are compared with.

Plain dicts, encoded before any clock starts.
"""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from benchmarks.api import Raw

ACCOUNT = "batchaidev"
SHARE = "bench"
SIZE = "BENCH_SIMULATED"
"""Instance type of the simulated nodes; no other node has it."""

NOWHERE = {"batchai.dev/benchmark": "nowhere"}
"""Node labels that no node has: Pods that ask for them are made and never run."""

GROUP = "/apis/batchai.dev/v1/namespaces"
SMALL = {"requests": {"cpu": "10m", "memory": "16Mi"}}


def a_namespace() -> str:
    """Return a fresh name."""
    return f"bench-{uuid.uuid4().hex[:6]}"


def a_cluster(namespace: str, size: str = "STANDARD_D2") -> Raw:
    """Return a cluster of as many nodes as the service allowed."""
    return {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAICluster",
        "metadata": {"name": "pool", "namespace": namespace},
        "spec": {"vmSize": size, "scaleSettings": {"manual": {"targetNodeCount": 1000}}},
    }


def a_job(
    namespace: str,
    name: str,
    command: str = "true",
    *,
    nodes: int = 1,
    kubernetes: Raw | None = None,
    **more: Any,
) -> Raw:
    """Return a job with one share, as most were; `kubernetes` says where its Pods go."""
    share = f"https://{ACCOUNT}.file.core.windows.net/{SHARE}"
    return {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAIJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "cluster": {"id": "pool"},
            "nodeCount": nodes,
            "stdOutErrPathPrefix": f"$AZ_BATCHAI_JOB_MOUNT_ROOT/{SHARE}",
            "mountVolumes": {
                "azureFileShares": [{"azureFileUrl": share, "relativeMountPath": SHARE}]
            },
            "customToolkitSettings": {"commandLine": command},
            "kubernetes": kubernetes or {},
            **more,
        },
    }


def unplaced() -> Raw:
    """Return `spec.kubernetes` of jobs whose Pods are made and never run."""
    return {"nodeSelector": NOWHERE, "resources": SMALL}


def simulated(seconds: int, exit_code: int = 0) -> Raw:
    """Return `spec.kubernetes` of jobs that run on simulated nodes for so long and end so.

    The nodes' Stages (simulated.py) read the annotations.
    """
    return {
        "resources": SMALL,
        "nodeSelector": {"node.kubernetes.io/instance-type": SIZE},
        "tolerations": [{"key": "batchai.dev/simulated", "operator": "Exists"}],
        "annotations": {
            "bench.batchai.dev/seconds": f"{seconds}s",
            "bench.batchai.dev/exit-code": str(exit_code),
        },
    }


def bare_pod(made: Raw, name: str) -> Raw:
    """Return a Pod with the same content as one that the operator made, owned by nobody."""
    labels = {**made["metadata"]["labels"]}
    # So that the operator's watch does not deliver it.
    del labels["app.kubernetes.io/managed-by"]
    spec = {key: value for key, value in made["spec"].items() if key != "nodeName"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }


def kubernetes_job(made: Raw, name: str, pods: int) -> Raw:
    """Return a `batch/v1` Job with Pods of that content."""
    spec = dict(bare_pod(made, name)["spec"])
    for key in ("hostname", "subdomain"):
        spec.pop(key, None)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": pods,
            "parallelism": pods,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "template": {"spec": spec},
        },
    }


def encoded(bodies: Iterable[Raw]) -> list[bytes]:
    """Return bodies as they go over the wire."""
    return [json.dumps(body).encode() for body in bodies]


def ended_status(namespace: str) -> Raw:
    """Return the status of a job of one node that has succeeded."""
    at = "2026-11-24T04:00:00Z"
    done = {"status": "True", "reason": "Succeeded", "message": "Succeeded with exit code 0."}
    subscription = "00000000-0000-0000-0000-000000000000"
    return {
        "observedGeneration": 1,
        "creationTime": at,
        "provisioningState": "succeeded",
        "provisioningStateTransitionTime": at,
        "executionState": "succeeded",
        "executionStateTransitionTime": at,
        "toolType": "custom",
        "nodeCount": 1,
        "jobOutputDirectoryPathSegment": f"{subscription}/{namespace}/workspaces/default/"
        f"experiments/default/jobs/done/{subscription}",
        "attempt": 1,
        "nodes": [{"index": 0, "nodeId": "tvm-0123456789_1-20261124t040000z", "pod": "done-0"}],
        "executionInfo": {"startTime": at, "endTime": at, "exitCode": 0},
        "message": "Succeeded with exit code 0.",
        "conditions": [
            {"type": kind, "lastTransitionTime": at, "observedGeneration": 1, **done}
            for kind in ("Ready", "Complete")
        ],
    }
