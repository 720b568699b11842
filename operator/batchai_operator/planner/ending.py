"""What is left to do for a job that has ended: its Pods (design 5).

Used by job.py. The status of such a job never changes again but for `observedGeneration`, and its
object and files are never removed.
"""

from datetime import datetime, timedelta

from batchai_operator.planner.facts import JobFacts, Object
from batchai_operator.planner.observed import NodePod, Observed
from batchai_operator.planner.plan import DeletePod, JobPlan
from batchai_operator.planner.times import parse

DRAIN = timedelta(seconds=60)
"""How long Pods may take after the job's end to save their last output."""


def after_end(facts: JobFacts, observed: Observed) -> JobPlan:
    """Delete Pods that will not end by themselves, and all of them when their time is over.

    Args:
        facts: the ended job.
        observed: its Pods.
    """
    ended = parse(((facts.job.get("status") or {}).get("executionInfo") or {}).get("endTime"))
    ended = ended or facts.now
    ttl = _ttl(facts.job.get("spec"))
    pods = [*observed.current.values(), *observed.stale]
    due = {pod.uid: _due(pod, ended, ttl) for pod in pods if pod.deletion_deadline is None}
    times = [time for time in due.values() if time is not None and time > facts.now]
    doomed = [
        DeletePod(pod.name, pod.uid)
        for pod in pods
        if (time := due.get(pod.uid)) is not None and time <= facts.now
    ]
    wait = (min(times) - facts.now).total_seconds() if times else None
    return JobPlan(delete=tuple(doomed), status=_seen(facts.job), requeue_after=wait)


def _seen(job: Object) -> Object | None:
    """Return the status with the generation that was seen, None when it says so already.

    Terminating a job that has ended changes nothing else, but whoever waits for the operator to
    have seen it (kstatus does) must get an answer.
    """
    status, generation = job.get("status") or {}, job["metadata"].get("generation")
    if status.get("observedGeneration") == generation:
        return None
    return {**status, "observedGeneration": generation}


def _due(pod: NodePod, ended: datetime, ttl: timedelta | None) -> datetime | None:
    """Return when a Pod is to be deleted, None for never."""
    times = [ended + ttl] if ttl is not None else []
    if pod.is_live:
        times.append(ended + DRAIN if pod.has_started else ended)
    return min(times, default=None)


def _ttl(spec: object) -> timedelta | None:
    kubernetes = (spec or {}).get("kubernetes") if isinstance(spec, dict) else None
    seconds = (kubernetes or {}).get("ttlSecondsAfterFinished")
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None
