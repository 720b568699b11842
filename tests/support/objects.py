"""Jobs and clusters as the tests want them: what a case does not name is left out or sensible.

The functions return plain objects for the API server; a test changes what it is about.
"""

from collections.abc import Sequence
from typing import Any

from support.api import Raw

ACCOUNT = "batchaidev"
"""The storage account that the development cluster has."""

LOGS = "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"
"""Prefix of output on the share `logs`, which every job of these tests mounts."""


def a_cluster(name: str, namespace: str, *, nodes: int = 20, size: str = "STANDARD_D2") -> Raw:
    """Return a cluster of `nodes` nodes, which are without GPU unless `size` has some."""
    return {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAICluster",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"vmSize": size, "scaleSettings": {"manual": {"targetNodeCount": nodes}}},
    }


def a_share(
    name: str = "logs", path: str | None = None, account: str = ACCOUNT, **more: Any
) -> Raw:
    """Return one of `azureFileShares`."""
    url = f"https://{account}.file.core.windows.net/{name}"
    return {"azureFileUrl": url, "relativeMountPath": path or name, **more}


def a_container(name: str, path: str | None = None, account: str = ACCOUNT, **more: Any) -> Raw:
    """Return one of `azureBlobFileSystems`."""
    return {
        "accountName": account,
        "containerName": name,
        "relativeMountPath": path or name,
        **more,
    }


def a_job(
    name: str,
    namespace: str,
    command: str = "true",
    *,
    cluster: str = "d2",
    shares: Sequence[Raw] | None = None,
    containers: Sequence[Raw] = (),
    **properties: Any,
) -> Raw:
    """Return a job of one node that runs `command`, with its logs on the share `logs`.

    `properties` are further properties of Batch AI; a toolkit among them takes the command's place.
    """
    volumes: Raw = {"azureFileShares": list([a_share()] if shares is None else shares)}
    if containers:
        volumes["azureBlobFileSystems"] = list(containers)
    spec: Raw = {
        "cluster": {"id": cluster},
        "nodeCount": 1,
        "stdOutErrPathPrefix": LOGS,
        "mountVolumes": volumes,
    }
    if not any(key.endswith("Settings") and key != "containerSettings" for key in properties):
        spec["customToolkitSettings"] = {"commandLine": command}
    return {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAIJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**spec, **properties},
    }
