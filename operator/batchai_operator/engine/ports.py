"""What the engine asks of the world, as protocols; adapters implement them, tests fake them.

Imported by everything in `engine` and by the adapters. Objects are plain dicts as the API server
sends them: decoding them into classes costs ten times as much (platform guide 3.6). All errors are
those of `batchai_operator.errors`; no vendor's exception passes a port.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from batchai_operator import names

Object = dict[str, Any]
"""A Kubernetes object as JSON; never changed once it was handed over."""

Clock = Callable[[], datetime]
"""Tells the time, with time zone; the engine reads no other clock for what it writes."""


@dataclass(frozen=True)
class Resource:
    """A kind of object and where the API server serves it."""

    api_version: str
    plural: str
    kind: str
    namespaced: bool = True


JOBS = Resource(names.API_VERSION, names.JOB_PLURAL, names.JOB_KIND)
CLUSTERS = Resource(names.API_VERSION, names.CLUSTER_PLURAL, names.CLUSTER_KIND)
FILE_SERVERS = Resource(names.API_VERSION, names.FILE_SERVER_PLURAL, names.FILE_SERVER_KIND)
PODS = Resource("v1", "pods", "Pod")
SERVICES = Resource("v1", "services", "Service")
SECRETS = Resource("v1", "secrets", "Secret")
CLAIMS = Resource("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DEPLOYMENTS = Resource("apps/v1", "deployments", "Deployment")
EVENTS = Resource("v1", "events", "Event")
NODES = Resource("v1", "nodes", "Node", namespaced=False)
NAMESPACES = Resource("v1", "namespaces", "Namespace", namespaced=False)
PERSISTENT_VOLUMES = Resource("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
LEASES = Resource("coordination.k8s.io/v1", "leases", "Lease")


class ObjectStore(Protocol):
    """The Kubernetes API, as far as we use it.

    Every method may raise `UnavailableError` (no answer, overload), `ForbiddenError` (no right, or
    a policy) and, when it writes, `RejectedError` (the content was refused; the message says why).
    """

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """Return one object.

        Raises:
            NotFoundError: there is none of that name.
        """
        ...

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> list[Object]:
        """Return all objects of a namespace (None: of all), read in pages.

        Args:
            resource: what to list.
            namespace: only this namespace.
            labels: label selector, evaluated by the server.
            fields: field selector, evaluated by the server.
        """
        ...

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> AsyncIterator[Sequence[Object]]:
        """Yield all objects some at a time, for those who need not have all at once; see `list`."""
        ...

    async def create(
        self, resource: Resource, body: Object, *, strict: bool = False, dry_run: bool = False
    ) -> Object:
        """Create an object in the namespace its metadata names and return what was stored.

        Args:
            resource: what to create.
            body: the object; `apiVersion` and `kind` are filled in.
            strict: refuse unknown fields instead of pruning them (`fieldValidation=Strict`).
            dry_run: validate and admit, store nothing.

        Raises:
            ConflictError: the name is taken.
        """
        ...

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
        """Merge `body` into an object (JSON merge patch) and return the result.

        A `metadata.resourceVersion` in `body` makes the write conditional.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: the object has another resource version by now.
        """
        ...

    async def apply(self, resource: Resource, body: Object) -> Object:
        """Apply `body` server-side, taking over the fields it names, and return the result."""
        ...

    async def replace_status(self, resource: Resource, obj: Object, status: Object) -> Object:
        """Replace the whole status of `obj` unless it has changed since it was read.

        Raises:
            NotFoundError: the object is gone.
            ConflictError: the object has another resource version by now.
        """
        ...

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
        """Ask for the deletion of an object.

        Args:
            resource: what to delete.
            name: its name.
            namespace: its namespace.
            uid: delete only this incarnation of the name.
            grace_seconds: grace period instead of the object's own.
            propagation: what happens to its dependents, instead of the server's default.

        Returns:
            The object while it lingers (grace period, finalizers), None when it is gone.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: the name belongs to another uid by now.
        """
        ...

    async def record(
        self, about: Object, type_: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Write an Event about an object; a repetition counts up instead of adding another.

        Args:
            about: object the Event is about, with `apiVersion`, `kind` and `metadata`.
            type_: whether a person should worry.
            reason: CamelCase word for machines.
            message: sentence for people; cut at 1024 characters, as the API demands.
        """
        ...


class ExecStream(Protocol):
    """Standard output of a running command, byte for byte; errors and exit code afterwards.

    Iterate to the end first: `stderr` and `exit_code` are set when the iteration is over.
    """

    stderr: str
    exit_code: int

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield pieces of standard output as they come.

        Raises:
            UnavailableError: the connection broke before the command ended.
            ConflictError: the command could not be started, the container being gone or not there
                yet.
        """
        ...

    async def send(self, data: bytes) -> None:
        """Write to the command's standard input, if it was started with one.

        Raises:
            UnavailableError: the connection broke.
        """
        ...


class Commands(Protocol):
    """Runs programs inside containers, with the rights of the caller (`pods/exec`)."""

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool = False,
    ) -> AbstractAsyncContextManager[ExecStream]:
        """Start a command, without input unless asked; leaving the context closes the connection.

        Entering raises:
            NotFoundError: no such Pod.
            ConflictError: the container does not run.
            ForbiddenError: the caller may not.
            UnavailableError: no connection.
        """
        ...


class Cluster(ObjectStore, Commands, Protocol):
    """Objects and commands of one Kubernetes, as a front such as the command line needs them."""

    @property
    def default_namespace(self) -> str:
        """Namespace of the kubeconfig's context, or of the Pod that this process runs in."""
        ...


class RequestCounts(Protocol):
    """How many requests went to the API server, for the metrics and the budget test."""

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """Requests so far by (verb, plural or `plural/subresource`)."""
        ...
