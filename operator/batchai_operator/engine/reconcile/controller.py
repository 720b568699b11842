"""The operator without its framework: lists, events in, passes out.

Made by `wiring`, fed by the kopf handlers, run by `main`, looked at by the probes. It puts the
parts of this room together and owns when things happen: nothing is reconciled before every kind has
been listed once (a job whose Pods are not known yet would get a second set), and everything is
listed and looked at again now and then, and whenever a watch has lost its place, because it then
tells of no deletions.
"""

import asyncio
import logging
from contextlib import suppress

from batchai_operator.engine.ports import (
    Clock,
    Object,
    ObjectStore,
    Resource,
)
from batchai_operator.engine.reconcile.admissions import Admissions
from batchai_operator.engine.reconcile.apply import Children
from batchai_operator.engine.reconcile.autostorage import WORKERS, AutoStorage
from batchai_operator.engine.reconcile.cache import Cache, cluster_key
from batchai_operator.engine.reconcile.clusters import ClusterReconciler
from batchai_operator.engine.reconcile.fileservers import FileServerReconciler
from batchai_operator.engine.reconcile.health import Health
from batchai_operator.engine.reconcile.inbox import Inbox, Task
from batchai_operator.engine.reconcile.jobs import JobReconciler
from batchai_operator.engine.reconcile.keys import cluster_of, is_finished
from batchai_operator.engine.reconcile.listing import kinds_of, list_all
from batchai_operator.engine.reconcile.lookups import Lookups
from batchai_operator.engine.reconcile.queue import WorkQueue
from batchai_operator.engine.reconcile.report import Reporter
from batchai_operator.engine.reconcile.sharedvolumes import SharedVolumes
from batchai_operator.engine.reconcile.table import name_of
from batchai_operator.engine.storageports import StorageAccount
from batchai_operator.errors import BatchAIError
from batchai_operator.settings import Settings

logger = logging.getLogger(__name__)

FIRST_RESYNC_SECONDS = 20.0
"""Pause between the first lists and the second: it covers what was deleted between our lists and
the start of the watches."""

LOST_PLACE_SECONDS = 2.0
"""Pause between a watch's listing anew and our lists; others often begin anew with it."""

LIST_AGAIN_SECONDS = 5.0
"""Pause before lists that failed are tried again."""


class Controller:
    """Reconciles the jobs, clusters and file servers of one namespace, or of all.

    Args:
        store: the API server.
        settings: of the operator.
        clock: what time it is, for what is written.
        account: storage account for auto-storage.
    """

    def __init__(
        self, store: ObjectStore, settings: Settings, clock: Clock, account: StorageAccount
    ) -> None:
        self._store = store
        self._settings = settings
        self._namespace = settings.namespace or None
        self._synced_at: float | None = None
        self._event_at: float | None = None
        self._resyncs = 0
        self._stopping = False
        self._wake = asyncio.Event()
        self.cache = Cache(cluster_of)
        self.queue: WorkQueue[Task] = WorkQueue(self._work)
        admissions = Admissions(self.cache)
        self._inbox = Inbox(self.cache, admissions, self.queue.add, cluster_of)
        reporter = Reporter(store, self._inbox)
        self._volumes = SharedVolumes(store, self._inbox.uses)
        lookups = Lookups(store, settings.gpu_resource, clock, reads_nodes=not settings.namespace)
        self._jobs = JobReconciler(
            cache=self.cache,
            admissions=admissions,
            lookups=lookups,
            children=Children(store, self._inbox),
            volumes=self._volumes,
            reporter=reporter,
            settings=settings,
            clock=clock,
        )
        self.auto_storage = AutoStorage(
            cache=self.cache,
            store=store,
            account=account,
            settings=settings,
            tell=lambda key: self.queue.add(Task("cluster", *key)),
        )
        self._clusters = ClusterReconciler(
            cache=self.cache,
            admissions=admissions,
            enqueue=self.queue.add,
            reporter=reporter,
            auto_storage=self.auto_storage,
            lookups=lookups,
            settings=settings,
            clock=clock,
        )

        self._file_servers = FileServerReconciler(
            cache=self.cache,
            store=store,
            inbox=self._inbox,
            reporter=reporter,
            settings=settings,
            clock=clock,
        )

    def deliver(self, resource: Resource, type_: str | None, obj: Object) -> None:
        """Take in a watch event.

        Args:
            resource: kind of the object.
            type_: `ADDED`, `MODIFIED`, `DELETED`, or None for an object of an initial list.
            obj: the object.
        """
        self._event_at = asyncio.get_running_loop().time()
        self._inbox.echo.heard(obj, gone=type_ == "DELETED")
        if type_ is None and self._resyncs:
            # A watch that begins anew with a list has lost its place, and with it the deletions
            # since then; the lists after the start cover its first beginning.
            self._wake.set()
        if type_ == "DELETED":
            self._inbox.gone(resource, obj)
        else:
            self._inbox.observe(resource, obj)

    async def sync(self) -> None:
        """List every kind once and take it in, dropping what is not there any more.

        Raises:
            BatchAIError: a list failed; what was listed before it is kept.
        """
        await list_all(self._store, self._namespace, self.cache, self._inbox)
        await self._sync_volumes()
        self._synced_at = asyncio.get_running_loop().time()
        for job in self.cache.jobs:
            if not is_finished(job) or self.cache.pods_of(job):
                self.queue.add(Task("job", *name_of(job)))
        for cluster in self.cache.clusters:
            self.queue.add(Task("cluster", *cluster_key(cluster)))
        for server in self.cache.file_servers:
            self.queue.add(Task("fileserver", *name_of(server)))

    async def _sync_volumes(self) -> None:
        if self._settings.static_volumes:
            self._inbox.uses.keep_jobs(self.cache.jobs.uids())
            async for claim in self._volumes.unused(self._namespace):
                self.queue.add(Task("volume", *claim))

    async def first_sync(self) -> None:
        """List until it works; an operator that starts before its CRDs simply waits for them."""
        while True:
            try:
                await self.sync()
            except BatchAIError as error:
                logger.warning("Not ready to work yet: %s", error)
                await asyncio.sleep(LIST_AGAIN_SECONDS)
            else:
                return

    async def run(self) -> None:
        """Reconcile until `stop`; call `first_sync` before.

        Raises:
            RuntimeError: nothing has been listed yet.
        """
        if self._synced_at is None:
            raise RuntimeError("first_sync comes before run")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resync())
            group.create_task(self.queue.run(self._settings.workers))
            group.create_task(self.auto_storage.queue.run(WORKERS))

    def stop(self) -> None:
        """Finish what is being worked on and take nothing new."""
        self._stopping = True
        self._wake.set()
        self.queue.stop()
        self.auto_storage.queue.stop()

    def health(self) -> Health:
        """Return how things stand."""
        now = asyncio.get_running_loop().time()
        return Health(
            synced=self._synced_at is not None,
            resync_age=None if self._synced_at is None else now - self._synced_at,
            event_age=None if self._event_at is None else now - self._event_at,
            echo_age=self._inbox.echo.oldest_seconds(),
            queue_depth=self.queue.depth,
            queue_oldest=self.queue.oldest_seconds(),
            retrying=self.queue.retrying,
            delayed=self.queue.delayed,
            counts=self.queue.counts,
            known={resource.plural: len(table) for resource, table, _, _ in kinds_of(self.cache)},
        )

    async def _work(self, task: Task) -> float | None:
        key = (task.namespace, task.name)
        if task.kind == "cluster":
            return await self._clusters.reconcile(key)
        if task.kind == "volume":
            return await self._volumes.reconcile(key)
        if task.kind == "fileserver":
            return await self._file_servers.reconcile(key)
        return await self._jobs.reconcile(key)

    async def _resync(self) -> None:
        pause = min(FIRST_RESYNC_SECONDS, self._settings.resync_seconds)
        while not await self._stopped_within(pause):
            try:
                await self.sync()
                self._resyncs += 1
                pause = self._settings.resync_seconds
            except BatchAIError as error:
                logger.warning("Could not list everything again: %s", error)
                pause = LIST_AGAIN_SECONDS

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait until it is time to list again; return whether it is time to stop instead."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        if self._wake.is_set() and not self._stopping:
            await asyncio.sleep(LOST_PLACE_SECONDS)
            self._wake.clear()
        return self._stopping
