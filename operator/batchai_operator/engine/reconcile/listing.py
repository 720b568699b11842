"""Which objects the operator lists and watches, and listing them all anew.

Called by the controller now and then; the handlers watch by the same selectors. The server filters,
so what is not ours costs nothing.
"""

from collections.abc import Iterator

from batchai_operator import names
from batchai_operator.engine.ports import (
    CLUSTERS,
    DEPLOYMENTS,
    EVENTS,
    FILE_SERVERS,
    JOBS,
    PODS,
    ObjectStore,
    Resource,
)
from batchai_operator.engine.reconcile.cache import Cache
from batchai_operator.engine.reconcile.inbox import Inbox
from batchai_operator.engine.reconcile.table import Table

POD_SELECTOR = f"{names.MANAGED_BY_LABEL}={names.FIELD_MANAGER},{names.COMPONENT_LABEL}=node"
"""Label selector of the Pods we make."""

SERVER_SELECTOR = (
    f"{names.MANAGED_BY_LABEL}={names.FIELD_MANAGER},{names.COMPONENT_LABEL}=fileserver"
)
"""Label selector of the Deployments that run file servers."""

MOUNT_FAILURE_SELECTOR = "involvedObject.kind=Pod,reason=FailedMount"
"""Field selector of the Events by which the kubelet tells of mount errors (design 5)."""


def kinds_of(cache: Cache) -> Iterator[tuple[Resource, Table, str, str]]:
    """Yield each kind with its table, label selector and field selector.

    Jobs before Pods before Events: each kind is told apart by the one before.
    """
    yield FILE_SERVERS, cache.file_servers, "", ""
    yield DEPLOYMENTS, cache.deployments, SERVER_SELECTOR, ""
    yield CLUSTERS, cache.clusters, "", ""
    yield JOBS, cache.jobs, "", ""
    yield PODS, cache.pods, POD_SELECTOR, ""
    yield EVENTS, cache.failures, "", MOUNT_FAILURE_SELECTOR


async def list_all(store: ObjectStore, namespace: str | None, cache: Cache, inbox: Inbox) -> None:
    """List every kind once and take it in, dropping what is not there any more.

    Args:
        store: the API server.
        namespace: only this one; None for all.
        cache: what is known.
        inbox: takes in what is news.

    Raises:
        BatchAIError: a list failed; what was listed before it is kept.
    """
    for resource, table, labels, fields in kinds_of(cache):
        before = table.uids()
        present = set()
        async for page in store.pages(resource, namespace, labels=labels, fields=fields):
            for obj in page:
                present.add(obj["metadata"]["uid"])
                inbox.observe(resource, obj)
        # Only what was known before the list was asked for can be missing from it.
        for uid in before - present:
            lost = table.by_uid(uid)
            if lost is not None:
                inbox.gone(resource, lost)
                # Its deletion was missed, so no event of our last write will come either.
                inbox.echo.heard(lost, gone=True)
