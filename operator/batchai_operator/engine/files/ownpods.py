"""A Pod of the caller's own, which mounts volumes: made, waited for, removed.

Called by readers.py and volumefiles.py to read files, by transfers/pods.py to copy them. It knows
nothing of what is read or copied.

Decision where nobody has said anything: a mount that cannot succeed is given up early, by the rule
that holds for jobs (planner/volumes/mounterrors.py): kubelet has said so three times, or first said
so ten seconds ago. Once is not enough, because a Secret made a moment ago may not be known yet.
Until then nothing is said of it; the error has kubelet's text and what can be done, once. All else
may pass, so it is told, by what can be done where that is known, and waited for until
`START_SECONDS`. A Pod that kubelet ended, for instance for lack of room, may be tried anew.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from batchai_operator.engine.files.podfacts import is_running, why_not_running
from batchai_operator.engine.ports import EVENTS, PODS, Object, ObjectStore
from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    InvalidSpecError,
    NotFoundError,
    UnavailableError,
)
from batchai_operator.names import COMPONENT_LABEL, FIELD_MANAGER, MANAGED_BY_LABEL
from batchai_operator.planner.volumes.mounterrors import find_row, is_hopeless, volume_of

START_SECONDS = 120.0
"""How long a Pod may take to start; the node may have to pull the launcher's image."""

_POLL_SECONDS, _LOOKS_BEFORE_TALK, _LOOKS_PER_WARNING = 0.25, 12, 8
_MOUNT_REASONS = frozenset({"", "FailedMount", "FailedAttachVolume", "FailedMapVolume"})
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Source:
    """A container in which the launcher can be run.

    Attributes:
        namespace: of the Pod.
        pod: name of the Pod.
        uid: of the Pod, so that a namesake is not taken for it.
        is_reader: made by us; it sees the files as they are and does not grow them.
        is_preparing: it is about to make the job's folders, so that what is missing may come.
    """

    namespace: str
    pod: str
    uid: str
    is_reader: bool
    is_preparing: bool = False


class StartError(UnavailableError):
    """A Pod was given all the time there is and does not start; says why."""


class OwnPod:
    """At most one Pod at a time.

    Args:
        store: the API server.
        announce: told what the user is waiting for.
        purpose: what the Pod is for, such as `to read the files`.
    """

    def __init__(
        self,
        store: ObjectStore,
        announce: Callable[[str], None],
        purpose: str = "to read the files",
    ) -> None:
        self._store = store
        self._announce = announce
        self._purpose = purpose
        self.made: Source | None = None

    async def make(self, body: Object) -> Source:
        """Create a Pod and wait until the launcher can be run in it.

        Raises:
            InvalidSpecError: a volume cannot be mounted, and trying again would not help.
            StartError: it does not start; says why.
            UnavailableError: kubelet ended it before it could be used; another may do better.
        """
        created = await self._store.create(PODS, body)
        metadata = created["metadata"]
        source = Source(metadata["namespace"], metadata["name"], metadata["uid"], is_reader=True)
        self.made = source
        try:
            await self._wait_until_running(source, _drivers(body))
        except BaseException:
            await self.close()
            raise
        await self._sweep(source, body["metadata"].get("labels", {}).get(COMPONENT_LABEL))
        return source

    async def is_over(self) -> bool:
        """Tell whether the Pod is of no more use: gone, ended or about to end."""
        if self.made is None:
            return True
        try:
            pod = await self._store.get(PODS, self.made.pod, self.made.namespace)
        except NotFoundError:
            return True
        return not is_running(pod) or "deletionTimestamp" in pod["metadata"]

    async def close(self) -> None:
        """Remove the Pod, if one was made; a kill that comes meanwhile has to wait."""
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

    async def _sweep(self, source: Source, component: str | None) -> None:
        """Remove Pods for the same purpose that ended; who made them was killed and could not."""
        labels = f"{MANAGED_BY_LABEL}={FIELD_MANAGER},{COMPONENT_LABEL}={component}"
        with suppress(BatchAIError):
            for pod in await self._store.list(PODS, source.namespace, labels=labels):
                if pod.get("status", {}).get("phase") in _ENDED:
                    metadata = pod["metadata"]
                    await self._store.delete(
                        PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"]
                    )

    async def _wait_until_running(self, source: Source, drivers: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + START_SECONDS
        warnings = _Warnings(drivers)
        for look in itertools.count(1):
            pod = await self._store.get(PODS, source.pod, source.namespace)
            if is_running(pod):
                return
            if look == _LOOKS_BEFORE_TALK:
                self._announce(f"Pod {source.pod} starts, {self._purpose}.")
            ended = pod.get("status", {}).get("phase") in _ENDED
            if ended or look % _LOOKS_PER_WARNING == 0:
                about = f"involvedObject.uid={source.uid},type=Warning"
                events = await self._store.list(EVENTS, source.namespace, fields=about)
                news = warnings.take(events, loop.time())
                if hopeless := warnings.hopeless(loop.time()):
                    raise InvalidSpecError(f"Pod {source.pod} cannot mount a volume: {hopeless}")
                if news:
                    self._announce(news)
            reason = warnings.latest or " ".join(why_not_running(pod).split())
            if ended and pod["status"].get("reason"):
                raise UnavailableError(f"Pod {source.pod} ended: {reason}")
            if ended:
                raise StartError(f"Pod {source.pod} ended: {reason}")
            if loop.time() >= give_up:
                raise StartError(f"Pod {source.pod} does not start: {reason}")
            await asyncio.sleep(_POLL_SECONDS)


class _Warnings:
    """What Events of type Warning have said about a Pod; mount errors are told nowhere else.

    Args:
        drivers: CSI driver by name of volume, of the Pod's inline volumes.
    """

    def __init__(self, drivers: Mapping[str, str]) -> None:
        self._drivers = drivers
        self.latest = ""
        self._definite = ""
        self._definite_count = 0
        self._definite_since: float | None = None

    def take(self, events: list[Object], now: float) -> str:
        """Take in all Events there are; return what is news and may pass, in few words."""
        before, news = self.latest, ""
        for event in sorted(events, key=lambda event: str(event.get("lastTimestamp") or "")):
            reason, message = str(event.get("reason") or ""), str(event.get("message"))
            said = " ".join(f"{reason}: {message}".removeprefix(": ").split())
            row = find_row(message, self._drivers) if reason in _MOUNT_REASONS else None
            if row is not None and row.kind == "summary" and self.latest:
                continue
            # Drivers share words, so what may pass is only explained where the driver is known.
            is_sure = row is not None and (
                row.kind == "definite" or volume_of(message) in self._drivers
            )
            remedy = row.remedy if row is not None and is_sure else ""
            self.latest = f"{remedy}: {said}" if remedy else said
            news = f"A volume is waited for: {remedy}" if remedy else said
            if row is not None and row.kind == "definite":
                news, self._definite = "", self.latest
                self._definite_count = int(event.get("count") or 1)
                self._definite_since = now if self._definite_since is None else self._definite_since
        return news if self.latest != before else ""

    def hopeless(self, now: float) -> str:
        """Return the mount error that will not heal, once it was said for long enough."""
        since = self._definite_since
        if since is None or not is_hopeless(self._definite_count, now - since):
            return ""
        return self._definite


def _drivers(body: Object) -> dict[str, str]:
    """Return the CSI drivers of a Pod's inline volumes by name of volume."""
    volumes = (body.get("spec") or {}).get("volumes") or ()
    return {volume["name"]: str(volume["csi"]["driver"]) for volume in volumes if "csi" in volume}
