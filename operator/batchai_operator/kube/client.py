"""The engine's `ObjectStore` and `Commands` on the official client's REST half, with plain dicts.

Made by `wiring`, used through the ports by the engine, the command line and the probes. One method
is one request (`list`: one per page; `record`: two when an Event repeats). It never retries: the
work queue does, with a back-off per object.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Literal, Self

from batchai_operator import names
from batchai_operator.engine.ports import EVENTS, ExecStream, Object, Resource
from batchai_operator.errors import ConflictError
from batchai_operator.kube import events
from batchai_operator.kube.access import Access
from batchai_operator.kube.execution import Execution
from batchai_operator.kube.requests import Requests

_PAGE = 100
"""Objects asked for at a time: a read Pod is 50 KB, and memory once used is seldom given back."""
_MERGE_PATCH = "application/merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"


class KubeClient:
    """One Kubernetes API server. Use as an async context manager; close it in the loop it ran in.

    Args:
        access: address and credentials.
        timeout: seconds that one request may take, connecting included.
    """

    def __init__(self, access: Access, *, timeout: float = 15) -> None:
        self._access = access
        self._requests = Requests(access.configuration, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._requests.rest.close()

    @property
    def default_namespace(self) -> str:
        """Namespace of the kubeconfig's context, or of the Pod that this process runs in."""
        return self._access.default_namespace

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """Requests so far by (verb, plural or `plural/subresource`)."""
        return self._requests.counts

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """Return one object (see `ObjectStore`)."""
        return await self._requests.send("get", "GET", resource, namespace, name)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> list[Object]:
        """Return all objects (see `ObjectStore`)."""
        pages = self.pages(resource, namespace, labels=labels, fields=fields)
        return [obj async for page in pages for obj in page]

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> AsyncIterator[Sequence[Object]]:
        """Yield all objects, some at a time (see `ObjectStore`)."""
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        while True:
            page = await self._requests.send("list", "GET", resource, namespace, query=query)
            # Items of a list carry neither; what reads them later wants to know what they are.
            head = {"apiVersion": resource.api_version, "kind": resource.kind}
            yield [head | item for item in page["items"]]
            token = page["metadata"].get("continue")
            if not token:
                return
            query = {**query, "continue": token}

    async def create(
        self, resource: Resource, body: Object, *, strict: bool = False, dry_run: bool = False
    ) -> Object:
        """Create an object and return what was stored (see `ObjectStore`)."""
        head = {"apiVersion": resource.api_version, "kind": resource.kind}
        return await self._requests.send(
            "create",
            "POST",
            resource,
            body["metadata"].get("namespace"),
            query=_write_options(strict=strict, dry_run=dry_run),
            body=head | body,
        )

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: Object,
        *,
        strict: bool = False,
        dry_run: bool = False,
    ) -> Object:
        """Merge into an object and return the result (see `ObjectStore`)."""
        return await self._requests.send(
            "patch",
            "PATCH",
            resource,
            namespace,
            name,
            query=_write_options(strict=strict, dry_run=dry_run),
            body=body,
            content_type=_MERGE_PATCH,
        )

    async def apply(self, resource: Resource, body: Object) -> Object:
        """Apply server-side as `names.FIELD_MANAGER`, with force (see `ObjectStore`)."""
        head = {"apiVersion": resource.api_version, "kind": resource.kind}
        return await self._requests.send(
            "apply",
            "PATCH",
            resource,
            body["metadata"].get("namespace"),
            body["metadata"]["name"],
            query=_write_options(strict=False, dry_run=False) | {"force": "true"},
            body=head | body,
            content_type=_APPLY_PATCH,
        )

    async def replace(self, resource: Resource, obj: Object) -> Object:
        """Replace an object at the resource version it carries and return the result.

        Raises:
            ConflictError: it has another resource version by now.
        """
        return await self._requests.send(
            "update",
            "PUT",
            resource,
            obj["metadata"].get("namespace"),
            obj["metadata"]["name"],
            query=_write_options(strict=False, dry_run=False),
            body=obj,
        )

    async def replace_status(self, resource: Resource, obj: Object, status: Object) -> Object:
        """Replace the whole status at the resource version of `obj` (see `ObjectStore`)."""
        metadata = obj["metadata"]
        # The server takes everything else from what it has, so nothing else is sent (or needed:
        # the cache keeps only a part).
        identity = ("name", "namespace", "uid", "resourceVersion")
        return await self._requests.send(
            "update",
            "PUT",
            resource,
            metadata.get("namespace"),
            metadata["name"],
            subresource="status",
            query=_write_options(strict=False, dry_run=False),
            body={
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "metadata": {name: metadata[name] for name in identity if name in metadata},
                "status": status,
            },
        )

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> Object | None:
        """Ask for the deletion of an object (see `ObjectStore`)."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if propagation is not None:
            options["propagationPolicy"] = propagation
        answer = await self._requests.send(
            "delete", "DELETE", resource, namespace, name, body=options
        )
        # With a grace period or finalizers the answer is the object, otherwise a `Status` (or, for
        # some kinds, the object as it was).
        metadata = answer.get("metadata") or {}
        stays = grace_seconds != 0 or bool(metadata.get("finalizers"))
        return answer if "deletionTimestamp" in metadata and stays else None

    async def record(
        self, about: Object, type_: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Write an Event, or count an equal one up (see `ObjectStore`)."""
        now = datetime.now(UTC)
        event = events.new_event(about, type_, reason, message, now)
        try:
            await self.create(EVENTS, event)
        except ConflictError:
            name, namespace = event["metadata"]["name"], event["metadata"]["namespace"]
            existing = await self.get(EVENTS, name, namespace)
            await self.patch(EVENTS, name, namespace, events.repetition(existing, now))

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool = False,
    ) -> AbstractAsyncContextManager[ExecStream]:
        """Run a command in a container (see `Commands`)."""
        self._requests.counts["exec", "pods/exec"] += 1
        return Execution(self._requests.rest, namespace, pod, container, command, stdin=stdin)


def _write_options(*, strict: bool, dry_run: bool) -> dict[str, str]:
    options = {"fieldManager": names.FIELD_MANAGER}
    if strict:
        options["fieldValidation"] = "Strict"
    if dry_run:
        options["dryRun"] = "All"
    return options
