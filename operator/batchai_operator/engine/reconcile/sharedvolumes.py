"""Makes PersistentVolumes and claims that jobs share, removes them with the last job (ADR 0006).

`make` is called by the job reconciler before Pods, `reconcile` by the controller for each task of
kind `volume`. Which jobs use a claim is known from their status, from their Pods, and from what is
being made now; nothing else is kept, so a crash at any point leaves either what the next pass finds
in its place, or a PersistentVolume that the next listing shows to be nobody's.

Order: the PersistentVolume is made before its claim and removed after it, so a claim is never there
without a volume by which it is found again. Whatever is not labelled as ours is left alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from weakref import WeakValueDictionary

from batchai_operator.engine.ports import CLAIMS, PERSISTENT_VOLUMES, Object, ObjectStore, Resource
from batchai_operator.engine.reconcile.cache import job_of
from batchai_operator.engine.reconcile.table import Key
from batchai_operator.errors import ConflictError, ForbiddenError, NameTakenError, NotFoundError
from batchai_operator.names import SOURCE_ANNOTATION
from batchai_operator.planner.volumes.claims import (
    SHARED_LABELS,
    SharedVolume,
    is_shared,
    is_shared_name,
    shared_claims,
)

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 5.0
"""Pause before a claim that is still mounted somewhere is looked at again."""

_SELECTOR = ",".join(f"{label}={value}" for label, value in SHARED_LABELS.items())
_GONE = frozenset({"Released", "Failed"})


class ClaimUses:
    """Which jobs use which claims.

    Fed by the inbox with every version of jobs and Pods; look-ups cost what they return.

    Args:
        unused: told of each claim that no job uses any more.
    """

    def __init__(self, unused: Callable[[Key], None]) -> None:
        self._unused = unused
        self._users: dict[Key, set[str]] = {}
        self._claims: dict[str, set[Key]] = {}

    def is_used(self, key: Key) -> bool:
        """Tell whether a job is known that uses a claim."""
        return key in self._users

    def add(self, uid: str, namespace: str, claims: Iterable[str]) -> None:
        """Note that a job uses claims.

        Args:
            uid: of the job.
            namespace: of job and claims.
            claims: their names.
        """
        for name in claims:
            key = (namespace, name)
            self._users.setdefault(key, set()).add(uid)
            self._claims.setdefault(uid, set()).add(key)

    def see_job(self, job: Object) -> None:
        """Note the claims in a job's status."""
        claims = (job.get("status") or {}).get("volumeClaims") or ()
        if claims:
            metadata = job["metadata"]
            found = [str(claim.get("claimName")) for claim in claims]
            self.add(metadata["uid"], metadata["namespace"], filter(is_shared_name, found))

    def see_pod(self, pod: Object) -> None:
        """Note the claims that a job's Pod mounts; its job's status may not tell them yet."""
        owner, shared = job_of(pod), shared_claims(pod)
        if owner is not None and shared:
            self.add(owner[1], owner[0], shared)

    def keep_jobs(self, uids: Collection[str]) -> None:
        """Forget all jobs but these: what was noted of one that was going at that moment."""
        for uid in [uid for uid in self._claims if uid not in uids]:
            self.drop_job(uid)

    def drop_job(self, uid: str) -> None:
        """Forget a job that does not exist any more."""
        for key in self._claims.pop(uid, set()):
            users = self._users[key]
            users.discard(uid)
            if not users:
                del self._users[key]
                self._unused(key)


class SharedVolumes:
    """Makes and removes the volumes that jobs share.

    Args:
        store: the API server.
        uses: which jobs use which claims.
    """

    def __init__(self, store: ObjectStore, uses: ClaimUses) -> None:
        self._store = store
        self._uses = uses
        # So that no claim is removed between the look at it and the Pods that mount it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def make(self, job: Object, volumes: Iterable[SharedVolume]) -> None:
        """See to it that volumes are there for a job's Pods.

        Raises:
            ConflictError: one of them is being removed; it can be made anew in a moment.
            NameTakenError: a name belongs to something that we did not make.
            ForbiddenError: no right, a quota, or a policy says no.
            RejectedError: the API server refuses the content.
            UnavailableError: no answer.
        """
        metadata = job["metadata"]
        volumes = tuple(volumes)
        # Before anything is asked for, so that nobody removes what we find.
        self._uses.add(metadata["uid"], metadata["namespace"], (it.name for it in volumes))
        for shared in volumes:
            async with self._lock(shared.name):
                await self._make(PERSISTENT_VOLUMES, shared.volume)
                await self._make(CLAIMS, shared.claim)

    async def unused(self, namespace: str | None) -> AsyncIterator[Key]:
        """Yield the claims that no job uses, whose last job went unseen, from their volumes.

        Args:
            namespace: only claims of this one; None for all.

        Raises:
            UnavailableError: no answer.
        """
        try:
            async for page in self._store.pages(PERSISTENT_VOLUMES, labels=_SELECTOR):
                for volume in page:
                    key = _claim_of(volume)
                    if namespace in {None, key[0]} and not self._uses.is_used(key):
                        yield key
        except ForbiddenError as error:
            logger.warning("Unused PersistentVolumes cannot be looked for: %s", error)

    async def reconcile(self, key: Key) -> float | None:
        """Remove a claim and its volume if no job uses them.

        Args:
            key: namespace and name of the claim; the volume has the same name.

        Returns:
            Seconds after which to look again, None when there is nothing left to do.

        Raises:
            BatchAIError: the pass is incomplete; the same call again goes on where it ended.
        """
        async with self._lock(key[1]):
            return await self._remove(key)

    async def _remove(self, key: Key) -> float | None:
        namespace, name = key
        claim = await self._find(CLAIMS, name, namespace)
        if self._uses.is_used(key) or (claim is not None and not is_shared(claim)):
            return None
        if claim is not None and not await self._delete(CLAIMS, claim):
            return LOOK_AGAIN_SECONDS
        volume = await self._find(PERSISTENT_VOLUMES, name)
        if volume is None or not is_shared(volume) or _claim_of(volume) != key:
            return None
        # One that came in the meantime waits for the lock, and then makes it anew.
        return None if await self._delete(PERSISTENT_VOLUMES, volume) else LOOK_AGAIN_SECONDS

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _make(self, resource: Resource, body: Object) -> None:
        name, namespace = body["metadata"]["name"], body["metadata"].get("namespace")
        try:
            await self._store.create(resource, body)
        except ConflictError:
            found = await self._find(resource, name, namespace)
            if found is None:
                raise _ending(body) from None
        else:
            return
        if not is_shared(found) or not _is_same(found, body):
            where = f"{namespace}/{name}" if namespace else name
            raise NameTakenError(
                f"{resource.kind} {where} exists and is not this operator's; delete it, then the "
                "job goes on."
            )
        if resource == PERSISTENT_VOLUMES and await self._is_over(found):
            # Its claim was removed, by us or by hand; it binds to no other.
            await self._delete(PERSISTENT_VOLUMES, found)
            raise _ending(body)
        if found["metadata"].get("deletionTimestamp"):
            raise _ending(body)

    async def _is_over(self, volume: Object) -> bool:
        """Tell whether a volume had a claim that is gone; its phase may not say so yet, or ever."""
        if (volume.get("status") or {}).get("phase") in _GONE:
            return True
        uid = ((volume.get("spec") or {}).get("claimRef") or {}).get("uid")
        if not uid:
            return False
        namespace, name = _claim_of(volume)
        claim = await self._find(CLAIMS, name, namespace)
        return claim is None or claim["metadata"]["uid"] != uid

    async def _find(
        self, resource: Resource, name: str, namespace: str | None = None
    ) -> Object | None:
        try:
            return await self._store.get(resource, name, namespace)
        except NotFoundError:
            return None

    async def _delete(self, resource: Resource, obj: Object) -> bool:
        """Ask for the end of an object; return whether it is gone."""
        metadata = obj["metadata"]
        try:
            left = await self._store.delete(
                resource, metadata["name"], metadata.get("namespace"), uid=metadata["uid"]
            )
        except NotFoundError:
            return True
        return left is None


def _ending(body: Object) -> ConflictError:
    name, source = body["metadata"]["name"], body["metadata"]["annotations"][SOURCE_ANNOTATION]
    return ConflictError(f"volume {source} ({name}) of an earlier job is being unmounted")


def _claim_of(volume: Object) -> Key:
    reference = (volume.get("spec") or {}).get("claimRef") or {}
    return str(reference.get("namespace") or ""), str(reference.get("name") or "")


def _is_same(found: Object, wanted: Object) -> bool:
    """Tell whether what exists is for the claim, or of the volume, that is wanted."""
    if "claimRef" in wanted["spec"]:
        return _claim_of(found) == _claim_of(wanted)
    return bool((found.get("spec") or {}).get("volumeName") == wanted["spec"]["volumeName"])
