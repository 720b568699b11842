"""One pass over one cluster: tell its waiting jobs what has changed for them, then its own status.

Called by the controller for each task of kind `cluster`; also for a cluster that does not exist,
because jobs may wait for it. It starts nothing itself.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from batchai_operator.engine.ports import CLUSTERS, Clock, Object
from batchai_operator.engine.reconcile.admissions import Admissions
from batchai_operator.engine.reconcile.autostorage import AutoStorage
from batchai_operator.engine.reconcile.cache import Cache
from batchai_operator.engine.reconcile.inbox import Enqueue, Task
from batchai_operator.engine.reconcile.lookups import Lookups
from batchai_operator.engine.reconcile.report import Reporter
from batchai_operator.engine.reconcile.table import Key, name_of
from batchai_operator.planner.clusters.cluster import plan_cluster
from batchai_operator.planner.facts import AutoStorageFacts, ClusterFacts
from batchai_operator.planner.specs import cluster_spec
from batchai_operator.settings import Settings


class ClusterReconciler:
    """Brings one cluster at a time closer to what its spec says.

    Args:
        cache: what is known.
        admissions: which jobs may start.
        enqueue: has a task done soon.
        reporter: writes status and Events.
        auto_storage: makes shares and containers.
        lookups: what is asked for when needed.
        settings: of the operator.
        clock: what time it is, for the planner.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        admissions: Admissions,
        enqueue: Enqueue,
        reporter: Reporter,
        auto_storage: AutoStorage,
        lookups: Lookups,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._admissions = admissions
        self._enqueue = enqueue
        self._reporter = reporter
        self._auto_storage = auto_storage
        self._lookups = lookups
        self._settings = settings
        self._clock = clock

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass.

        Args:
            key: namespace and name of a cluster, whether it exists or not.

        Returns:
            Seconds after which to look again although nothing happens, or None.

        Raises:
            BatchAIError: the pass is incomplete; the same call again goes on where it ended.
        """
        for uid in self._admissions.news(key):
            job = self._cache.jobs.by_uid(uid)
            if job is not None:
                self._enqueue(Task("job", *name_of(job)))
        cluster = self._cache.clusters.by_name(key)
        if cluster is None or cluster["metadata"].get("deletionTimestamp"):
            self._auto_storage.forget(key)
            return None
        setup = (cluster.get("spec") or {}).get("nodeSetup") or {}
        annotations: Mapping[str, str] = {}
        # The folder is written once, so the namespace matters only before that.
        if setup.get("setupTask") and not (cluster.get("status") or {}).get("stdOutErrPathSuffix"):
            annotations = await self._lookups.annotations(key[0])
        plan = plan_cluster(
            ClusterFacts(
                cluster=cluster,
                jobs=self._cache.jobs.in_group(key),
                settings=self._settings,
                now=self._clock(),
                auto_storage=self._storage_of(key, cluster),
                namespace_annotations=annotations,
            )
        )
        await self._reporter.report(CLUSTERS, cluster, plan.status, plan.events)
        return plan.requeue_after

    def _storage_of(self, key: Key, cluster: Object) -> AutoStorageFacts | None:
        """Return what is known of the cluster's auto-storage; None too when it has none."""
        try:
            wanted = cluster_spec(cluster).auto_storage
        except ValidationError:
            wanted = False
        if wanted:
            return self._auto_storage.look(key, cluster)
        self._auto_storage.forget(key)
        return None
