"""Pods that Kubernetes ended before any of their containers ran: made again, not for ever.

Used by job.py and start.py. A kubelet refuses a Pod that was scheduled to it when it cannot keep
the promise: a device is not there yet (UnexpectedAdmissionError), somebody was faster (OutOfcpu), a
label has changed (NodeAffinity). Nothing of the job ran there, so another try harms nothing.

Decisions where the spec is silent (11, 10): the whole job is made anew as its next run, because
nodes of one run meet each other; five such runs are tried, after 10, 20, 40 and 80 seconds, during
which other jobs go first; then the job ends as JobNodeLost, with the kubelet's words. How many
there were is told by the Pods themselves, which stay until the job goes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from batchai_operator import names
from batchai_operator.planner.jobs.observed import NodePod, Observed
from batchai_operator.planner.times import parse

MOST_RUNS = 5
"""So many runs of a job may be refused."""

_FIRST_PAUSE = 10.0
_REJECTED = "Pod was rejected"
"""How every kubelet's word begins about a Pod that it does not take."""
_STOPPED = frozenset(
    {"Evicted", "NodeLost", "NodeShutdown", "Preempting", "Shutdown", "Terminated"}
)
"""Reasons of Pods that may have run, even where their containers' states are not told."""


def refused_now(observed: Observed) -> NodePod | None:
    """Return a Pod of the current run that was refused, None when there is none."""
    return next((pod for pod in observed.current.values() if is_refused(pod)), None)


def is_refused(pod: NodePod) -> bool:
    """Tell whether a Pod has failed before any of its containers ran, and nobody deleted it."""
    if pod.is_gone or pod.status.get("phase") != "Failed" or pod.deletion_deadline is not None:
        return False
    was_rejected = str(pod.status.get("message") or "").startswith(_REJECTED)
    if pod.status.get("reason") in _STOPPED and not was_rejected:
        return False
    containers = [pod.container(name) for name in (names.SIDECAR_CONTAINER, names.JOB_CONTAINER)]
    return not any(map(_has_run, containers))


def may_try_again(observed: Observed) -> bool:
    """Tell whether another run is worth making."""
    return len(_refused_runs(observed)) < MOST_RUNS


def seconds_left(observed: Observed, now: datetime) -> float:
    """Return for how long the next run must not be made; 0 when nothing was refused."""
    runs = _refused_runs(observed)
    last = max((time for time in runs.values() if time is not None), default=None)
    if last is None:
        return 0.0
    pause = _FIRST_PAUSE * 2.0 ** (len(runs) - 1)
    # A node's clock that is ahead makes no pause longer than it is.
    return min(max(pause - (now - last).total_seconds(), 0.0), pause)


def describe(observed: Observed) -> str:
    """Return what was refused last and how often, for people."""
    runs = _refused_runs(observed)
    latest = max(runs, default=0)
    everything = (*observed.current.values(), *observed.stale)
    pod = next(pod for pod in everything if pod.attempt == latest and is_refused(pod))
    where = pod.pod["spec"].get("nodeName") or "a Kubernetes node"
    told = ": ".join(filter(None, (pod.status.get("reason"), pod.status.get("message"))))
    words = " ".join(told.split()) or "no reason given"
    return (
        f"Node {pod.index} was refused by {where} ({words}); "
        f"the job is started again, run {len(runs) + 1} of {MOST_RUNS}."
    )


def _refused_runs(observed: Observed) -> Mapping[int, datetime | None]:
    """Return when each run was refused, by attempt."""
    found: dict[int, datetime | None] = {}
    for pod in (*observed.current.values(), *observed.stale):
        if is_refused(pod):
            created = pod.pod["metadata"].get("creationTimestamp")
            found[pod.attempt] = parse(pod.status.get("startTime")) or parse(created)
    return found


def _has_run(container: Mapping[str, Any]) -> bool:
    state, last = container.get("state") or {}, container.get("lastState") or {}
    return "running" in state or "terminated" in state or bool(last)
