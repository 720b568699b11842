"""Completes a job's plan by its status and its Event, for an end and for everything before it.

Used by job.py, whose phases decide what is to be done.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from batchai_operator.planner.facts import JobFacts
from batchai_operator.planner.jobs import lifecycle
from batchai_operator.planner.jobs.observed import NodePod, Observed, attempt_of
from batchai_operator.planner.jobs.start import unwritten_claims
from batchai_operator.planner.jobs.status import Report, build_status
from batchai_operator.planner.plan import DeletePod, Event, JobPlan
from batchai_operator.planner.times import parse


def end_with(
    facts: JobFacts, observed: Observed, end: lifecycle.End, tool_type: str | None = None
) -> JobPlan:
    """Return the plan that writes the end of a job; the next pass deletes what is left of its Pods.

    The end is written before the rest of the Pods is deleted, so that a crash in between cannot
    change it.
    """
    status, now = facts.job.get("status") or {}, facts.now
    attempt = attempt_of(facts.job)
    at = end.at or now
    written = parse((status.get("executionInfo") or {}).get("startTime"))
    begun = written
    if begun is None and any(pod.has_started for pod in observed.known.values()):
        begun = start_time(facts, observed.known.values())
    if begun is not None and at < begun:
        # Clocks of nodes differ; a job does not end before it starts.
        at = begun
    if end.failure is None:
        report = Report("succeeded", "Succeeded", "Succeeded with exit code 0.", attempt)
    else:
        code = f" (exit code {end.exit_code})" if end.exit_code is not None else ""
        message = f"{end.failure.as_line()}{code}"
        report = Report("failed", end.failure.code, message, attempt, failure=end.failure)
    report = replace(report, start=begun, end=at, exit_code=end.exit_code, tool_type=tool_type)
    # Who is still saving output may yet save all of it; ending.py has the last look.
    report = replace(report, incomplete=lifecycle.incompleteness(observed, now))
    has_leftovers = bool(observed.live)
    return answer(facts, observed, report, JobPlan(requeue_after=0 if has_leftovers else None))


def answer(facts: JobFacts, observed: Observed, report: Report, plan: JobPlan) -> JobPlan:
    """Complete a plan by its status, and by an Event when the state has changed."""
    if report.claims is None:
        report = replace(report, claims=unwritten_claims(facts))
    status = build_status(facts.job, report, observed, facts.now)
    before = (facts.job.get("status") or {}).get("executionState")
    events: tuple[Event, ...] = ()
    if status is not None and report.state != before:
        is_bad = report.state == "failed"
        reason = report.reason if is_bad else report.state.capitalize()
        events = (Event("Warning" if is_bad else "Normal", reason, report.message),)
    return replace(plan, status=status, events=events)


def start_time(facts: JobFacts, pods: Iterable[NodePod]) -> datetime:
    """Return when all nodes were there; what the status says already, stays."""
    written = parse(((facts.job.get("status") or {}).get("executionInfo") or {}).get("startTime"))
    if written is not None:
        return written
    times = [pod.scheduled_at for pod in pods]
    return max((time for time in times if time is not None), default=facts.now)


def deletions(pods: Iterable[NodePod]) -> tuple[DeletePod, ...]:
    """Return the deletions of Pods that nobody is deleting yet."""
    return tuple(DeletePod(pod.name, pod.uid) for pod in pods if pod.deletion_deadline is None)
