"""What the Pods of a job tell somebody who wants to read its files. Pure.

Called by readers.py, on raw Pods as the API server sends them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from batchai_operator.names import SIDECAR_CONTAINER
from batchai_operator.settings import Settings


def blob_accounts(job: Mapping[str, Any], cluster: Mapping[str, Any] | None) -> list[str]:
    """Return the storage accounts of a job's blob containers, its cluster's included."""
    volumes = [
        job["spec"].get("mountVolumes"),
        (((cluster or {}).get("spec") or {}).get("nodeSetup") or {}).get("mountVolumes"),
    ]
    return [
        str(container.get("accountName"))
        for section in volumes
        for container in (section or {}).get("azureBlobFileSystems") or []
    ]


def reader_settings(
    settings: Settings, pods: Sequence[Mapping[str, Any]], accounts: Sequence[str]
) -> Settings:
    """Take from a job's Pods what only the operator's settings say.

    A user's machine does not have the operator's settings, but the job's Pods were made with them.

    Args:
        settings: what the user's environment says.
        pods: the job's Pods, as far as they still exist.
        accounts: storage accounts that may stand in the address of a mounted container.

    Returns:
        The settings with which to build a reader Pod.
    """
    if not pods:
        return settings
    update: dict[str, Any] = {}
    for container in pods[0]["spec"].get("initContainers", []):
        if container["name"] == SIDECAR_CONTAINER:
            update["launcher_image"] = container["image"]
            update["image_pull_policy"] = container.get("imagePullPolicy", "IfNotPresent")
    for volume in pods[0]["spec"].get("volumes", []):
        attributes = (volume.get("csi") or {}).get("volumeAttributes") or {}
        if "containerName" in attributes and attributes.get("server"):
            endpoint = str(attributes["server"])
            for account in accounts:
                endpoint = endpoint.replace(account, "{account}")
            update["blob_endpoint"] = endpoint
    return settings.model_copy(update=update)


def is_running(pod: Mapping[str, Any]) -> bool:
    """Tell whether files can be asked for in a Pod: its sidecar, or the reader itself, runs."""
    status = pod.get("status", {})
    containers = [
        *status.get("initContainerStatuses", []),
        *status.get("containerStatuses", []),
    ]
    return any(
        container["name"] == SIDECAR_CONTAINER and "running" in container.get("state", {})
        for container in containers
    )


def why_not_running(pod: Mapping[str, Any]) -> str:
    """Return the most telling words in a Pod's status."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses", []):
        for state in container.get("state", {}).values():
            if state.get("message") or state.get("reason"):
                return str(state.get("message") or state["reason"])
    for condition in status.get("conditions", []):
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return str(status.get("message") or status.get("reason") or status.get("phase", "unknown"))
