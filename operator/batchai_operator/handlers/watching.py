"""kopf delivers the watch events of six kinds to the controller, and does nothing else.

Called by `main` once per process. Only `on.event` handlers: those that detect changes write
annotations, and `kopf.index` makes starts quadratic (platform guide 3.2, 3.3). A handler takes an
event in and returns; it never waits, fails or writes, because kopf neither retries nor persists it.
"""

from collections.abc import Awaitable, Callable
from typing import cast

import kopf
from typing_extensions import override

from batchai_operator import names
from batchai_operator.engine.ports import (
    CLUSTERS,
    DEPLOYMENTS,
    EVENTS,
    FILE_SERVERS,
    JOBS,
    PODS,
    Object,
    Resource,
)
from batchai_operator.engine.reconcile.listing import (
    MOUNT_FAILURE_SELECTOR,
    POD_SELECTOR,
    SERVER_SELECTOR,
)

Deliver = Callable[[Resource, str | None, Object], None]
"""`Controller.deliver`."""

WATCH_SECONDS = 30
"""The server ends each watch after this time, with a bookmark just before, so that the next one
begins where it ended and costs no list."""

SILENCE_SECONDS = 40.0
"""A watch that has said nothing for so long is dead, however open its connection looks. Kopf's own
70 s rest on a bookmark a minute, and a job's end or termination would go unseen for as long."""

Login = Callable[[], Awaitable[kopf.ConnectionInfo]]
"""Reads the credentials again; called at the start and whenever the API server refused them."""


def registry(deliver: Deliver, login: Login) -> kopf.OperatorRegistry:
    """Return the handlers, registered apart from kopf's global registry.

    Args:
        deliver: takes in an event.
        login: yields address and credentials of the API server.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def log_in(**_: object) -> kopf.ConnectionInfo:
        return await login()

    @kopf.on.event(names.GROUP, names.VERSION, names.JOB_PLURAL, registry=handlers)
    async def job(event: kopf.RawEvent, **_: object) -> None:
        deliver(JOBS, event["type"], dict(event["object"]))

    @kopf.on.event(names.GROUP, names.VERSION, names.CLUSTER_PLURAL, registry=handlers)
    async def cluster(event: kopf.RawEvent, **_: object) -> None:
        deliver(CLUSTERS, event["type"], dict(event["object"]))

    @kopf.on.event(names.GROUP, names.VERSION, names.FILE_SERVER_PLURAL, registry=handlers)
    async def file_server(event: kopf.RawEvent, **_: object) -> None:
        deliver(FILE_SERVERS, event["type"], dict(event["object"]))

    @kopf.on.event("apps", "v1", "deployments", registry=handlers)
    async def deployment(event: kopf.RawEvent, **_: object) -> None:
        deliver(DEPLOYMENTS, event["type"], dict(event["object"]))

    @kopf.on.event("", "v1", "pods", registry=handlers)
    async def pod(event: kopf.RawEvent, **_: object) -> None:
        deliver(PODS, event["type"], dict(event["object"]))

    @kopf.on.event("", "v1", "events", registry=handlers)
    async def mount_failure(event: kopf.RawEvent, **_: object) -> None:
        deliver(EVENTS, event["type"], dict(event["object"]))

    return handlers


class NothingToCompare(kopf.AnnotationsDiffBaseStorage):
    """Spares kopf the comparison of versions, which no handler of ours asks for.

    kopf makes a deep copy of every object at every event, to compare it with what an annotation
    says about the last one; half a millisecond of processor time for a Pod.
    """

    @override
    def build(self, **_: object) -> kopf.BodyEssence:
        """Return what is to be compared: nothing."""
        return cast("kopf.BodyEssence", {})

    @override
    def fetch(self, **_: object) -> None:
        """Return what the object was like before: unknown."""


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: server-side selectors, no scanning, no posting, no patience."""
    chosen = kopf.OperatorSettings()
    chosen.watching.label_selectors["v1", "pods"] = POD_SELECTOR
    chosen.watching.label_selectors["apps", "v1", "deployments"] = SERVER_SELECTOR
    chosen.watching.field_selectors["v1", "events"] = MOUNT_FAILURE_SELECTOR
    # Pages, so that the list of a big cluster is never in memory as a whole.
    chosen.watching.chunk_size = 100
    chosen.watching.connect_timeout = 5
    chosen.watching.server_timeout = WATCH_SECONDS
    chosen.watching.inactivity_timeout = SILENCE_SECONDS
    # Watching CRDs and namespaces would need rights that we do not ask for.
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    chosen.networking.connect_timeout = 5
    chosen.networking.request_timeout = 30
    # Nothing of ours makes kopf write; should it ever, its marks carry our name.
    chosen.persistence.finalizer = f"{names.GROUP}/finalizer"
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=names.GROUP)
    chosen.persistence.diffbase_storage = NothingToCompare(prefix=names.GROUP)
    # A task per object that has just changed; they end soon, so that a burst of thousands does not
    # stay in memory for seconds.
    chosen.queueing.idle_timeout = 0.2
    chosen.process.ultimate_exiting_timeout = 25
    return chosen
