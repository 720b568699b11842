"""A Kubernetes in memory: objects, and programs in containers that follow a script."""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from batchai_operator.engine.ports import Resource
from batchai_operator.errors import ConflictError, NotFoundError

Object = dict[str, Any]
Step = bytes | Exception | int | float
"""What a program does next: write, lose its connection, end with a code, be silent for seconds."""


class Run:
    """A running program of the script."""

    def __init__(self, steps: Iterable[Step], stderr: str) -> None:
        self._steps, self._complaint = steps, stderr
        self.exit_code, self.stderr = -1, ""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, int):
                self.exit_code, self.stderr = step, self._complaint
                return
            if isinstance(step, float):
                await _pass(step)
            else:
                yield step


class FakeKube:
    """The ports `ObjectStore` and `Commands`, with what tests look at.

    Attributes:
        objects: by (plural, namespace, name).
        on_create: called with each new object before it is stored.
        on_get: called with each object before it is handed out; may change it, as time does.
        program: called with Pod and command line, gives the steps and stderr of a run.
        writes: verb and plural of each change.
        expected: kubeconfig and context that the connection must be asked for.
    """

    default_namespace = "team"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.on_create: Callable[[Object], None] = lambda _: None
        self.on_get: Callable[[Object], None] = lambda _: None
        self.program: Callable[[str, list[str]], tuple[Iterable[Step], str]] = lambda *_: ([0], "")
        self.writes: list[tuple[str, str]] = []
        self.expected: tuple[str | None, str | None] = (None, None)
        self._uids = itertools.count(1)
        home = {"metadata": {"name": self.default_namespace, "namespace": ""}}
        self.add("namespaces", home)

    def add(self, plural: str, thing: Object) -> Object:
        metadata = thing["metadata"]
        metadata.setdefault("namespace", self.default_namespace)
        metadata.setdefault("uid", f"00000000-0000-4000-8000-{next(self._uids):012d}")
        metadata.setdefault("creationTimestamp", "2026-11-24T04:00:00Z")
        self.objects[plural, metadata["namespace"], metadata["name"]] = thing
        return thing

    def only(self, plural: str) -> Object:
        (found,) = [thing for (kind, _, _), thing in self.objects.items() if kind == plural]
        return found

    def names(self, plural: str) -> list[str]:
        return [name for (kind, _, name) in self.objects if kind == plural]

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        try:
            found = self.objects[resource.plural, namespace or "", name]
        except KeyError:
            raise NotFoundError(f"get {resource.plural} {name}: not found") from None
        self.on_get(found)
        return copy.deepcopy(found)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> list[Object]:
        about = dict(part.split("=") for part in fields.split(",") if part)
        assert about.keys() <= {"involvedObject.uid", "type"}
        wanted = dict(part.split("=") for part in labels.split(",") if part)
        return [
            copy.deepcopy(thing)
            for (plural, space, _), thing in self.objects.items()
            if (plural, space) == (resource.plural, namespace)
            and about.get("involvedObject.uid")
            in {None, thing.get("involvedObject", {}).get("uid")}
            and wanted.items() <= thing["metadata"].get("labels", {}).items()
        ]

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, labels: str = ""
    ) -> AsyncIterator[Sequence[Object]]:
        yield await self.list(resource, namespace, labels=labels)

    async def create(
        self, resource: Resource, body: Object, *, strict: bool = False, dry_run: bool = False
    ) -> Object:
        body = copy.deepcopy(body)
        if prefix := body["metadata"].pop("generateName", ""):
            body["metadata"]["name"] = f"{prefix}x7k2p"
        key = (resource.plural, body["metadata"]["namespace"], body["metadata"]["name"])
        # Our own kinds are sent strictly, or a typing error would be pruned in silence.
        assert strict == resource.plural.startswith("batchai")
        if key in self.objects:
            raise ConflictError(f"create {resource.plural}: already exists")
        if dry_run:
            return body
        self.writes.append(("create", resource.plural))
        stored = copy.deepcopy(body)
        self.on_create(stored)
        return copy.deepcopy(self.add(resource.plural, stored))

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: Object,
        **_: Any,
    ) -> Object:
        await self.get(resource, name, namespace)
        self.writes.append(("patch", resource.plural))
        target = self.objects[resource.plural, namespace or "", name]
        _merge(target, body)
        return copy.deepcopy(target)

    async def delete(
        self, resource: Resource, name: str, namespace: str | None = None, **_: Any
    ) -> None:
        await self.get(resource, name, namespace)
        self.writes.append(("delete", resource.plural))
        del self.objects[resource.plural, namespace or "", name]

    @asynccontextmanager
    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        **_: bool,
    ) -> AsyncIterator[Run]:
        if ("pods", namespace, pod) not in self.objects:
            raise NotFoundError(f"There is no Pod {namespace}/{pod}.")
        assert container == "batchai-sidecar"
        steps, complaint = self.program(pod, [*command])
        yield Run(_framed(steps, [*command]) if "--framed" in command else steps, complaint)

    @asynccontextmanager
    async def connect(
        self, kubeconfig: str | None = None, context: str | None = None
    ) -> AsyncIterator["FakeKube"]:
        assert (kubeconfig, context) == self.expected
        yield self


async def _pass(seconds: float) -> None:
    """Let time pass for real; `asyncio.sleep` does not here."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, over.set_result, None)
    await over


def _framed(steps: Iterable[Step], command: list[str]) -> Iterable[Step]:
    """Put the launcher's headers before what a program of `follow` writes."""
    offset = int(command[command.index("--offset") + 1])
    for step in steps:
        if isinstance(step, bytes):
            yield b"%d %d\n" % (offset, len(step)) + step
            offset += len(step)
        else:
            yield step


def _merge(target: Object, change: Object) -> None:
    for name, value in change.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value
