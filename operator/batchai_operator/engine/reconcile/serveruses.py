"""Where the file servers are, and which jobs and clusters name which of them.

Kept by the inbox, which wakes those that wait when a file server gets an address; asked by the job
reconciler, and by volumefiles.py for what people name in files of their own. It reads raw objects
and validates nothing: what makes no sense names nobody. Look-ups cost what they return.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from batchai_operator.engine.ports import Object
from batchai_operator.engine.reconcile.cache import server_key
from batchai_operator.engine.reconcile.table import Key, Table, name_of
from batchai_operator.planner.endpoints import FileServerEndpoint, FileServers, named_server


class ServerUses:
    """Which objects name which file servers, by namespace and name of the file server."""

    def __init__(self) -> None:
        self._users: dict[Key, set[str]] = {}
        self._named: dict[str, frozenset[Key]] = {}

    def see(self, obj: Object) -> None:
        """Note the file servers that a job or cluster names."""
        metadata = obj["metadata"]
        uid, namespace = metadata["uid"], metadata.get("namespace", "")
        now = frozenset((namespace, name) for name in named_by(obj))
        before = self._named.get(uid, frozenset())
        for key in before - now:
            self._forget(key, uid)
        for key in now - before:
            self._users.setdefault(key, set()).add(uid)
        if now:
            self._named[uid] = now
        else:
            self._named.pop(uid, None)

    def drop(self, uid: str) -> None:
        """Forget an object that does not exist any more."""
        for key in self._named.pop(uid, frozenset()):
            self._forget(key, uid)

    def users(self, keys: Iterable[Key]) -> set[str]:
        """Return the uids of the objects that name a file server by one of its names."""
        return set().union(*(self._users.get(key, ()) for key in keys))

    def _forget(self, key: Key, uid: str) -> None:
        users = self._users.get(key, set())
        users.discard(uid)
        if not users:
            self._users.pop(key, None)


def names_of(server: Object) -> tuple[Key, ...]:
    """Return the names by which jobs may call a file server: its object's and its Batch AI name."""
    return tuple({name_of(server): None, server_key(server): None})


def endpoint(server: Object) -> FileServerEndpoint | None:
    """Return where a file server is, None until it has been ready once.

    One that is away for a moment keeps its address: mounts of it wait, and so do new ones.
    """
    status = server.get("status") or {}
    where = status.get("mountSettings") or {}
    address, path = where.get("fileServerInternalIP"), where.get("mountPoint")
    if status.get("provisioningState") != "succeeded" or not address or not path:
        return None
    return FileServerEndpoint(str(address), str(path))


def endpoints(servers: Iterable[Object]) -> FileServers:
    """Return where file servers of a namespace are, by each of their names."""
    found: dict[str, FileServerEndpoint] = {}
    for server in servers:
        where = endpoint(server)
        if where is not None and not server["metadata"].get("deletionTimestamp"):
            for _, name in reversed(names_of(server)):
                # The name of an object wins over what another is called.
                if name == server["metadata"]["name"]:
                    found[name] = where
                else:
                    found.setdefault(name, where)
    return found


def named_endpoints(servers: Table, namespace: str, users: Iterable[Object | None]) -> FileServers:
    """Return where the file servers are that some objects name; it costs what they name.

    Args:
        servers: the file servers of all namespaces.
        namespace: of the objects.
        users: a job and its cluster.
    """
    named = {name: None for user in users if user is not None for name in named_by(user)}
    found: dict[str, FileServerEndpoint] = {}
    for name in named:
        key = (namespace, name)
        own = servers.by_name(key)
        where = endpoints((*servers.in_group(key), *((own,) if own is not None else ()))).get(name)
        if where is not None:
            found[name] = where
    return found


def named_by(obj: Object) -> Iterator[str]:
    """Yield the names by which a job or cluster calls file servers, repeated where it repeats."""
    spec = _mapping(obj.get("spec"))
    for part in (spec, _mapping(spec.get("nodeSetup"))):
        volumes = _mapping(part.get("mountVolumes")).get("fileServers")
        for volume in volumes if isinstance(volumes, list) else ():
            reference = _mapping(_mapping(volume).get("fileServer")).get("id")
            if isinstance(reference, str):
                yield named_server(reference)


def _mapping(thing: object) -> Mapping[str, Any]:
    return thing if isinstance(thing, Mapping) else {}
