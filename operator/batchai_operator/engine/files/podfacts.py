"""What the Pods of a job tell somebody who wants to read its files. Pure.

Called by readers.py, on raw Pods as the API server sends them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchai_operator.names import SIDECAR_CONTAINER

if TYPE_CHECKING:  # Most who ask about Pods have no settings.
    from batchai_operator.settings import Settings


@dataclass(frozen=True)
class Containers:
    """What specs say of blob containers.

    Attributes:
        accounts: storage accounts that may stand in the address of a mounted container.
        servers: hosts that the specs name, which say nothing of the operator's settings.
    """

    accounts: Sequence[str] = ()
    servers: frozenset[str] = frozenset()


def blob_containers(job: Mapping[str, Any], cluster: Mapping[str, Any] | None) -> Containers:
    """Return what is said of a job's blob containers, its cluster's included."""
    volumes = [
        job["spec"].get("mountVolumes"),
        (((cluster or {}).get("spec") or {}).get("nodeSetup") or {}).get("mountVolumes"),
    ]
    found = [
        container
        for section in volumes
        for container in (section or {}).get("azureBlobFileSystems") or []
    ]
    return Containers(
        [str(container.get("accountName")) for container in found],
        frozenset(str(container["server"]) for container in found if container.get("server")),
    )


def may_use_containers(job: Mapping[str, Any], cluster: Mapping[str, Any] | None) -> bool:
    """Tell whether any volume of a job could be a blob container, its cluster's included."""
    auto = ((cluster or {}).get("status") or {}).get("autoStorage") or {}
    return bool(blob_containers(job, cluster).accounts or auto.get("containerName"))


def reader_settings(
    settings: "Settings", pods: Sequence[Mapping[str, Any]], containers: Containers
) -> "Settings":
    """Take from a job's Pods what only the operator's settings say.

    A user's machine does not have the operator's settings, but the job's Pods were made with them.

    Args:
        settings: what the user's environment says.
        pods: the job's Pods, as far as they still exist.
        containers: what is known of those that are mounted.

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
        server = str(attributes.get("server") or "")
        if "containerName" in attributes and server not in containers.servers:
            endpoint = _endpoint(server, containers.accounts)
            update |= {"blob_endpoint": endpoint} if endpoint else {}
    return settings.model_copy(update=update)


def _endpoint(server: str, accounts: Sequence[str]) -> str:
    """Return an address with `{account}` in it; empty when no account is a part of its own.

    Where host and path have the same name, as `http://dev:10000/dev`, the account is the path.
    """
    for account in filter(None, accounts):
        parts = re.split(rf"(?<![^./]){re.escape(account)}(?![^./:])", server)
        if len(parts) > 1:
            return account.join(parts[:-1]) + "{account}" + parts[-1]
    return ""


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


def is_preparing(pod: Mapping[str, Any]) -> bool:
    """Tell whether a sidecar is still making the job's folders (its `postStart`)."""
    return any(
        container["name"] == SIDECAR_CONTAINER and container.get("started") is False
        for container in pod.get("status", {}).get("initContainerStatuses", [])
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
