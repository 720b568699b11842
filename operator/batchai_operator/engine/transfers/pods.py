"""Makes the Pod through which a volume is copied to or from, and removes it.

The `Sources` of sessions.py for `batchai storage`. It reads and writes no file itself.
"""

import asyncio
from collections.abc import Callable

from batchai_operator.engine.podfacts import is_running, why_not_running
from batchai_operator.engine.ports import PODS, Object, ObjectStore
from batchai_operator.engine.readerpods import Source, StartError, latest_warning
from batchai_operator.errors import ConflictError, InvalidSpecError, NotFoundError, UnavailableError
from batchai_operator.names import (
    COMPONENT_LABEL,
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    TRANSFER_COMPONENT,
)
from batchai_operator.planner.mounterrors import classify

START_SECONDS = 120.0
"""How long the Pod may take; the node may have to pull the launcher's image."""

_POLL_SECONDS, _LOOKS_PER_WARNING, _LOOKS_BEFORE_TALK = 0.5, 4, 10
_ENDED = frozenset({"Succeeded", "Failed"})


class TransferPods:
    """Has one transfer Pod at a time.

    Args:
        store: the API server.
        body: the Pod to make.
        announce: told what the user is waiting for.
    """

    def __init__(self, store: ObjectStore, body: Object, announce: Callable[[str], None]) -> None:
        self._store = store
        self._body = body
        self._announce = announce
        self._made: Source | None = None

    async def find(self) -> Source:
        """Return the Pod, made if need be.

        Raises:
            InvalidSpecError: its volume cannot be mounted, and trying again would not help.
            StartError: it was given all the time there is and does not start.
            UnavailableError: it ended before it could be used.
        """
        if self._made is None:
            await self._remove_ended()
            created = await self._store.create(PODS, self._body)
            metadata = created["metadata"]
            self._made = Source(
                metadata["namespace"], metadata["name"], metadata["uid"], is_reader=True
            )
            try:
                await self._wait_until_running(self._made)
            except BaseException:
                await self.close()
                raise
        return self._made

    async def forget(self, source: Source) -> None:
        """Give up a Pod that has ended; one that runs has only lost a connection."""
        if source != self._made:
            return
        try:
            pod = await self._store.get(PODS, source.pod, source.namespace)
        except NotFoundError:
            self._made = None
            return
        if not is_running(pod) or "deletionTimestamp" in pod["metadata"]:
            await self.close()

    async def close(self) -> None:
        """Remove the Pod, if one was made."""
        made, self._made = self._made, None
        if made is not None:
            await self._remove(made.pod, made.namespace, made.uid)

    async def _remove(self, name: str, namespace: str, uid: str) -> None:
        try:
            await self._store.delete(PODS, name, namespace, uid=uid, grace_seconds=0)
        except (NotFoundError, ConflictError):
            return

    async def _remove_ended(self) -> None:
        """Remove what clients that were killed have left; those Pods end, but stay as objects."""
        namespace = self._body["metadata"]["namespace"]
        labels = f"{MANAGED_BY_LABEL}={FIELD_MANAGER},{COMPONENT_LABEL}={TRANSFER_COMPONENT}"
        for pod in await self._store.list(PODS, namespace, labels=labels):
            if (pod.get("status") or {}).get("phase") in _ENDED:
                metadata = pod["metadata"]
                await self._remove(metadata["name"], namespace, metadata["uid"])

    async def _wait_until_running(self, source: Source) -> None:
        driver = _driver(self._body)
        loop = asyncio.get_running_loop()
        give_up, look, told = loop.time() + START_SECONDS, 0, ""
        while True:
            pod = await self._store.get(PODS, source.pod, source.namespace)
            if is_running(pod):
                return
            look += 1
            ended = (pod.get("status") or {}).get("phase") in _ENDED
            warned = await self._warning(source) if ended or not look % _LOOKS_PER_WARNING else ""
            if warned:
                row = classify(driver, warned)
                if row is not None and row.kind == "definite":
                    reason = f"{row.remedy}: {warned}" if row.remedy else warned
                    raise InvalidSpecError(f"The volume cannot be mounted: {reason}")
                if warned != told:
                    self._announce(warned)
                told = warned
            if ended or loop.time() >= give_up:
                reason = told or why_not_running(pod)
                if ended:
                    raise UnavailableError(f"Pod {source.pod} ended: {reason}")
                raise StartError(f"Pod {source.pod} does not start: {reason}")
            if look == _LOOKS_BEFORE_TALK:
                self._announce(f"Pod {source.pod} starts to copy the files.")
            await asyncio.sleep(_POLL_SECONDS)

    async def _warning(self, source: Source) -> str:
        """Say what the latest Warning about the Pod says, in one line."""
        latest = await latest_warning(self._store, source)
        return " ".join(str(latest.get("message")).split()) if latest else ""


def _driver(body: Object) -> str:
    for volume in body["spec"]["volumes"]:
        if "csi" in volume:
            return str(volume["csi"]["driver"])
    return ""
