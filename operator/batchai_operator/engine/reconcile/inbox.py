"""Takes in every version of every object, and has looked at what it concerns.

Called by the handlers (watch events), by the controller (lists) and by the reconcilers (answers to
their own writes); all three go the same way, so that a decision never rests on less than what we
have written ourselves. It writes nothing to the API server.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

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
from batchai_operator.engine.reconcile.admissions import Admissions
from batchai_operator.engine.reconcile.cache import Cache, cluster_key, job_of
from batchai_operator.engine.reconcile.echo import Echo
from batchai_operator.engine.reconcile.serveruses import ServerUses, endpoint, names_of
from batchai_operator.engine.reconcile.sharedvolumes import ClaimUses
from batchai_operator.engine.reconcile.table import Key, name_of
from batchai_operator.planner.volumes.autostorage import why_missing


class Task(NamedTuple):
    """A key of the work queue."""

    kind: Literal["job", "cluster", "volume", "fileserver"]
    namespace: str
    name: str


Enqueue = Callable[[Task], None]
"""Has a task done as soon as a worker is free."""


class Inbox:
    """Keeps cache and admissions up to date and enqueues what follows from news.

    Args:
        cache: where versions are kept.
        admissions: told which clusters have changed.
        enqueue: has a task done soon.
        cluster_of: key of the cluster that an unfinished job belongs to; None otherwise.

    Attributes:
        echo: whether watches bring back what we wrote.
        uses: which jobs use which claims of ours.
    """

    def __init__(
        self,
        cache: Cache,
        admissions: Admissions,
        enqueue: Enqueue,
        cluster_of: Callable[[Object], Key | None],
    ) -> None:
        self._cache = cache
        self._admissions = admissions
        self._enqueue = enqueue
        self._cluster_of = cluster_of
        self.echo = Echo()
        self.uses = ClaimUses(lambda claim: enqueue(Task("volume", *claim)))
        self._servers = ServerUses()

    def wrote(self, resource: Resource, obj: Object) -> None:
        """Take in the API server's answer to a write of ours."""
        # A write that changed nothing, or whose event was faster than its answer, has no echo to
        # come; both show in the version being known.
        if self._cache.is_news(resource, obj):
            self.echo.wrote(obj)
        self.observe(resource, obj)

    def observe(self, resource: Resource, obj: Object) -> None:
        """Take in a version of an object; an old one changes nothing."""
        if resource == JOBS:
            self._job(obj)
        elif resource == CLUSTERS:
            self._cluster_object(obj)
        elif resource == FILE_SERVERS:
            self._file_server(obj)
        elif resource == DEPLOYMENTS:
            if self._cache.deployments.put(obj):
                self._deployment(obj)
        elif resource == PODS and job_of(obj) is not None and self._cache.pods.put(obj):
            self._pod(obj)
        elif resource == EVENTS:
            pod = self._cache.pods.by_uid(obj["involvedObject"].get("uid") or "")
            # Mount failures of Pods that are not ours are none of our business. Whoever may write
            # Events in one namespace may name the uid of a Pod in another there.
            is_ours = pod is not None and _namespace(pod) == _namespace(obj)
            if pod is not None and is_ours and self._cache.failures.put(obj):
                self._pod(pod)

    def gone(self, resource: Resource, obj: Object) -> None:
        """Take in that an object does not exist any more."""
        uid = obj["metadata"]["uid"]
        if resource == JOBS:
            self._job_gone(obj)
        elif resource == CLUSTERS:
            self._servers.drop(uid)
            known = self._cache.clusters.by_uid(uid) or obj
            if self._cache.clusters.drop(uid):
                self._cluster(cluster_key(known))
        elif resource == FILE_SERVERS:
            lost = self._cache.file_servers.by_uid(uid)
            if self._cache.file_servers.drop(uid) and lost is not None:
                self._wake_users(lost)
        elif resource == DEPLOYMENTS:
            if self._cache.deployments.drop(uid):
                self._deployment(obj)
        elif resource == PODS:
            self._pod_gone(obj)
        elif resource == EVENTS:
            # An Event that expires takes no fact back, but the next pass need not see it.
            self._cache.failures.drop(uid)

    def _job_gone(self, job: Object) -> None:
        uid = job["metadata"]["uid"]
        self.uses.drop_job(uid)
        self._servers.drop(uid)
        cluster = self._cluster_of(self._cache.jobs.by_uid(uid) or job)
        if self._cache.jobs.drop(uid) and cluster is not None:
            self._admissions.job_left(uid, cluster)
            self._enqueue(Task("cluster", *cluster))
        self._enqueue(Task("job", *name_of(job)))

    def _pod_gone(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        for event in self._cache.failures.in_group(uid):
            self._cache.failures.drop(event["metadata"]["uid"])
        # The last version tells how it ended, where it is more than an identity.
        if job_of(pod) is not None:
            self._cache.pods.put(pod)
        last = self._cache.pods.by_uid(uid)
        if last is not None and self._cache.pods.drop(uid):
            self._cache.bury(last)
            self._pod(last)

    def _job(self, job: Object) -> None:
        before = self._cache.jobs.by_uid(job["metadata"]["uid"])
        if not self._cache.jobs.put(job):
            return
        self.uses.see_job(job)
        self._servers.see(job)
        self._enqueue(Task("job", *name_of(job)))
        clusters = {self._cluster_of(job)}
        if before is not None:
            clusters.add(self._cluster_of(before))
        for cluster in clusters - {None}:
            assert cluster is not None  # noqa: S101 (for the type checker)
            self._admissions.job_changed(job, cluster)
            self._enqueue(Task("cluster", *cluster))

    def _cluster_object(self, cluster: Object) -> None:
        before = self._cache.clusters.by_uid(cluster["metadata"]["uid"])
        if not self._cache.clusters.put(cluster):
            return
        self._servers.see(cluster)
        key = cluster_key(cluster)
        self._cluster(key)
        if before is None or _for_jobs(before) != _for_jobs(cluster):
            # What a job takes from its cluster (volumes, images, sizes) counts until it has Pods.
            for job in self._cache.jobs.in_group(key):
                if not self._cache.pods_of(job):
                    self._enqueue(Task("job", *name_of(job)))

    def _cluster(self, cluster: Key) -> None:
        self._admissions.touch(cluster)
        self._enqueue(Task("cluster", *cluster))

    def _file_server(self, server: Object) -> None:
        before = self._cache.file_servers.by_uid(server["metadata"]["uid"])
        if not self._cache.file_servers.put(server):
            return
        self._enqueue(Task("fileserver", *name_of(server)))
        if endpoint(server) != (endpoint(before) if before else None):
            self._wake_users(server)

    def _wake_users(self, server: Object) -> None:
        """Have the jobs looked at that name a file server, or whose cluster does."""
        for uid in self._servers.users(names_of(server)):
            job, cluster = self._cache.jobs.by_uid(uid), self._cache.clusters.by_uid(uid)
            jobs = self._cache.jobs.in_group(cluster_key(cluster)) if cluster else (job,)
            for each in jobs:
                if each is not None:
                    self._enqueue(Task("job", *name_of(each)))

    def _deployment(self, deployment: Object) -> None:
        """Have the file server looked at that owns a Deployment; a label alone proves nothing."""
        for owner in deployment["metadata"].get("ownerReferences") or ():
            if owner.get("kind") == FILE_SERVERS.kind:
                self._enqueue(Task("fileserver", _namespace(deployment), str(owner["name"])))

    def _pod(self, pod: Object) -> None:
        namespace, uid = job_of(pod) or ("", "")
        job = self._cache.jobs.by_uid(uid)
        if job is None or _namespace(job) != namespace:
            return
        self.uses.see_pod(pod)
        self._enqueue(Task("job", *name_of(job)))
        cluster = self._cluster_of(job)
        if cluster is not None:
            # Pods hold nodes, so the answers may change; the cluster itself is looked at only when
            # a job's state changes, which says the same once per job instead of once per Pod.
            self._admissions.job_changed(job, cluster)


def _for_jobs(cluster: Object) -> object:
    """Return all of a cluster that its waiting jobs depend on, or repeat."""
    place = (cluster.get("status") or {}).get("autoStorage")
    generation = cluster["metadata"].get("generation")
    is_missing = bool((cluster.get("spec") or {}).get("autoStorage")) and not place
    return generation, place, why_missing(cluster) if is_missing else ""


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))
