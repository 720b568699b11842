"""The plan of a job: what to create and delete, and what to say about it (design 3).

Called by the engine for every pass over a job. Phases, first match wins: being deleted → ended
before → terminate → ended now → refused → suspend → Pods of an earlier run → Pods missing
(start.py) → Pods waiting or running.

Decisions where the spec is silent:
- A job that ended by itself before it was terminated keeps its own end (spec 7.2).
- Suspending a running job stops it like a termination; it is queued again and runs anew as the next
  attempt, with the same path segment.
- A job runs from the moment all its nodes are scheduled; a Pod that vanishes after that is a lost
  node. That is said a moment later, when the nodes have addresses, so that it costs one write.
- A job of which the API server refuses some Pods (a quota) gives up those it has got, and tries
  again with new ones.
- The launcher enforces maxWallClockTime; the operator does a minute later, should the launcher
  hang, and later by as long as a launcher whose programs have ended waits for the volume.
- The end is written before the rest of the Pods is deleted (answers.py); a Pod that never started
  goes at once, others get a minute to save their last output.
"""

from dataclasses import replace
from datetime import timedelta

from pydantic import ValidationError

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.names import FINISHED
from batchai_operator.planner.facts import JobFacts
from batchai_operator.planner.jobs import failures, lifecycle, rejections
from batchai_operator.planner.jobs.answers import answer, deletions, end_with, start_time
from batchai_operator.planner.jobs.ending import after_end
from batchai_operator.planner.jobs.failures import Failure
from batchai_operator.planner.jobs.observed import Observed, attempt_of, observe
from batchai_operator.planner.jobs.start import SCHEDULING, job_volumes_of, start
from batchai_operator.planner.jobs.status import Report
from batchai_operator.planner.jobs.waiting import find_lost_server, find_obstacle, find_slow_start
from batchai_operator.planner.plan import Event, JobPlan
from batchai_operator.planner.reasons import (
    NODE_REFUSED,
    REFUSED,
    VOLUME_ENDING,
    explain,
    last_reason,
)
from batchai_operator.planner.specs import job_spec

BACKSTOP = timedelta(seconds=60)
"""How much later than the launcher the operator enforces maxWallClockTime."""

SETTLING = timedelta(seconds=5)
"""How long to wait for addresses before saying that a job runs. A Pod has its address a second or
two after it was scheduled, unless its volumes cannot be mounted."""

_ENDING_SECONDS = 2.0
"""Pause before a volume of an earlier job is looked at again; nothing tells its end."""


def plan_job(facts: JobFacts) -> JobPlan:
    """Return what to do about a job now.

    Args:
        facts: all that the decision depends on.

    Returns:
        The plan. Equal facts give equal plans; when nothing is to be done it is empty.
    """
    status = facts.job.get("status") or {}
    observed = observe(facts.pods, attempt_of(facts.job), facts.gone)
    if facts.job["metadata"].get("deletionTimestamp"):
        # Owner references would do it, but not before the last finalizer of others has gone.
        return JobPlan(delete=deletions(observed.live))
    if status.get("executionState") in FINISHED:
        return after_end(facts, observed)
    try:
        spec = job_spec(facts.job)
    except ValidationError as error:
        return end_with(facts, observed, lifecycle.End(Failure("InvalidJob", explain(error))))
    try:
        return _plan(facts, spec, observed)
    except InvalidSpecError as error:
        end = lifecycle.End(failures.spec_failure(error))
        return end_with(facts, observed, end, spec.tool_type)


def _plan(facts: JobFacts, spec: JobSpec, observed: Observed) -> JobPlan:
    status = facts.job.get("status") or {}
    image = spec.container_settings.image_source_registry.image if spec.container_settings else ""
    end = lifecycle.judge(observed, facts.now, image)
    if spec.terminate or spec.suspend:
        # What was stopped on purpose did not fail; only an end that came before that counts.
        if end is not None and not _was_stopped(end):
            return end_with(facts, observed, end)
        return _terminate(facts, observed) if spec.terminate else _suspend(facts, observed)
    if end is not None and _was_stopped(end) and rejections.refused_now(observed):
        return _run_again(facts, observed, end)
    if end is not None:
        return end_with(facts, observed, end)
    if facts.refusal is not None:
        return _refused(facts, observed)
    if any(pod.is_live and not lifecycle.is_overdue(pod, facts.now) for pod in observed.stale):
        return _wait_for_stale(facts, observed)
    missing = [index for index in range(spec.node_count) if index not in observed.current]
    if missing and status.get("executionState") == "running":
        lost = lifecycle.node_lost("", missing[0], "its Pod is gone")
        return end_with(facts, observed, lifecycle.End(lost))
    if missing:
        begun = start(facts, spec, observed, missing)
        if begun.failure is not None:
            return end_with(facts, observed, lifecycle.End(begun.failure), spec.tool_type)
        # The status of this pass already names the Pods that it makes.
        known = observed.with_planned(begun.plan.create)
        return answer(facts, known, begun.report, begun.plan)
    return _watch(facts, spec, observed)


def _watch(facts: JobFacts, spec: JobSpec, observed: Observed) -> JobPlan:
    """All Pods exist: tell what they wait for, or that they run."""
    status, now, pods = facts.job.get("status") or {}, facts.now, observed.current.values()
    volumes = job_volumes_of(facts, spec)
    obstacle = find_obstacle(pods, facts.mount_failures, volumes.mounts, status, now)
    if obstacle is not None and obstacle.failure is not None and obstacle.seconds_left == 0:
        return end_with(facts, observed, lifecycle.End(obstacle.failure))
    attempt = attempt_of(facts.job)
    waits = [lifecycle.seconds_until_overdue(observed, now)]
    waits.append(obstacle.seconds_left if obstacle else None)
    slow = find_slow_start(pods, now) if obstacle is None else None
    if slow is not None and slow.seconds_left == 0:
        obstacle = replace(slow, seconds_left=None)
    elif slow is not None:
        waits.append(slow.seconds_left)
    obstacle = obstacle or find_lost_server(volumes.awaited)
    if status.get("executionState") != "running" and not all(pod.is_scheduled for pod in pods):
        message = obstacle.message if obstacle else SCHEDULING
        reason = obstacle.reason if obstacle else "Scheduling"
        report = Report("queued", reason, message, attempt, obstacle=obstacle)
        return answer(facts, observed, report, JobPlan(requeue_after=_soonest(waits)))
    begun = start_time(facts, pods)
    settling = (begun + SETTLING - now).total_seconds()
    may_settle = status.get("executionState") != "running" and settling > 0 and obstacle is None
    if may_settle and not all(pod.ip for pod in pods):
        return JobPlan(requeue_after=_soonest([*waits, settling]))
    patience = timedelta(seconds=facts.settings.log_patience_seconds)
    limit = spec.constraints.max_wall_clock_time + BACKSTOP + patience
    left = (begun + limit - now).total_seconds()
    if left <= 0:
        timed_out = Failure("JobTimedOut", failures.TIMED_OUT, {"Info": "maxWallClockTime"})
        end = lifecycle.End(timed_out, lifecycle.TIMED_OUT_EXIT_CODE, now)
        return end_with(facts, observed, end)
    nodes = "1 node" if spec.node_count == 1 else f"{spec.node_count} nodes"
    message = obstacle.message if obstacle else f"Running on {nodes}."
    reason = obstacle.reason if obstacle else "Running"
    report = Report("running", reason, message, attempt, start=begun, obstacle=obstacle)
    return answer(facts, observed, report, JobPlan(requeue_after=_soonest([*waits, left])))


def _terminate(facts: JobFacts, observed: Observed) -> JobPlan:
    """Stop a job for good (spec 7.2)."""
    now = facts.now
    live = [pod for pod in observed.live if not lifecycle.is_overdue(pod, now)]
    attempt = attempt_of(facts.job)
    if not live:
        return end_with(
            facts, observed, lifecycle.End(Failure("JobTerminated", failures.TERMINATED))
        )
    report = Report("terminating", "Terminating", "Stopping: waiting for the Pods to end.", attempt)
    plan = JobPlan(
        delete=deletions(live), requeue_after=lifecycle.seconds_until_overdue(observed, now)
    )
    return answer(facts, observed, report, plan)


def _suspend(facts: JobFacts, observed: Observed) -> JobPlan:
    """Stop a job for now; it will run anew as the next attempt."""
    now = facts.now
    attempt = attempt_of(facts.job)
    if observed.current:
        attempt = max(pod.attempt for pod in observed.current.values()) + 1
    live = [pod for pod in observed.live if not lifecycle.is_overdue(pod, now)]
    report = Report("queued", "Suspended", "Suspended.", attempt, is_suspended=True)
    plan = JobPlan(
        delete=deletions(live), requeue_after=lifecycle.seconds_until_overdue(observed, now)
    )
    return answer(facts, replace(observed, current={}), report, plan)


def _run_again(facts: JobFacts, observed: Observed, end: lifecycle.End) -> JobPlan:
    """A Kubernetes node refused a Pod before it ran; give up this run, if another may be made."""
    if not rejections.may_try_again(observed):
        return end_with(facts, observed, end)
    message = rejections.describe(observed)
    report = Report("queued", NODE_REFUSED, message, attempt_of(facts.job) + 1)
    plan = JobPlan(delete=deletions(observed.live), requeue_after=0)
    told = answer(facts, replace(observed, current={}), report, plan)
    return replace(told, events=(*told.events, Event("Warning", NODE_REFUSED, message)))


def _wait_for_stale(facts: JobFacts, observed: Observed) -> JobPlan:
    attempt = attempt_of(facts.job)
    live = [pod for pod in observed.stale if pod.is_live]
    plan = JobPlan(
        delete=deletions(live),
        requeue_after=lifecycle.seconds_until_overdue(observed, facts.now),
    )
    if last_reason(facts.job) in {REFUSED, NODE_REFUSED}:
        # Why it gave those Pods up is worth more than that they end.
        return plan
    message = "Waiting for the Pods of the previous run to end."
    report = Report("queued", "PreviousRunEnding", message, attempt)
    return answer(facts, observed, report, plan)


def _refused(facts: JobFacts, observed: Observed) -> JobPlan:
    """The API server said no to a child of this plan."""
    refusal = facts.refusal
    assert refusal is not None  # noqa: S101 - the caller's own condition
    if refusal.definite:
        failure = Failure(
            "InvalidJob", "The API server refused the job's objects", {"Info": refusal.message}
        )
        return end_with(facts, observed, lifecycle.End(failure))
    attempt = attempt_of(facts.job)
    if refusal.is_ending:
        report = Report("queued", VOLUME_ENDING, f"Waiting: {refusal.message}.", attempt)
        return answer(facts, observed, report, JobPlan(requeue_after=_ENDING_SECONDS))
    message = f"Waiting: the API server refuses the job's objects: {refusal.message}"
    half = tuple(pod for pod in observed.live if pod.attempt == attempt and not refusal.is_name)
    if half:
        # Two jobs that each hold half of a quota would wait for each other for ever.
        attempt += 1
        observed = replace(observed, current={})
    report = Report("queued", REFUSED, message, attempt)
    return answer(facts, observed, report, JobPlan(delete=deletions(half)))


def _was_stopped(end: lifecycle.End) -> bool:
    return end.failure is not None and end.failure.code == "JobNodeLost"


def _soonest(waits: list[float | None]) -> float | None:
    return min((wait for wait in waits if wait is not None), default=None)
