"""What is left to do for a job that has ended: its Pods (design 5).

Used by job.py. The status of such a job never changes again, but for `observedGeneration` and for
the condition `LogsIncomplete`, which nobody can know before the last Pod has ended; so only a job
that has lost output costs another write. Its object and files are never removed.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from batchai_operator.planner.conditions import Condition, merge_conditions
from batchai_operator.planner.facts import JobFacts, Object
from batchai_operator.planner.jobs.lifecycle import incompleteness
from batchai_operator.planner.jobs.losses import INCOMPLETE
from batchai_operator.planner.jobs.observed import NodePod, Observed
from batchai_operator.planner.plan import DeletePod, Event, JobPlan
from batchai_operator.planner.pods.children import GRACE_SECONDS
from batchai_operator.planner.times import parse

DRAIN = timedelta(seconds=60)
"""How long a node may go on after an end that node 0 did not tell."""

SAVING = timedelta(seconds=GRACE_SECONDS + 30)
"""How long a Pod may take after its job container's end to save its last output. Kubernetes kills
the sidecar before that, and the Pod stays with its last words."""

CATCH_UP = timedelta(seconds=60)
"""How long a node may go on after node 0 has ended, besides the time for which its launcher, told
to stop, waits for a volume that does not take its output."""


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
    told = _told_at(observed)
    patience = CATCH_UP + timedelta(seconds=facts.settings.log_patience_seconds)
    late = ended + DRAIN if told is None else max(told, ended) + patience
    due = {pod.uid: _due(pod, ended, late, ttl) for pod in pods if pod.deletion_deadline is None}
    times = [time for time in due.values() if time is not None and time > facts.now]
    doomed = [
        DeletePod(pod.name, pod.uid)
        for pod in pods
        if (time := due.get(pod.uid)) is not None and time <= facts.now
    ]
    wait = (min(times) - facts.now).total_seconds() if times else None
    plan = JobPlan(delete=tuple(doomed), status=_seen(facts.job), requeue_after=wait)
    return _with_loss(facts, observed, plan)


def _with_loss(facts: JobFacts, observed: Observed, plan: JobPlan) -> JobPlan:
    """Add what the sidecars said is missing, once and when all of them have ended."""
    status = facts.job.get("status") or {}
    conditions = status.get("conditions") or []
    if any(found.get("type") == INCOMPLETE for found in conditions):
        return plan
    lost = incompleteness(observed, facts.now)
    if lost is None:
        return plan
    added = merge_conditions(
        (),
        [Condition(INCOMPLETE, "True", lost.reason, lost.message)],
        generation=facts.job["metadata"].get("generation"),
        at=facts.now,
    )
    whole = {**(plan.status or status), "conditions": [*conditions, *added]}
    event = Event("Warning", INCOMPLETE, lost.message)
    return replace(plan, status=whole, events=(*plan.events, event))


def _seen(job: Object) -> Object | None:
    """Return the status with the generation that was seen, None when it says so already.

    Terminating a job that has ended changes nothing else, but whoever waits for the operator to
    have seen it (kstatus does) must get an answer.
    """
    status, generation = job.get("status") or {}, job["metadata"].get("generation")
    if status.get("observedGeneration") == generation:
        return None
    return {**status, "observedGeneration": generation}


def _told_at(observed: Observed) -> datetime | None:
    """Return when node 0 ended and told the others of the end, None when it did not."""
    first = observed.current.get(0)
    if first is None or first.ended is None or first.record is None:
        return None
    return parse(first.ended.get("finishedAt"))


def _due(pod: NodePod, ended: datetime, late: datetime, ttl: timedelta | None) -> datetime | None:
    """Return when a Pod is to be deleted, None for never; `late` is for one that still runs."""
    times = [ended + ttl] if ttl is not None else []
    if pod.is_live and not pod.has_started:
        times.append(ended)
    elif pod.is_live and pod.ended is not None:
        times.append((parse(pod.ended.get("finishedAt")) or ended) + SAVING)
    elif pod.is_live:
        times.append(late)
    return min(times, default=None)


def _ttl(spec: object) -> timedelta | None:
    kubernetes = (spec or {}).get("kubernetes") if isinstance(spec, dict) else None
    seconds = (kubernetes or {}).get("ttlSecondsAfterFinished")
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None
