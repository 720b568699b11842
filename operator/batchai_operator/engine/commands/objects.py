"""What is asked of every kind alike: find by a Batch AI name, list, look until, delete.

Used by the modules of the kinds, which know the names and have the service's words for what is
wrong.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from batchai_operator.engine.ports import NAMESPACES, Object, ObjectStore, Resource
from batchai_operator.errors import ForbiddenError, NotFoundError, RejectedError

GONE_SECONDS = 120.0
"""How long the end of a deletion is waited for."""

POLL_SECONDS = 0.5


async def find(
    store: ObjectStore,
    resource: Resource,
    namespace: str,
    expected: str,
    is_meant: Callable[[Object], bool],
) -> Object | None:
    """Find an object by what it says of itself.

    Args:
        store: the API server.
        resource: its kind.
        namespace: where it is.
        expected: name that the object has, unless `kubectl apply` gave it any other.
        is_meant: tells whether an object is the one.
    """
    with suppress(NotFoundError, RejectedError):
        found = await store.get(resource, expected, namespace)
        if is_meant(found):
            return found
    return next((obj for obj in await store.list(resource, namespace) if is_meant(obj)), None)


async def list_by_name(store: ObjectStore, resource: Resource, namespace: str) -> list[Object]:
    """List the objects of a kind in a namespace by name."""
    found = await store.list(resource, namespace)
    return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))


async def check_namespace(store: ObjectStore, namespace: str) -> None:
    """Refuse a namespace that does not exist, which looks like an empty one in every list.

    Who may not read namespaces is told nothing.

    Raises:
        NotFoundError: there is none; by the code that a missing resource group had.
    """
    try:
        await store.get(NAMESPACES, namespace)
    except ForbiddenError:
        return
    except NotFoundError as error:
        raise NotFoundError(
            f"ResourceGroupNotFound: There is no namespace {namespace}. -g names another, and "
            "`kubectl get namespaces` shows what there is."
        ) from error


async def look_until(
    store: ObjectStore,
    resource: Resource,
    obj: Object,
    is_so: Callable[[Object], bool],
    seconds: float,
) -> Object:
    """Return an object when it is as it should be, or as it is when the time is over.

    Args:
        store: the API server.
        resource: its kind.
        obj: the object as it was seen last.
        is_so: tells whether it is as it should be.
        seconds: how long to look.

    Raises:
        NotFoundError: it was deleted meanwhile.
    """
    metadata = obj["metadata"]
    for _ in range(int(seconds / POLL_SECONDS)):
        if is_so(obj):
            break
        await asyncio.sleep(POLL_SECONDS)
        obj = await store.get(resource, metadata["name"], metadata["namespace"])
    return obj


async def delete(store: ObjectStore, resource: Resource, obj: Object, *, wait: bool) -> None:
    """Delete an object and no namesake of it; one that is gone already is no error.

    Args:
        store: the API server.
        resource: its kind.
        obj: the object.
        wait: return only when it is gone.
    """
    metadata = obj["metadata"]
    name, namespace, uid = metadata["name"], metadata["namespace"], metadata["uid"]
    with suppress(NotFoundError):
        await store.delete(resource, name, namespace, uid=uid)
        if wait:
            left = await store.get(resource, name, namespace)
            await look_until(
                store, resource, left, lambda now: now["metadata"]["uid"] != uid, GONE_SECONDS
            )
