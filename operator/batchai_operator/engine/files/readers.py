"""Where a job's files can be read now: its running sidecar, or a reader Pod made for the purpose.

Called by outputs.py. It reads no file itself.
"""

import asyncio
import enum
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from batchai_operator.engine.commands.clusters import find_cluster
from batchai_operator.engine.files.ownpods import OwnPod, Source
from batchai_operator.engine.files.podfacts import (
    Containers,
    blob_containers,
    is_preparing,
    is_running,
    reader_settings,
)
from batchai_operator.engine.ports import PODS, Object, ObjectStore
from batchai_operator.engine.reconcile.keys import is_finished
from batchai_operator.errors import InvalidSpecError, NotFoundError
from batchai_operator.names import ATTEMPT_LABEL, COMPONENT_LABEL, JOB_UID_LABEL, NODE_INDEX_LABEL
from batchai_operator.planner.jobs.observed import attempt_of
from batchai_operator.planner.reasons import explain

if TYPE_CHECKING:  # Who reads files of a running job needs neither settings nor models.
    from batchai_operator.engine.files.lastoutput import LastOutput
    from batchai_operator.settings import Settings

SETTLE_SECONDS = 10.0
"""How long the job's end may lag behind that of its Pods, before files are read regardless: while
the operator is down nobody writes the end, but the files are complete."""


class Absence(enum.Enum):
    """Why files cannot be read now."""

    NOT_STARTED = "the job's first node has not started"
    ENDING = "the job's nodes are ending"


async def known_settings(
    store: ObjectStore, namespace: str, settings: "Settings", containers: Containers
) -> "Settings":
    """Return what the Pods of any job of a namespace tell of the operator's settings.

    What the caller's own environment says stands, because nobody's Pods may be right for it.

    Args:
        store: the API server.
        namespace: where to look for a job's Pod.
        settings: what the caller's environment says.
        containers: what is known of the containers that are asked for.
    """
    pods = await store.list(PODS, namespace, labels=f"{COMPONENT_LABEL}=node")
    told = reader_settings(settings, pods[-1:], containers)
    own = {name: getattr(settings, name) for name in settings.model_fields_set}
    return told.model_copy(update=own)


class Readers:
    """Finds the source of a job's files, and clears up after itself.

    Args:
        store: the API server.
        settings: makes the fallback for what the job's Pods do not tell.
        announce: told what the user is waiting for.
    """

    def __init__(
        self,
        store: ObjectStore,
        settings: "Callable[[], Settings]",
        announce: Callable[[str], None],
    ) -> None:
        self._store = store
        self._make_settings = settings
        self._announce = announce
        self._reader = OwnPod(store, announce)
        self._ended_since: float | None = None

    @cached_property
    def _last(self) -> "LastOutput":
        # What is looked for at a job's end takes the models; while it runs nobody asks.
        from batchai_operator.engine.files.lastoutput import LastOutput  # noqa: PLC0415

        return LastOutput(self._announce)

    @property
    def shortfall(self) -> str:
        """What may be missing of the logs of a job that has ended; empty for nothing."""
        return self._last.shortfall

    @cached_property
    def settings(self) -> "Settings":
        """Fallback for what the job's Pods do not tell."""
        return self._make_settings()

    async def live(self, job: Mapping[str, Any]) -> Source | Absence | None:
        """Return where the files of a job can be read as they grow.

        Args:
            job: the BatchAIJob, freshly read.

        Returns:
            The source, why there is none yet, or None when the files are what they will be.
        """
        if self._reader.made is not None:
            return None
        pods = await self._pods(job)
        if not is_finished(dict(job)):
            sidecar = next((source for pod in pods if (source := _sidecar_of_first(pod))), None)
            if sidecar is not None:
                return sidecar
        return self._not_yet(job, pods)

    async def reader(self, job: Mapping[str, Any], directory_id: str) -> Source:
        """Return the reader Pod of a job, made when there is none.

        Args:
            job: the BatchAIJob.
            directory_id: what is to be read.

        Raises:
            NotFoundError: the job ended without ever having a place for files, or nothing tells
                any more which volume holds them.
            UnavailableError: a reader Pod was made and did not start.
        """
        from pydantic import ValidationError  # noqa: PLC0415 (see above)

        from batchai_operator.planner.files.reader import (  # noqa: PLC0415
            lost_volume,
            pod_of,
            reader_build,
        )

        if self._reader.made is not None:
            return self._reader.made
        _check_readable(job)
        cluster, settings, were_told = await self.facts(job)
        if not were_told:
            self._announce(
                f"The job's Pods are gone, so image {settings.launcher_image} is tried; "
                "BATCHAI_OPERATOR_LAUNCHER_IMAGE may name another."
            )
        try:
            build = reader_build(dict(job), cluster, settings)
            body = pod_of(build)
        except ValidationError as error:
            raise InvalidSpecError(
                f"The volumes of the job or of its cluster make no sense: {explain(error)}"
            ) from error
        if lost := lost_volume(build, directory_id):
            raise NotFoundError(lost)
        return await self._reader.make(body)

    async def facts(self, job: Mapping[str, Any]) -> "tuple[Object | None, Settings, bool]":
        """Return a job's cluster, the settings for its reader, and whether somebody told them."""
        pods, cluster = await asyncio.gather(self._pods(job), self.cluster(job))
        containers = blob_containers(job, cluster)
        if pods:
            return cluster, reader_settings(self.settings, pods, containers), True
        namespace = job["metadata"]["namespace"]
        settings = await known_settings(self._store, namespace, self.settings, containers)
        # Two Settings() are never the same, for each has its own name of a Pod.
        was_told = "launcher_image" in settings.model_fields_set
        return cluster, settings, was_told

    async def cluster(self, job: Mapping[str, Any]) -> Object | None:
        """Return a job's cluster, whose volumes may hold the files; it may be gone by now."""
        name = str((job["spec"].get("cluster") or {}).get("id", "")).rsplit("/", maxsplit=1)[-1]
        if not name:
            return None
        try:
            return await find_cluster(self._store, job["metadata"]["namespace"], name)
        except NotFoundError:
            return None

    async def forget(self, source: Source) -> None:
        """Give up a source that no longer answers."""
        if source == self._reader.made:
            await self._reader.close()

    async def close(self) -> None:
        """Remove the reader Pod, if one was made."""
        await self._reader.close()

    def _not_yet(self, job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> Absence | None:
        """Whether the last output of all nodes may still be on its way to the volume."""
        now = asyncio.get_running_loop().time()
        ended = [_over(pod) for pod in pods]
        if is_finished(dict(job)):
            return Absence.ENDING if self._last.is_awaited(job, pods) else None
        if not ended or not all(ended):
            self._ended_since = None
            return Absence.ENDING if any(ended) else Absence.NOT_STARTED
        self._ended_since = self._ended_since or now
        is_settled = now - self._ended_since >= SETTLE_SECONDS
        return None if is_settled and not self._last.is_awaited(job, pods) else Absence.ENDING

    async def _pods(self, job: Mapping[str, Any]) -> list[Object]:
        """Pods of the latest attempt of a job, node 0 first; of an earlier one as long as they run.

        A run that was given up leaves Pods that have ended, and is not the end of the job.
        """
        metadata = job["metadata"]
        selector = f"{JOB_UID_LABEL}={metadata['uid']},{COMPONENT_LABEL}=node"
        pods = await self._store.list(PODS, metadata["namespace"], labels=selector)
        if not is_finished(dict(job)):
            current = attempt_of(dict(job))
            pods = [pod for pod in pods if _number(pod, ATTEMPT_LABEL) >= current or not _over(pod)]
        latest = max((_number(pod, ATTEMPT_LABEL) for pod in pods), default=0)
        return sorted(
            (pod for pod in pods if _number(pod, ATTEMPT_LABEL) == latest),
            key=lambda pod: _number(pod, NODE_INDEX_LABEL),
        )


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
    if _number(pod, NODE_INDEX_LABEL) != 0 or not is_running(pod):
        return None
    return Source(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        is_reader=False,
        is_preparing=is_preparing(pod),
    )


def _over(pod: Mapping[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def _number(pod: Mapping[str, Any], label: str) -> int:
    return int(pod["metadata"].get("labels", {}).get(label, "0"))
