"""What the API server said last about our kinds, our Pods and Deployments, and mount failures.

Fed by the controller (lists and watch events) and by the reconcilers (answers to their own writes),
read by the reconcilers. It holds copies only: everything in it can be listed again, so a restart
loses nothing but the last words of Pods that vanished before they were heard. Look-ups cost what
they return, never a scan.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from batchai_operator import names
from batchai_operator.engine.ports import (
    CLUSTERS,
    DEPLOYMENTS,
    FILE_SERVERS,
    JOBS,
    PODS,
    Object,
    Resource,
)
from batchai_operator.engine.reconcile.keeping import kept_deployment, kept_job, kept_pod
from batchai_operator.engine.reconcile.table import Key, Table, name_of
from batchai_operator.planner.facts import MountFailure

# Jobs whose vanished Pods are kept.
_GRAVES = 1_000


class Cache:
    """The kinds that reconciling needs at hand.

    Args:
        cluster_of: key of the cluster that an unfinished job waits for or runs on; None otherwise.
    """

    def __init__(self, cluster_of: Callable[[Object], Key | None]) -> None:
        self.jobs = Table(cluster_of, kept_job)
        self.clusters = Table(lambda _: None, key=cluster_key)
        self.file_servers = Table(server_key)
        self.deployments = Table(lambda _: None, kept_deployment)
        self.pods = Table(job_of, kept_pod)
        self.failures = Table(lambda event: event["involvedObject"].get("uid"))
        self._gone: OrderedDict[Key | None, dict[str, Object]] = OrderedDict()

    def is_news(self, resource: Resource, obj: Object) -> bool:
        """Return whether a version of an object is newer than what is known."""
        tables = {
            JOBS: self.jobs,
            CLUSTERS: self.clusters,
            FILE_SERVERS: self.file_servers,
            DEPLOYMENTS: self.deployments,
            PODS: self.pods,
        }
        return tables[resource].is_news(obj)

    def pods_of(self, job: Object) -> tuple[Object, ...]:
        """Return the Pods that a job owns."""
        return self.pods.in_group((job["metadata"]["namespace"], job["metadata"]["uid"]))

    def bury(self, pod: Object) -> None:
        """Keep a Pod that does not exist any more if it says how its program or sidecar ended.

        A Pod that is deleted vanishes a moment after it has ended, often before the next pass.
        """
        status = pod.get("status") or {}
        ended = {
            container.get("name"): (container.get("state") or {}).get("terminated") or {}
            for kind in ("initContainerStatuses", "containerStatuses")
            for container in status.get(kind) or ()
        }
        said = (ended.get(names.SIDECAR_CONTAINER) or {}).get("message")
        if ended.get(names.JOB_CONTAINER) or said:
            left = self._gone.setdefault(job_of(pod), {})
            left[pod["metadata"]["uid"]] = pod
        if len(self._gone) > _GRAVES:
            self._gone.popitem(last=False)

    def gone_of(self, job: Object) -> tuple[Object, ...]:
        """Return what is kept of a job's Pods that do not exist any more."""
        key = (job["metadata"]["namespace"], job["metadata"]["uid"])
        return tuple(self._gone.get(key, {}).values())

    def mount_failures_of(self, pods: tuple[Object, ...]) -> tuple[MountFailure, ...]:
        """Return what the kubelet said about volumes of these Pods."""
        return tuple(
            _mount_failure(event)
            for pod in pods
            for event in self.failures.in_group(pod["metadata"]["uid"])
        )


def cluster_key(cluster: Object) -> Key:
    """Return namespace and Batch AI name of a cluster, by which jobs refer to it (design 2)."""
    namespace, name = name_of(cluster)
    return namespace, str((cluster.get("spec") or {}).get("name") or name)


def server_key(server: Object) -> Key:
    """Return namespace and Batch AI name of a file server, which its object may not have."""
    namespace, name = name_of(server)
    return namespace, str((server.get("spec") or {}).get("name") or name).lower()


def job_of(pod: Object) -> Key | None:
    """Return namespace and uid of the job that a Pod belongs to; a label alone proves nothing.

    The namespace is the Pod's own. Anybody may name any uid as the owner of a Pod of theirs, and
    Kubernetes removes a Pod whose owner is in another namespace only after a while.
    """
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == names.JOB_KIND and owner.get("apiVersion") == names.API_VERSION:
            return metadata.get("namespace", ""), str(owner["uid"])
    return None


def _mount_failure(event: Object) -> MountFailure:
    first = event.get("firstTimestamp") or event.get("eventTime")
    first = first or event["metadata"]["creationTimestamp"]
    series = event.get("series") or {}
    last = event.get("lastTimestamp") or series.get("lastObservedTime") or first
    about = event["involvedObject"]
    return MountFailure(
        pod_uid=str(about.get("uid", "")),
        pod_name=str(about.get("name", "")),
        message=str(event.get("message", "")),
        count=int(event.get("count") or series.get("count") or 1),
        first_seen=datetime.fromisoformat(first),
        last_seen=datetime.fromisoformat(last),
    )
