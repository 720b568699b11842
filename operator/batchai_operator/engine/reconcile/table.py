"""Objects of one kind as the API server said them last: found by uid, by name and by one group.

Used by cache.py, which says what is kept of which kind. An older version never replaces a newer
one, and what was deleted does not come back; look-ups cost what they return, never a scan.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from batchai_operator.engine.ports import Object
from batchai_operator.engine.reconcile.keeping import kept

Key = tuple[str, str]
"""Namespace and name."""

# How long deleted uids are remembered, so that a late answer or list cannot bring an object back;
# by time, so that what is remembered does not grow with the number of jobs there ever were.
_TOMBSTONE_SECONDS = 300.0


class Table:
    """Objects of one kind by uid, by name and by one group.

    Args:
        group: names the group of an object, such as the job of a Pod; None for no group.
        keep: returns what is to be kept of an object.
        key: by what `by_name` finds an object.
    """

    def __init__(
        self,
        group: Callable[[Object], object | None],
        keep: Callable[[Object], Object] = kept,
        key: Callable[[Object], Key] | None = None,
    ) -> None:
        self._group = group
        self._keep = keep
        self._key = key or name_of
        self._objects: dict[str, Object] = {}
        self._names: dict[Key, str] = {}
        self._groups: dict[object, dict[str, None]] = {}
        self._dead: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Object]:
        return iter(tuple(self._objects.values()))

    def __contains__(self, uid: str) -> bool:
        return uid in self._objects

    def uids(self) -> frozenset[str]:
        """Return the uids held now."""
        return frozenset(self._objects)

    def by_uid(self, uid: str) -> Object | None:
        """Return an object by its uid."""
        return self._objects.get(uid)

    def by_name(self, key: Key) -> Object | None:
        """Return an object by its namespace and name."""
        uid = self._names.get(key)
        return None if uid is None else self._objects[uid]

    def in_group(self, group: object) -> tuple[Object, ...]:
        """Return the objects of a group, in the order in which they were first seen."""
        return tuple(self._objects[uid] for uid in self._groups.get(group, ()))

    def is_in_group(self, uid: str, group: object) -> bool:
        """Return whether an object is in a group."""
        return uid in self._groups.get(group, ())

    def is_news(self, obj: Object) -> bool:
        """Return whether `put` would take this version in."""
        uid = obj["metadata"]["uid"]
        old = self._objects.get(uid)
        return uid not in self._dead and (old is None or _version(obj) > _version(old))

    def put(self, obj: Object) -> bool:
        """Take in a version of an object; older versions and the dead change nothing.

        Returns:
            Whether it was news.
        """
        if not self.is_news(obj):
            return False
        uid = obj["metadata"]["uid"]
        old = self._objects.get(uid)
        if old is not None:
            self._ungroup(uid, old)
        self._objects[uid] = self._keep(obj)
        self._names[self._key(obj)] = uid
        group = self._group(obj)
        if group is not None:
            self._groups.setdefault(group, {})[uid] = None
        return True

    def drop(self, uid: str) -> bool:
        """Forget a deleted object for good.

        Returns:
            Whether it was known.
        """
        now = time.monotonic()
        self._dead[uid] = now
        while now - next(iter(self._dead.values())) > _TOMBSTONE_SECONDS:
            self._dead.popitem(last=False)
        old = self._objects.pop(uid, None)
        if old is None:
            return False
        self._ungroup(uid, old)
        if self._names.get(self._key(old)) == uid:
            del self._names[self._key(old)]
        return True

    def _ungroup(self, uid: str, obj: Object) -> None:
        group = self._group(obj)
        members = self._groups.get(group)
        if members is not None:
            members.pop(uid, None)
            if not members:
                del self._groups[group]


def name_of(obj: Object) -> Key:
    """Return namespace and name of an object."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _version(obj: Object) -> int:
    # Opaque by the old rule, but an increasing number on every API server there is, and
    # documented as comparable since Kubernetes 1.35.
    return int(obj["metadata"].get("resourceVersion") or 0)
