"""What users ask of file servers: find, wait for one, whether one is used.

Called by the command line, beside clusters.py.
"""

from batchai_operator.engine.commands.objects import find, look_until
from batchai_operator.engine.ports import CLUSTERS, FILE_SERVERS, JOBS, Object, ObjectStore
from batchai_operator.engine.reconcile.keys import is_finished
from batchai_operator.engine.reconcile.serveruses import ServerUses, names_of
from batchai_operator.errors import ConflictError, NotFoundError, UnavailableError
from batchai_operator.planner.naming import batch_ai_name

_READY_SECONDS = 600.0
_MOST_NAMED = 5


async def find_file_server(store: ObjectStore, namespace: str, name: str) -> Object:
    """Find a file server by its Batch AI name: `spec.name`, or that of its object (design 2).

    Raises:
        NotFoundError: there is none; in the service's words (spec 1.6).
    """

    def is_meant(server: Object) -> bool:
        return name in {server["metadata"]["name"], (server.get("spec") or {}).get("name")}

    found = await find(store, FILE_SERVERS, namespace, name, is_meant)
    if found is None:
        raise NotFoundError(
            f"FileServerNotFound: The specified file server {name} is not found. Namespace "
            f"{namespace} was looked through; -g names another, and `batchai file-server list` "
            "shows what there is."
        )
    return found


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

    def is_provisioned(server: Object) -> bool:
        state = (server.get("status") or {}).get("provisioningState")
        return state in {"succeeded", "failed"}

    server = await look_until(store, FILE_SERVERS, server, is_provisioned, _READY_SECONDS)
    if is_provisioned(server):
        return server
    name = server["metadata"]["name"]
    told = (server.get("status") or {}).get("message") or "no operator has looked at it."
    raise UnavailableError(f"File server {name} is not ready after {_READY_SECONDS:.0f} s: {told}")


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
    mounted = {batch_ai_name(clusters[uid]) for uid in users if uid in clusters}
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
