"""Carries out the part of a plan that is about children: makes and deletes objects.

Called by the job reconciler. Names are deterministic and carry the job's uid, so that doing a step
twice is harmless: a name that is taken is looked at, and is either our own child or an error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from batchai_operator.engine.ports import PODS, SECRETS, SERVICES, Object, ObjectStore, Resource
from batchai_operator.engine.reconcile.inbox import Inbox
from batchai_operator.errors import ConflictError, NameTakenError, NotFoundError
from batchai_operator.planner.plan import DeletePod

IN_FLIGHT = 16
"""Requests for Pods at a time, over all jobs: what keeps an API server busy. More only wait there,
use up what its fairness leaves to us, and cost a connection of 300 KB each, which stay."""

T = TypeVar("T")

_CHILDREN = {resource.kind: resource for resource in (PODS, SERVICES, SECRETS)}


class Children:
    """Makes and deletes the children of jobs.

    Args:
        store: the API server.
        inbox: told of every answer, so that the next pass knows it.
    """

    def __init__(self, store: ObjectStore, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def create_all(self, owner: Object, children: Iterable[Object]) -> None:
        """Make children in their order; Pods, which come last and are alike, many at a time.

        After a failure nothing more is begun, and what was under way is waited for, so that the
        next pass finds all there is.

        Args:
            owner: the job.
            children: Secret, Service, Pods.

        Raises:
            BatchAIError: the failure of the first of them that failed (see `create`).
        """
        pods = []
        for child in children:
            if child["kind"] == PODS.kind:
                pods.append(child)
            else:
                await self.create(owner, child)
        await _each(pods, lambda pod: self.create(owner, pod))

    async def delete_all(self, namespace: str, doomed: Iterable[DeletePod]) -> None:
        """Ask for the end of Pods, many at a time.

        Raises:
            BatchAIError: the failure of the first of them that failed (see `delete`).
        """
        await _each(tuple(doomed), lambda pod: self.delete(namespace, pod))

    async def create(self, owner: Object, child: Object) -> None:
        """Make a child unless it exists already.

        Args:
            owner: the job.
            child: what to make, with an owner reference to the job.

        Raises:
            NameTakenError: the name belongs to something that is not the job's.
            ForbiddenError: no right, a quota, or Pod Security says no.
            RejectedError: the API server refuses the content.
            UnavailableError: no answer; whether the child exists is unknown.
        """
        resource = _CHILDREN[child["kind"]]
        try:
            async with self._slots:
                made = await self._store.create(resource, child)
        except ConflictError:
            made = await self._ours(resource, owner, child)
        if resource == PODS:
            self._inbox.wrote(PODS, made)

    async def delete(self, namespace: str, doomed: DeletePod) -> None:
        """Ask for the end of a Pod; one that is gone, or another of its name, is fine.

        Raises:
            ConflictError: the API server refused for now; the Pod is still there.
            UnavailableError: no answer.
            ForbiddenError: no right.
        """
        try:
            async with self._slots:
                left = await self._store.delete(
                    PODS, doomed.name, namespace, uid=doomed.uid, grace_seconds=doomed.grace_seconds
                )
        except NotFoundError:
            left = None
        except ConflictError:
            # Only a look tells another Pod of that name from a refusal that passes; to take the
            # Pod for gone would leave it running for ever.
            if await self._is_there(namespace, doomed):
                raise
            left = None
        if left is not None:
            self._inbox.wrote(PODS, left)
        else:
            identity = {"namespace": namespace, "name": doomed.name, "uid": doomed.uid}
            self._inbox.gone(PODS, {"metadata": identity})

    async def _is_there(self, namespace: str, doomed: DeletePod) -> bool:
        try:
            found = await self._store.get(PODS, doomed.name, namespace)
        except NotFoundError:
            return False
        return bool(found["metadata"]["uid"] == doomed.uid)

    async def _ours(self, resource: Resource, owner: Object, child: Object) -> Object:
        name, namespace = child["metadata"]["name"], child["metadata"]["namespace"]
        try:
            found = await self._store.get(resource, name, namespace)
        except NotFoundError as error:
            raise ConflictError(f"{resource.kind} {name} vanished while it was made") from error
        owners = found["metadata"].get("ownerReferences") or ()
        if not any(reference.get("uid") == owner["metadata"]["uid"] for reference in owners):
            raise NameTakenError(
                f"{resource.kind} {namespace}/{name} exists and does not belong to this job; "
                "delete it, then the job goes on."
            )
        return found


async def _each(items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Work on items many at a time; raise the first failure when all that was begun is over."""
    waiting = enumerate(items)
    failures: dict[int, BaseException] = {}

    async def worker() -> None:
        for index, item in waiting:
            try:
                await work(item)
            except BaseException as error:  # noqa: BLE001 (raised below, by the order of the items)
                failures[index] = error
            if failures:
                return

    await asyncio.gather(*(worker() for _ in range(min(len(items), IN_FLIGHT))))
    if failures:
        raise failures[min(failures)]
