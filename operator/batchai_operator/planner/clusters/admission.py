"""Which jobs of a cluster may start now (design 4, spec 7.7).

Called by the engine, once for all unfinished jobs of a cluster whenever one of them, their Pods or
the cluster has changed. It reads raw objects and validates nothing per job: a queue may hold
thousands.

Decisions where the spec is silent:
- A job holds all its nodes from its first Pod to its end; the sum may not exceed the target or
  maximum.
- The order is priority, then creation, then name; no job overtakes the first one that waits (no
  backfill), so a large job is never starved by small ones, and nothing preempts a running job.
- A job of which a quota or a policy forbids the Pods or a Kubernetes node has refused one, whose
  file server is not ready, or whose volume an earlier job has not let go, stands behind all others
  until that has changed, whatever its priority, because its turn does not make it start.
- A job that wants more nodes than the cluster may have, one that is suspended and one that is being
  terminated are not in the queue and block nobody.
- The texts name neither free nodes nor positions, so that an end in a long queue does not cost a
  status write per waiting job; only what is first in the queue is told apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from batchai_operator.planner.facts import Admission, Object
from batchai_operator.planner.naming import cluster_name
from batchai_operator.planner.reasons import (
    NODE_REFUSED,
    REFUSED,
    SERVER_MISSING,
    VOLUME_ENDING,
    last_reason,
)
from batchai_operator.planner.specs import cluster_spec

_PRIORITIES = {"high": 0, "normal": 1, "low": 2}
_RUNNING = frozenset({"running", "terminating"})
_ADMITTED = Admission(True, 0, "Admitted", "The job has its nodes.")


@dataclass(frozen=True)
class Claim:
    """What a job takes from the others of its cluster.

    Attributes:
        leaving: why it is not in the queue; empty when it is, or has started.
        held: nodes that it has.
        promised: nodes that it was told to take and has not taken yet.
        behind: it had its turn and could not take it.
    """

    leaving: str
    held: int
    promised: int
    behind: bool = False

    def allows(self, later: "Claim") -> bool:
        """Tell whether the others' answers stand after a change: none, or a promise kept."""
        kept = replace(self, held=self.promised, promised=0)
        return later == self or (self.promised > 0 and later == kept)


def admit(
    cluster: Object | None, jobs: Sequence[Object], pods_by_job: Mapping[str, int]
) -> dict[str, Admission]:
    """Return for each job whether it may have its nodes.

    Args:
        cluster: the BatchAICluster, None when there is none of that name.
        jobs: the unfinished jobs that name it.
        pods_by_job: by uid, how many Pods of a job hold a node or are about to.

    Returns:
        One answer per job, by uid.
    """
    answers: dict[str, Admission] = {}
    free = limit = _node_limit(cluster)
    waiting: list[Object] = []
    for job in jobs:
        uid, pods = job["metadata"]["uid"], pods_by_job.get(job["metadata"]["uid"], 0)
        free -= nodes_held(job, pods)
        answer = settled(job, pods)
        if answer is None:
            waiting.append(job)
        else:
            answers[uid] = answer
    position, name = 0, str(cluster["metadata"]["name"]) if cluster else ""
    for job in sorted(waiting, key=_order):
        uid, wanted = job["metadata"]["uid"], nodes_of(job)
        obstacle = _obstacle(cluster, job, wanted, limit)
        if obstacle is not None:
            answers[uid] = obstacle
        elif position == 0 and wanted <= free:
            free -= wanted
            answers[uid] = _ADMITTED
        else:
            position += 1
            answers[uid] = _queued(name, wanted, limit, position)
    return answers


def settled(job: Object, pods: int) -> Admission | None:
    """Return the answer for a job that does not depend on others: it has nodes, or wants none.

    Args:
        job: the BatchAIJob.
        pods: how many of its Pods hold a node or are about to.

    Returns:
        The answer, None for a job that waits in the queue.
    """
    if _is_leaving(job):
        return _leaving(job)
    return _ADMITTED if nodes_held(job, pods) else None


def claim(job: Object, pods: int, *, admitted: bool) -> Claim:
    """Return all of a job that the answers for other jobs depend on.

    Args:
        job: an unfinished job.
        pods: how many of its Pods hold a node or are about to.
        admitted: what it was answered.
    """
    held = nodes_held(job, pods)
    if _is_leaving(job):
        return Claim(_leaving(job).reason, held, 0)
    return Claim("", held, nodes_of(job) if admitted and not held else 0, _is_behind(job))


def admit_newcomer(
    cluster: Object | None,
    job: Object,
    others: Mapping[str, Admission],
    claims: Mapping[str, Claim],
) -> Admission | None:
    """Answer a job that has just come, where that changes no other answer.

    Where nobody waits and there is room for all, the order of the queue does not matter.

    Args:
        cluster: the BatchAICluster.
        job: an unfinished job without Pods.
        others: the answers for the other jobs.
        claims: of the other jobs.

    Returns:
        The answer, None when all have to be answered again.
    """
    if cluster is None or cluster["metadata"].get("deletionTimestamp"):
        return None
    if settled(job, 0) is not None or has_queue(others):
        return None
    free = _node_limit(cluster) - sum(each.held + each.promised for each in claims.values())
    return _ADMITTED if nodes_of(job) <= free else None


def has_queue(answers: Mapping[str, Admission]) -> bool:
    """Tell whether a job waits for nodes."""
    return any(answer.position for answer in answers.values())


def nodes_held(job: Object, pods: int) -> int:
    """Return how many nodes of its cluster a job holds.

    Args:
        job: the BatchAIJob.
        pods: how many of its Pods hold a node or are about to.
    """
    if _is_leaving(job):
        return pods
    state = (job.get("status") or {}).get("executionState")
    return max(nodes_of(job), pods) if pods or state in _RUNNING else 0


def _obstacle(cluster: Object | None, job: Object, wanted: int, limit: int) -> Admission | None:
    """Return what keeps a job out of the queue of free nodes."""
    if cluster is None:
        name = cluster_name(job)
        space = job["metadata"].get("namespace", "")
        return Admission(
            False,
            0,
            "ClusterNotFound",
            f"Cluster {name} does not exist in namespace {space}; the job starts when it does.",
        )
    name = cluster["metadata"]["name"]
    if cluster["metadata"].get("deletionTimestamp"):
        return Admission(False, 0, "ClusterDeleting", f"Cluster {name} is being deleted.")
    if wanted > limit:
        return Admission(
            False,
            0,
            "ClusterTooSmall",
            f"The job needs {_count(wanted)}, but cluster {name} may have {limit} at most; raise "
            "its targetNodeCount or maximumNodeCount.",
        )
    return None


def _queued(cluster: str, wanted: int, limit: int, position: int) -> Admission:
    if position == 1:
        message = (
            f"First in the queue of cluster {cluster}: waiting for {_count(wanted)} to become "
            f"free, of {limit} in all."
        )
        return Admission(False, position, "NodesBusy", message)
    message = f"In the queue of cluster {cluster}; jobs of higher priority or earlier come first."
    return Admission(False, position, "Queued", message)


def _leaving(job: Object) -> Admission:
    if job["metadata"].get("deletionTimestamp"):
        return Admission(False, 0, "Deleting", "The job is being deleted.")
    if (job.get("spec") or {}).get("terminate"):
        return Admission(False, 0, "Terminating", "The job is being terminated.")
    return Admission(False, 0, "Suspended", "The job is suspended.")


def _is_leaving(job: Object) -> bool:
    spec = job.get("spec") or {}
    # A deleted job that a foreign finalizer holds back will never start, and must block nobody.
    is_deleted = bool(job["metadata"].get("deletionTimestamp"))
    return is_deleted or bool(spec.get("terminate") or spec.get("suspend"))


def _node_limit(cluster: Object | None) -> int:
    if cluster is None:
        return 0
    try:
        return cluster_spec(cluster).node_limit
    except ValidationError:
        return 0


def nodes_of(job: Object) -> int:
    """Return how many nodes a job asks for; one when it says nothing that makes sense."""
    count = (job.get("spec") or {}).get("nodeCount")
    return count if isinstance(count, int) and count > 0 else 1


def _is_behind(job: Object) -> bool:
    return last_reason(job) in {REFUSED, SERVER_MISSING, VOLUME_ENDING, NODE_REFUSED}


def _order(job: Object) -> tuple[Any, ...]:
    metadata = job["metadata"]
    priority = str((job.get("spec") or {}).get("schedulingPriority") or "normal").lower()
    created = str(metadata.get("creationTimestamp") or "")
    return _is_behind(job), _PRIORITIES.get(priority, 1), created, metadata["name"]


def _count(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
