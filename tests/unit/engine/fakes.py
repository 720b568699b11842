"""An API server in memory, faithful where the engine relies on it, and breakable on purpose.

What it does as the real one: names are unique per kind and namespace, uids and resource versions
count up, stale status writes are conflicts, deletions honour uid preconditions and grace, owner
references delete, a claim stays while a Pod mounts it. `fail_at` breaks one write by number, before
or after it took effect.
"""

# ruff: noqa: ARG002 (a fake takes what the real one takes)

import asyncio
import base64
import copy
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from batchai_operator.engine.ports import (
    CLAIMS,
    EVENTS,
    NODES,
    PERSISTENT_VOLUMES,
    PODS,
    Object,
    Resource,
)
from batchai_operator.errors import BatchAIError, ConflictError, NotFoundError, UnavailableError

START = datetime(2026, 11, 24, 4, 0, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FakeAccount:
    """Implements `StorageAccount`: what was made, and what goes wrong."""

    def __init__(self) -> None:
        self.name, self.key = "acct", "a2V5"
        self.made: set[str] = set()
        self.looks = 0
        self.trouble: Exception | None = None

    def credentials(self) -> tuple[str, str]:
        return self.name, self.key

    async def ensure(self, share: str, container: str) -> None:
        self.looks += 1
        await asyncio.sleep(0)
        if self.trouble is not None:
            raise self.trouble
        self.made |= {share, container}


class FakeStore:
    """Implements `ObjectStore`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.versions = itertools.count(1)
        self.watchers: list[Callable[[Resource, str, Object], None]] = []
        self.writes: Counter[tuple[str, str]] = Counter()
        self.reads: Counter[tuple[str, str]] = Counter()
        self.events: list[tuple[str, str, str]] = []
        self.write_number = 0
        self.fail_at: int | None = None
        self.fail_after_effect = False
        self.refuse: Callable[[str, Resource, Object], BatchAIError | None] = lambda *_: None

    # What a user, the kubelet or the garbage collector does; not counted, never broken.

    def put(self, resource: Resource, obj: Object) -> Object:
        """Store an object as somebody else would."""
        obj = copy.deepcopy(obj)
        metadata = obj["metadata"]
        metadata.setdefault("namespace", "ns")
        if not resource.namespaced:
            metadata.pop("namespace", None)
        key = self._key(resource, metadata.get("namespace", ""), metadata["name"])
        old = self.objects.get(key)
        version = next(self.versions)
        metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{version}"
        metadata["resourceVersion"] = str(version)
        metadata.setdefault("creationTimestamp", "2026-11-24T04:00:00Z")
        metadata["generation"] = metadata.get("generation", 0) or 1
        obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
        for name, value in obj.pop("stringData", {}).items():
            obj.setdefault("data", {})[name] = base64.b64encode(value.encode()).decode()
        self.objects[key] = obj
        self._tell(resource, "MODIFIED" if old else "ADDED", obj)
        return copy.deepcopy(obj)

    def remove(self, resource: Resource, name: str, namespace: str = "ns") -> None:
        """Remove an object and what it owns, as the garbage collector would."""
        gone = self.objects.pop(self._key(resource, namespace, name))
        self._tell(resource, "DELETED", gone)
        for key, obj in list(self.objects.items()):
            owners = obj["metadata"].get("ownerReferences") or ()
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners):
                self.objects.pop(key, None)
                self._tell(Resource(obj["apiVersion"], key[0], obj["kind"]), "DELETED", obj)

    def all(self, resource: Resource) -> list[Object]:
        return [
            copy.deepcopy(obj) for key, obj in self.objects.items() if key[0] == resource.plural
        ]

    def one(self, resource: Resource, name: str, namespace: str = "ns") -> Object:
        return copy.deepcopy(self.objects[self._key(resource, namespace, name)])

    # The port.

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        self.reads["get", resource.plural] += 1
        await asyncio.sleep(0)
        try:
            return copy.deepcopy(self.objects[self._key(resource, namespace or "", name)])
        except KeyError:
            raise NotFoundError(f"{resource.plural} {name}") from None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> list[Object]:
        self.reads["list", resource.plural] += 1
        await asyncio.sleep(0)
        wanted = [pair.partition("=") for pair in labels.split(",") if pair]
        return [
            obj
            for obj in self.all(resource)
            if namespace in (None, obj["metadata"].get("namespace"))
            and all(_has_label(obj, *pair) for pair in wanted)
            and all(
                str(obj.get(name)) == value
                for name, _, value in (pair.partition("=") for pair in fields.split(",") if pair)
                if resource == EVENTS and name in {"reason", "type"}
            )
        ]

    async def pages(self, resource: Resource, namespace: str | None = None, **selectors: str):
        yield await self.list(resource, namespace, **selectors)

    async def create(
        self, resource: Resource, body: Object, *, strict: bool = False, dry_run: bool = False
    ) -> Object:
        def effect() -> Object:
            metadata = body["metadata"]
            key = self._key(resource, metadata.get("namespace", ""), metadata["name"])
            if key in self.objects:
                raise ConflictError(f"{resource.plural} {metadata['name']} exists")
            return self.put(resource, body)

        return await self._write("create", resource, body, effect)

    async def patch(self, *_: object, **__: object) -> Object:
        raise AssertionError("the engine patches nothing")

    async def apply(self, resource: Resource, body: Object) -> Object:
        return await self._write("apply", resource, body, lambda: self.put(resource, body))

    async def replace_status(self, resource: Resource, obj: Object, status: Object) -> Object:
        def effect() -> Object:
            metadata = obj["metadata"]
            key = self._key(resource, metadata["namespace"], metadata["name"])
            current = self.objects.get(key)
            if current is None:
                raise NotFoundError(metadata["name"])
            if current["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
                raise ConflictError(f"{metadata['name']} has changed")
            return self.put(resource, {**current, "status": copy.deepcopy(status)})

        return await self._write("status", resource, obj, effect)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
        propagation: str | None = None,
    ) -> Object | None:
        def effect() -> Object:
            key = self._key(resource, namespace or "", name)
            current = self.objects.get(key)
            if current is None:
                raise NotFoundError(name)
            if uid not in (None, current["metadata"]["uid"]):
                raise ConflictError(f"{name} is another one")
            if resource == CLAIMS:
                return self._release(current)
            if grace_seconds == 0 or resource != PODS:
                self.remove(resource, name, namespace or "")
                return {}
            current["metadata"]["deletionTimestamp"] = "2026-11-24T04:00:00Z"
            return self.put(resource, current)

        return await self._write("delete", resource, {"metadata": {"name": name}}, effect) or None

    def _release(self, claim: Object) -> Object:
        """Remove a claim unless a Pod mounts it; its volume is then good for no other."""
        metadata = claim["metadata"]
        claimed = {"claimName": metadata["name"]}
        if any(
            volume.get("persistentVolumeClaim") == claimed
            for pod in self.all(PODS)
            for volume in (pod.get("spec") or {}).get("volumes") or ()
        ):
            metadata["deletionTimestamp"] = "2026-11-24T04:00:00Z"
            return self.put(CLAIMS, claim)
        self.remove(CLAIMS, metadata["name"], metadata["namespace"])
        for volume in self.all(PERSISTENT_VOLUMES):
            if volume["metadata"]["name"] == (claim.get("spec") or {}).get("volumeName"):
                self.put(PERSISTENT_VOLUMES, {**volume, "status": {"phase": "Released"}})
        return {}

    async def record(self, about: Object, type_: str, reason: str, message: str) -> None:
        self.events.append((about["metadata"]["name"], reason, message))

    async def _write(
        self, verb: str, resource: Resource, obj: Object, effect: Callable[[], Object]
    ) -> Object:
        await asyncio.sleep(0)
        self.write_number += 1
        self.writes[verb, resource.plural] += 1
        refusal = self.refuse(verb, resource, obj)
        if refusal is not None:
            raise refusal
        if self.fail_at == self.write_number:
            if self.fail_after_effect:
                effect()
            raise UnavailableError("the API server went away")
        result = effect()
        await asyncio.sleep(0)
        return result

    def _key(self, resource: Resource, namespace: str, name: str) -> tuple[str, str, str]:
        return resource.plural, namespace if resource != NODES else "", name

    def _tell(self, resource: Resource, type_: str, obj: Object) -> None:
        for watcher in self.watchers:
            watcher(resource, type_, copy.deepcopy(obj))


def _has_label(obj: Object, name: str, equals: str, value: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return labels.get(name) == value if equals else name in labels
