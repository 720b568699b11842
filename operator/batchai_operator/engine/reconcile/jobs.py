"""One pass over one job: observe, plan, apply, report.

Called by the controller for each task of kind `job`. Level-triggered: it looks at what is, never at
what happened, so it may be called at any time, twice, or after a crash at any point of an earlier
pass. What is to be done is the planner's decision; this knows only the order of doing it: children,
then one status write, then Events.
"""

import asyncio
import random
import secrets
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from batchai_operator.engine.ports import JOBS, Clock, Object
from batchai_operator.engine.reconcile.admissions import Admissions
from batchai_operator.engine.reconcile.apply import Children
from batchai_operator.engine.reconcile.cache import Cache
from batchai_operator.engine.reconcile.keys import cluster_of, is_finished, vm_size_of
from batchai_operator.engine.reconcile.lookups import Lookups
from batchai_operator.engine.reconcile.report import Reporter
from batchai_operator.engine.reconcile.serveruses import named_endpoints
from batchai_operator.engine.reconcile.sharedvolumes import SharedVolumes
from batchai_operator.engine.reconcile.table import Key
from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    ForbiddenError,
    NameTakenError,
    RejectedError,
)
from batchai_operator.planner.clusters.admission import nodes_of
from batchai_operator.planner.facts import Admission, JobFacts, NodeCapacity, Refusal, SecretFacts
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.observed import attempt_of, observe
from batchai_operator.planner.jobs.secrets import secrets_needed
from batchai_operator.planner.plan import JobPlan
from batchai_operator.settings import Settings

REFUSED_AGAIN_SECONDS = 15.0
"""Pause before children that quota or policy forbade are tried again; no event tells the end. It
is up to twice as long, so that jobs that share a quota do not always try at the same moment."""

_NO_CLUSTER = Admission(admitted=False, position=0, reason="ClusterNotFound", message="")


class JobReconciler:
    """Brings one job at a time closer to what its spec says.

    Args:
        cache: what is known.
        admissions: which jobs may start.
        lookups: what is asked for when needed.
        children: makes and deletes Pods, Service, Secret.
        volumes: makes what jobs share.
        reporter: writes status and Events.
        settings: of the operator.
        clock: what time it is, for the planner.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        admissions: Admissions,
        lookups: Lookups,
        children: Children,
        volumes: SharedVolumes,
        reporter: Reporter,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._admissions = admissions
        self._lookups = lookups
        self._children = children
        self._volumes = volumes
        self._reporter = reporter
        self._settings = settings
        self._clock = clock
        # By uid, when Pods may be tried again; forgotten by a crash, which costs one try.
        self._refused: dict[str, float] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass.

        Args:
            key: namespace and name of a job.

        Returns:
            Seconds after which to look again although nothing happens, or None.

        Raises:
            BatchAIError: the pass is incomplete; the same call again goes on where it ended.
        """
        job = self._cache.jobs.by_name(key)
        if job is None:
            # Owner references remove the children, with the grace they need to save their logs.
            return None
        facts = await self._observe(job)
        plan = plan_job(facts)
        wait = self._wait_after_refusal(job)
        if plan.create and wait > 0:
            return wait
        refusal = await self._apply(job, plan)
        if refusal is not None:
            return await self._refuse(job, facts, refusal)
        await self._reporter.report(JOBS, job, plan.status, plan.events)
        return plan.requeue_after

    async def _refuse(self, job: Object, facts: JobFacts, refusal: Refusal) -> float | None:
        """Say that children were refused, then give up those that were made; return the pause."""
        facts = replace(facts, refusal=refusal, pods=self._cache.pods_of(job))
        plan = plan_job(facts)
        # In this order, so that after a crash in between the next pass knows why those Pods end.
        await self._reporter.report(JOBS, job, plan.status, plan.events)
        await self._children.delete_all(job["metadata"]["namespace"], plan.delete)
        if refusal.definite or refusal.is_ending:
            return plan.requeue_after
        pause = REFUSED_AGAIN_SECONDS * random.uniform(1, 2)  # noqa: S311 (it spreads tries only)
        now = asyncio.get_running_loop().time()
        self._refused = {uid: due for uid, due in self._refused.items() if due > now}
        self._refused[job["metadata"]["uid"]] = now + pause
        return pause

    def _wait_after_refusal(self, job: Object) -> float:
        """Return for how long children must not be tried again."""
        uid = job["metadata"]["uid"]
        left = self._refused.get(uid, 0.0) - asyncio.get_running_loop().time()
        if left <= 0:
            self._refused.pop(uid, None)
        return max(left, 0.0)

    async def _observe(self, job: Object) -> JobFacts:
        """Gather all that the plan of a job depends on."""
        namespace = job["metadata"]["namespace"]
        cluster_key = cluster_of(job)
        cluster = None if cluster_key is None else self._cache.clusters.by_name(cluster_key)
        found: Mapping[str, SecretFacts | None] = {}
        annotations: Mapping[str, str] = {}
        capacity: NodeCapacity | None = None
        if not is_finished(job):
            # The path segment is written once, so the namespace matters only before that.
            if not (job.get("status") or {}).get("jobOutputDirectoryPathSegment"):
                annotations = await self._lookups.annotations(namespace)
            if self._admission(job).admitted and self._lacks_pods(job):
                found = await self._lookups.secrets(namespace, secrets_needed(job, cluster))
                size = vm_size_of(cluster)
                capacity = await self._lookups.capacity(size) if size else None
        pods = self._cache.pods_of(job)
        return JobFacts(
            job=job,
            cluster=cluster,
            pods=pods,
            secrets=found,
            mount_failures=self._cache.mount_failures_of(pods),
            # Asked again after the waiting above, because others may have taken the nodes; from
            # here to `starting` nothing is awaited.
            admission=self._admission(job),
            capacity=capacity,
            namespace_annotations=annotations,
            new_key=secrets.token_hex(32),
            settings=self._settings,
            now=self._clock(),
            gone=self._cache.gone_of(job),
            file_servers=named_endpoints(self._cache.file_servers, namespace, (job, cluster)),
        )

    async def _apply(self, job: Object, plan: JobPlan) -> Refusal | None:
        """Make and delete children; return what the API server refused, if it did."""
        await self._children.delete_all(job["metadata"]["namespace"], plan.delete)
        if not plan.create:
            return await self._make_awaited(job, plan)
        cluster = cluster_of(job)
        taken = self._admissions.starting(job, cluster) if cluster else nullcontext()
        with taken:
            try:
                ending = await self._make_volumes(job, plan)
                if ending is not None:
                    return ending
                await self._children.create_all(job, plan.create)
            except (ForbiddenError, NameTakenError, RejectedError) as error:
                return _refusal(error)
        return None

    async def _make_awaited(self, job: Object, plan: JobPlan) -> Refusal | None:
        """Make the volumes that a job without nodes waits for; it takes no nodes for that."""
        try:
            return await self._make_volumes(job, plan)
        except (ForbiddenError, NameTakenError, RejectedError) as error:
            return _refusal(error)

    async def _make_volumes(self, job: Object, plan: JobPlan) -> Refusal | None:
        """Make what the job shares with others; return what has to end before that can be."""
        try:
            await self._volumes.make(job, plan.shared)
        except NameTakenError:
            raise
        except ConflictError as error:
            return Refusal(definite=False, message=str(error), is_ending=True)
        return None

    def _admission(self, job: Object) -> Admission:
        cluster = cluster_of(job)
        if cluster is None:
            return _NO_CLUSTER
        return self._admissions.of_job(job, cluster) or _NO_CLUSTER

    def _lacks_pods(self, job: Object) -> bool:
        # Pods of an earlier run, which may take long to end, are no nodes of this one.
        return len(observe(self._cache.pods_of(job), attempt_of(job)).current) < nodes_of(job)


def _refusal(error: BatchAIError) -> Refusal:
    return Refusal(
        definite=isinstance(error, RejectedError),
        message=str(error),
        is_name=isinstance(error, NameTakenError),
    )
