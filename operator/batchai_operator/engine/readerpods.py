"""Makes one reader Pod, waits until it runs, and removes it.

Called by readers.py for the files of a job and by volumefiles.py for those of a volume. It knows
nothing of what is read.
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from batchai_operator.engine.podfacts import is_running, why_not_running
from batchai_operator.engine.ports import EVENTS, PODS, Object, ObjectStore
from batchai_operator.errors import BatchAIError, ConflictError, NotFoundError, UnavailableError
from batchai_operator.names import COMPONENT_LABEL

READER_START_SECONDS = 120.0
"""How long a reader Pod may take; the node may have to pull the launcher's image."""

_POLL_SECONDS, _LOOKS_BEFORE_TALK, _LOOKS_PER_WARNING = 0.25, 12, 10


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


async def latest_warning(store: ObjectStore, source: Source) -> Object | None:
    """Return the latest Event of type Warning about a Pod; mount errors are told nowhere else."""
    about = f"involvedObject.uid={source.uid},type=Warning"
    events = await store.list(EVENTS, source.namespace, fields=about)
    return max(events, key=lambda event: str(event.get("lastTimestamp") or ""), default=None)


class StartError(UnavailableError):
    """A reader Pod was given all the time there is and does not start; says why."""


class ReaderPod:
    """At most one reader Pod at a time.

    Args:
        store: the API server.
        announce: told what the user is waiting for.
    """

    def __init__(self, store: ObjectStore, announce: Callable[[str], None]) -> None:
        self._store = store
        self._announce = announce
        self.made: Source | None = None

    async def make(self, body: Object) -> Source:
        """Create a reader and wait until files can be asked for in it.

        Raises:
            StartError: it does not start; says why.
        """
        created = await self._store.create(PODS, body)
        metadata = created["metadata"]
        source = Source(metadata["namespace"], metadata["name"], metadata["uid"], is_reader=True)
        self.made = source
        try:
            await self._wait_until_running(source)
        except BaseException:
            await self.close()
            raise
        await self._sweep(source)
        return source

    async def close(self) -> None:
        """Remove the reader Pod, if one was made; a kill that comes meanwhile has to wait."""
        made, self.made = self.made, None
        if made is None:
            return
        removing = asyncio.ensure_future(self._remove(made))
        try:
            await asyncio.shield(removing)
        except asyncio.CancelledError:
            await removing
            raise

    async def _remove(self, made: Source) -> None:
        with suppress(NotFoundError, ConflictError):
            await self._store.delete(PODS, made.pod, made.namespace, uid=made.uid, grace_seconds=0)

    async def _sweep(self, source: Source) -> None:
        """Remove readers that have ended; whoever made them was killed and could not."""
        labels = f"{COMPONENT_LABEL}=reader"
        with suppress(BatchAIError):
            for pod in await self._store.list(PODS, source.namespace, labels=labels):
                if pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
                    metadata = pod["metadata"]
                    await self._store.delete(
                        PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"]
                    )

    async def _wait_until_running(self, source: Source) -> None:
        from batchai_operator.planner.mounts import (  # noqa: PLC0415 (the models)
            DEFINITE_SECONDS,
            is_definite,
        )

        loop = asyncio.get_running_loop()
        give_up, told = loop.time() + READER_START_SECONDS, ""
        definite_since: float | None = None
        for look in itertools.count(1):
            pod = await self._store.get(PODS, source.pod, source.namespace)
            if is_running(pod):
                return
            ended = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
            if look == _LOOKS_BEFORE_TALK:
                self._announce(f"Pod {source.pod} starts, to read the files.")
            warned = await self._warning(source) if ended or look % _LOOKS_PER_WARNING == 0 else ""
            if warned and warned != told:
                told = warned
                self._announce(warned)
            if warned and is_definite(warned):
                definite_since = definite_since or loop.time()
            is_hopeless = definite_since and loop.time() - definite_since >= DEFINITE_SECONDS
            if ended or is_hopeless or loop.time() >= give_up:
                verb = "ended" if ended else "does not start"
                reason = told or why_not_running(pod)
                raise StartError(f"Reader Pod {source.pod} {verb}: {reason}")
            await asyncio.sleep(_POLL_SECONDS)

    async def _warning(self, source: Source) -> str:
        """Say what the latest Warning about a Pod says."""
        latest = await latest_warning(self._store, source)
        return f"{latest.get('reason')}: {latest.get('message')}" if latest else ""
