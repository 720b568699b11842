"""What the API server said last about our kinds, our Pods and Deployments, and mount failures.

Fed by the controller (lists and watch events) and by the reconcilers (answers to their own writes),
read by the reconcilers. It holds copies only: everything in it can be listed again, so a restart
loses nothing but the last words of Pods that vanished before they were heard. Look-ups cost what
they return, never a scan.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
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
from batchai_operator.engine.reconcile.keeping import kept, kept_deployment, kept_job, kept_pod
from batchai_operator.planner.facts import MountFailure

Key = tuple[str, str]
"""Namespace and name."""

# How long deleted uids are remembered, so that a late answer or list cannot bring an object back;
# by time, so that what is remembered does not grow with the number of jobs there ever were.
_TOMBSTONE_SECONDS = 300.0
# Jobs whose vanished Pods are kept.
_GRAVES = 1_000


class Table:
    """Objects of one kind by uid, by name and by one group.

    Args:
        group: names the group of an object, such as the job of a Pod; None for no group.
        keep: returns what is to be kept of an object.
        key: by what `by_name` finds an object.
    """

    def __init__(
        self,
        group: Callable[[Object], object | None],
        keep: Callable[[Object], Object] = kept,
        key: Callable[[Object], Key] | None = None,
    ) -> None:
        self._group = group
        self._keep = keep
        self._key = key or name_of
        self._objects: dict[str, Object] = {}
        self._names: dict[Key, str] = {}
        self._groups: dict[object, dict[str, None]] = {}
        self._dead: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Object]:
        return iter(tuple(self._objects.values()))

    def __contains__(self, uid: str) -> bool:
        return uid in self._objects

    def uids(self) -> frozenset[str]:
        """Return the uids held now."""
        return frozenset(self._objects)

    def by_uid(self, uid: str) -> Object | None:
        """Return an object by its uid."""
        return self._objects.get(uid)

    def by_name(self, key: Key) -> Object | None:
        """Return an object by its namespace and name."""
        uid = self._names.get(key)
        return None if uid is None else self._objects[uid]

    def in_group(self, group: object) -> tuple[Object, ...]:
        """Return the objects of a group, in the order in which they were first seen."""
        return tuple(self._objects[uid] for uid in self._groups.get(group, ()))

    def is_in_group(self, uid: str, group: object) -> bool:
        """Return whether an object is in a group."""
        return uid in self._groups.get(group, ())

    def is_news(self, obj: Object) -> bool:
        """Return whether `put` would take this version in."""
        uid = obj["metadata"]["uid"]
        old = self._objects.get(uid)
        return uid not in self._dead and (old is None or _version(obj) > _version(old))

    def put(self, obj: Object) -> bool:
        """Take in a version of an object; older versions and the dead change nothing.

        Returns:
            Whether it was news.
        """
        if not self.is_news(obj):
            return False
        uid = obj["metadata"]["uid"]
        old = self._objects.get(uid)
        if old is not None:
            self._ungroup(uid, old)
        self._objects[uid] = self._keep(obj)
        self._names[self._key(obj)] = uid
        group = self._group(obj)
        if group is not None:
            self._groups.setdefault(group, {})[uid] = None
        return True

    def drop(self, uid: str) -> bool:
        """Forget a deleted object for good.

        Returns:
            Whether it was known.
        """
        now = time.monotonic()
        self._dead[uid] = now
        while now - next(iter(self._dead.values())) > _TOMBSTONE_SECONDS:
            self._dead.popitem(last=False)
        old = self._objects.pop(uid, None)
        if old is None:
            return False
        self._ungroup(uid, old)
        if self._names.get(self._key(old)) == uid:
            del self._names[self._key(old)]
        return True

    def _ungroup(self, uid: str, obj: Object) -> None:
        group = self._group(obj)
        members = self._groups.get(group)
        if members is not None:
            members.pop(uid, None)
            if not members:
                del self._groups[group]


class Cache:
    """The kinds that reconciling needs at hand.

    Args:
        cluster_of: key of the cluster that an unfinished job waits for or runs on; None otherwise.
    """

    def __init__(self, cluster_of: Callable[[Object], Key | None]) -> None:
        self.jobs = Table(cluster_of, kept_job)
        self.clusters = Table(lambda _: None, key=cluster_key)
        self.file_servers = Table(lambda server: name_of(server)[0])
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


def name_of(obj: Object) -> Key:
    """Return namespace and name of an object."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def cluster_key(cluster: Object) -> Key:
    """Return namespace and Batch AI name of a cluster, by which jobs refer to it (design 2)."""
    namespace, name = name_of(cluster)
    return namespace, str((cluster.get("spec") or {}).get("name") or name)


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


def _version(obj: Object) -> int:
    # Opaque by the old rule, but an increasing number on every API server there is, and
    # documented as comparable since Kubernetes 1.35.
    return int(obj["metadata"].get("resourceVersion") or 0)


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
