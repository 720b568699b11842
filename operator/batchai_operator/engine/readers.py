"""Where a job's files can be read now: its running sidecar, or a reader Pod made for the purpose.

Called by outputs.py. It makes and removes reader Pods; it reads no file itself.
"""

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchai_operator.engine.keys import is_finished
from batchai_operator.engine.ports import CLUSTERS, PODS, Object, ObjectStore
from batchai_operator.errors import ConflictError, NotFoundError, UnavailableError
from batchai_operator.names import (
    ATTEMPT_LABEL,
    COMPONENT_LABEL,
    JOB_UID_LABEL,
    NODE_INDEX_LABEL,
    SIDECAR_CONTAINER,
)
from batchai_operator.planner.reader import reader_pod
from batchai_operator.settings import Settings

READER_START_SECONDS = 180.0
"""How long a reader Pod may take; the node may have to pull the launcher's image."""

SETTLE_SECONDS = 10.0
"""How long the job's end may lag behind that of its Pods, before files are read regardless: while
the operator is down nobody writes the end, but the files are complete."""

DRAIN_SECONDS = 60.0
"""How long Pods may take to ship their last output after the job's end."""

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Source:
    """A container in which `/launcher files` can be run.

    Attributes:
        namespace: of the Pod.
        pod: name of the Pod.
        uid: of the Pod, so that a namesake is not taken for it.
        is_reader: made by us; it sees the files as they are and does not grow them.
    """

    namespace: str
    pod: str
    uid: str
    is_reader: bool


class Absence(enum.Enum):
    """Why files cannot be read now."""

    NOT_STARTED = "the job's first node has not started"
    ENDING = "the job's nodes are ending"


class Readers:
    """Finds the source of a job's files, and clears up after itself.

    Args:
        store: the API server.
        settings: fallback for what the job's Pods do not tell.
        announce: told what the user is waiting for.
    """

    def __init__(
        self, store: ObjectStore, settings: Settings, announce: Callable[[str], None]
    ) -> None:
        self._store = store
        self._settings = settings
        self._announce = announce
        self._made: Source | None = None
        self._ended_since: float | None = None

    async def find(self, job: Mapping[str, Any]) -> Source | Absence:
        """Return where the files of a job can be read now.

        Args:
            job: the BatchAIJob, freshly read.

        Returns:
            The source, or why there is none yet.

        Raises:
            NotFoundError: the job ended without ever having a place for files.
            UnavailableError: a reader Pod was made and did not start.
        """
        if self._made is not None:
            return self._made
        pods = await self._pods(job)
        if not is_finished(dict(job)):
            sidecar = next((source for pod in pods if (source := _sidecar_of_first(pod))), None)
            if sidecar is not None:
                return sidecar
        if absence := self._not_yet(job, pods):
            return absence
        _check_readable(job)
        self._made = await self._make(job, pods)
        return self._made

    def _not_yet(self, job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> Absence | None:
        """Whether the last output of all nodes may still be on its way to the volume."""
        now = asyncio.get_running_loop().time()
        ended = [pod.get("status", {}).get("phase") in {"Succeeded", "Failed"} for pod in pods]
        if is_finished(dict(job)):
            self._ended_since = self._ended_since or now
            is_late = now - self._ended_since >= DRAIN_SECONDS
            return None if all(ended) or is_late else Absence.ENDING
        if not ended or not all(ended):
            self._ended_since = None
            return Absence.ENDING if any(ended) else Absence.NOT_STARTED
        self._ended_since = self._ended_since or now
        return None if now - self._ended_since >= SETTLE_SECONDS else Absence.ENDING

    async def forget(self, source: Source) -> None:
        """Give up a source that no longer answers."""
        if source == self._made:
            await self.close()

    async def close(self) -> None:
        """Remove the reader Pod, if one was made."""
        made, self._made = self._made, None
        if made is None:
            return
        try:
            await self._store.delete(PODS, made.pod, made.namespace, uid=made.uid, grace_seconds=0)
        except (NotFoundError, ConflictError):
            return

    async def _pods(self, job: Mapping[str, Any]) -> list[Object]:
        """Pods of the latest attempt of a job, node 0 first."""
        metadata = job["metadata"]
        selector = f"{JOB_UID_LABEL}={metadata['uid']},{COMPONENT_LABEL}=node"
        pods = await self._store.list(PODS, metadata["namespace"], labels=selector)
        latest = max((_number(pod, ATTEMPT_LABEL) for pod in pods), default=0)
        return sorted(
            (pod for pod in pods if _number(pod, ATTEMPT_LABEL) == latest),
            key=lambda pod: _number(pod, NODE_INDEX_LABEL),
        )

    async def _make(self, job: Mapping[str, Any], pods: Sequence[Object]) -> Source:
        namespace = job["metadata"]["namespace"]
        cluster = await self._cluster(job)
        settings = reader_settings(self._settings, pods, blob_accounts(job, cluster))
        if not pods and "launcher_image" not in settings.model_fields_set:
            self._announce(
                f"The job's Pods are gone, so image {settings.launcher_image} is tried; "
                "BATCHAI_OPERATOR_LAUNCHER_IMAGE may name another."
            )
        body = reader_pod(dict(job), cluster, settings)
        created = await self._store.create(PODS, body)
        metadata = created["metadata"]
        source = Source(namespace, metadata["name"], metadata["uid"], is_reader=True)
        self._made = source
        try:
            await self._wait_until_running(source)
        except BaseException:
            await self.close()
            raise
        return source

    async def _cluster(self, job: Mapping[str, Any]) -> Object | None:
        """The job's cluster, whose volumes may hold the files; it may be gone by now."""
        name = str((job["spec"].get("cluster") or {}).get("id", "")).rsplit("/", maxsplit=1)[-1]
        if not name:
            return None
        try:
            return await self._store.get(CLUSTERS, name, job["metadata"]["namespace"])
        except NotFoundError:
            return None

    async def _wait_until_running(self, source: Source) -> None:
        waited = 0.0
        while True:
            pod = await self._store.get(PODS, source.pod, source.namespace)
            if _is_running(pod):
                return
            if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
                raise UnavailableError(f"Reader Pod {source.pod} ended: {_why(pod)}")
            if waited >= READER_START_SECONDS:
                raise UnavailableError(f"Reader Pod {source.pod} does not start: {_why(pod)}")
            if waited == _POLL_SECONDS:
                self._announce(f"The job has ended; its files are read by Pod {source.pod}.")
            await asyncio.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS


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


def _check_readable(job: Mapping[str, Any]) -> None:
    status = job.get("status") or {}
    if status.get("jobOutputDirectoryPathSegment"):
        return
    errors = (status.get("executionInfo") or {}).get("errors") or []
    reason = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors)
    raise NotFoundError(
        "The job has no files: it ended before it was given a place for them"
        + (f" ({reason})." if reason else ".")
    )


def _sidecar_of_first(pod: Mapping[str, Any]) -> Source | None:
    metadata = pod["metadata"]
    if _number(pod, NODE_INDEX_LABEL) != 0 or not _is_running(pod):
        return None
    return Source(metadata["namespace"], metadata["name"], metadata["uid"], is_reader=False)


def _is_running(pod: Mapping[str, Any]) -> bool:
    status = pod.get("status", {})
    containers = [
        *status.get("initContainerStatuses", []),
        *status.get("containerStatuses", []),
    ]
    return any(
        container["name"] == SIDECAR_CONTAINER and "running" in container.get("state", {})
        for container in containers
    )


def _number(pod: Mapping[str, Any], label: str) -> int:
    return int(pod["metadata"].get("labels", {}).get(label, "0"))


def _why(pod: Mapping[str, Any]) -> str:
    """The most telling words in a Pod's status."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses", []):
        for state in container.get("state", {}).values():
            if state.get("message") or state.get("reason"):
                return str(state.get("message") or state["reason"])
    for condition in status.get("conditions", []):
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return str(status.get("message") or status.get("reason") or status.get("phase", "unknown"))
