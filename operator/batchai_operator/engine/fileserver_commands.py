"""What users ask of file servers: create, find, list, delete.

Called by the command line, beside cluster_commands.py.
"""

import asyncio

from batchai_operator.engine.keys import is_finished
from batchai_operator.engine.ports import CLUSTERS, FILE_SERVERS, JOBS, Object, ObjectStore
from batchai_operator.engine.serveruses import ServerUses, names_of
from batchai_operator.errors import ConflictError, NotFoundError, RejectedError, UnavailableError

_READY_SECONDS = 600.0
_GONE_SECONDS = 120.0
_POLL_SECONDS = 0.5
_MOST_NAMED = 5


async def find_file_server(store: ObjectStore, namespace: str, name: str) -> Object:
    """Find a file server by its Batch AI name: `spec.name`, or that of its object (design 2).

    Raises:
        NotFoundError: there is none; in the service's words (spec 1.6).
    """
    try:
        return await store.get(FILE_SERVERS, name, namespace)
    except (NotFoundError, RejectedError) as error:
        for server in await store.list(FILE_SERVERS, namespace):
            if (server.get("spec") or {}).get("name") == name:
                return server
        raise NotFoundError(
            f"FileServerNotFound: The specified file server {name} is not found. Namespace "
            f"{namespace} was looked through; -g names another, and `batchai file-server list` "
            "shows what there is."
        ) from error


async def list_file_servers(store: ObjectStore, namespace: str) -> list[Object]:
    """List the file servers of a namespace by name."""
    found = await store.list(FILE_SERVERS, namespace)
    return sorted(found, key=lambda server: str(server["metadata"]["name"]))


async def check_free(store: ObjectStore, namespace: str, name: str) -> None:
    """Refuse a name that is taken.

    Raises:
        ConflictError: the file server exists.
    """
    try:
        await store.get(FILE_SERVERS, name, namespace)
    except NotFoundError:
        return
    raise ConflictError(f"File server {name} already exists.")


async def wait_until_provisioned(store: ObjectStore, server: Object) -> Object:
    """Return a file server when jobs can mount it, or when it has failed.

    Raises:
        UnavailableError: it takes too long; the message says what it waits for.
        NotFoundError: it was deleted meanwhile.
    """
    metadata = server["metadata"]
    for _ in range(int(_READY_SECONDS / _POLL_SECONDS)):
        server = await store.get(FILE_SERVERS, metadata["name"], metadata["namespace"])
        if (server.get("status") or {}).get("provisioningState") in {"succeeded", "failed"}:
            return server
        await asyncio.sleep(_POLL_SECONDS)
    told = (server.get("status") or {}).get("message") or "no operator has looked at it."
    raise UnavailableError(
        f"File server {metadata['name']} is not ready after {_READY_SECONDS:.0f} s: {told}"
    )


async def check_unused(store: ObjectStore, server: Object) -> None:
    """Refuse to take a file server from under jobs that have not ended.

    Raises:
        ConflictError: there are such jobs; the message names them.
    """
    namespace = server["metadata"]["namespace"]
    uses = ServerUses()
    clusters = {each["metadata"]["uid"]: each for each in await store.list(CLUSTERS, namespace)}
    jobs = [job for job in await store.list(JOBS, namespace) if not is_finished(job)]
    for obj in (*clusters.values(), *jobs):
        uses.see(obj)
    users = uses.users(names_of(server))
    mounted = {_called(clusters[uid]) for uid in users if uid in clusters}
    using = [
        job["metadata"]["name"]
        for job in jobs
        if job["metadata"]["uid"] in users
        or str(((job.get("spec") or {}).get("cluster") or {}).get("id")).rpartition("/")[2]
        in mounted
    ]
    if using:
        more = f" and {len(using) - _MOST_NAMED} more" if len(using) > _MOST_NAMED else ""
        raise ConflictError(
            f"File server {server['metadata']['name']} is used by jobs "
            f"{', '.join(sorted(using)[:_MOST_NAMED])}{more}; terminate or delete them first."
        )


async def delete_file_server(store: ObjectStore, server: Object, *, wait: bool) -> None:
    """Delete a file server, and the claim that was made for it.

    Args:
        store: the API server.
        server: the BatchAIFileServer.
        wait: return only when the object is gone.
    """
    metadata = server["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    try:
        await store.delete(FILE_SERVERS, name, namespace, uid=metadata["uid"])
        for _ in range(int(_GONE_SECONDS / _POLL_SECONDS) if wait else 0):
            await store.get(FILE_SERVERS, name, namespace)
            await asyncio.sleep(_POLL_SECONDS)
    except NotFoundError:
        return


def _called(cluster: Object) -> str:
    return str((cluster.get("spec") or {}).get("name") or cluster["metadata"]["name"])
