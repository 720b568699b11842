"""The complete status of a job, in the words of Batch AI and of Kubernetes (design 2).

Used by job.py. What has not changed keeps its times, and a status that says the same as before is
answered as None, so that nothing is written.

Decisions where the spec is silent: `nodes` names Pods and ids from the first Pod on and addresses
from the moment all nodes have one, so that three Pods that come up one after the other cost one
write; conditions that tell of storage stay as they were first; an obstacle's condition is there
only while the obstacle is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from batchai_operator.names import FINISHED
from batchai_operator.planner.conditions import Condition, merge_conditions
from batchai_operator.planner.facts import Object
from batchai_operator.planner.jobs.failures import Failure
from batchai_operator.planner.jobs.losses import INCOMPLETE, Incomplete
from batchai_operator.planner.jobs.observed import Observed
from batchai_operator.planner.jobs.waiting import Obstacle
from batchai_operator.planner.naming import node_id
from batchai_operator.planner.times import parse, render

ExecutionState = Literal["queued", "running", "terminating", "succeeded", "failed"]

STORAGE_NOTES = ("StorageTranslated", "LogsNotKept", "OutputsNotKept", "SharedTempNotShared")
"""Types of conditions that tell what people should know about a job's storage."""


@dataclass(frozen=True)
class Report:
    """What is to be said about a job.

    Attributes:
        state: `executionState`.
        reason: CamelCase word of condition `Ready`.
        message: one line for people.
        attempt: which run this is.
        start: when it began to run; kept from the status when None.
        end: when it ended.
        exit_code: of the job.
        failure: why it failed.
        obstacle: what keeps it from starting.
        notes: what to know about its storage, by type of condition; None = as before.
        segment: path segment; None = as before.
        tool_type: the service's word for its toolkit; None = as before.
        is_suspended: it waits because somebody said so.
        incomplete: what of its output is not on its volume; None = as before.
        claims: claims of our making by field, as the status has them; None = as before.
    """

    state: ExecutionState
    reason: str
    message: str
    attempt: int
    start: datetime | None = None
    end: datetime | None = None
    exit_code: int | None = None
    failure: Failure | None = None
    obstacle: Obstacle | None = None
    notes: Mapping[str, str] | None = None
    segment: str | None = None
    tool_type: str | None = None
    is_suspended: bool = False
    incomplete: Incomplete | None = None
    claims: Sequence[Object] | None = None


def build_status(job: Object, report: Report, observed: Observed, now: datetime) -> Object | None:
    """Return the complete new status of a job, None when it says what the old one says.

    Args:
        job: the BatchAIJob.
        report: what is to be said.
        observed: its Pods.
        now: the time, for what has changed now.
    """
    old: Object = job.get("status") or {}
    metadata, spec = job["metadata"], job.get("spec") or {}
    created = parse(metadata.get("creationTimestamp")) or now
    changed_at = _changed_at(report, now)
    is_same_state = old.get("executionState") == report.state
    status: Object = {
        "observedGeneration": metadata.get("generation"),
        "creationTime": render(created),
        "provisioningState": "succeeded",
        "provisioningStateTransitionTime": old.get("provisioningStateTransitionTime")
        or render(now),
        "executionState": report.state,
        "executionStateTransitionTime": (is_same_state and old.get("executionStateTransitionTime"))
        or render(changed_at),
        "toolType": report.tool_type or old.get("toolType"),
        "nodeCount": spec.get("nodeCount"),
        "jobOutputDirectoryPathSegment": old.get("jobOutputDirectoryPathSegment") or report.segment,
        "attempt": report.attempt,
        "nodes": _nodes(job, report, observed, old),
        "volumeClaims": old.get("volumeClaims") if report.claims is None else [*report.claims],
        "executionInfo": _execution_info(report, old),
        "message": report.message,
    }
    # The state was reached when the Pods say so; obstacles are counted from when we saw them.
    status["conditions"] = [
        *_merged(job, _state_conditions(report), changed_at),
        *_merged(job, _other_conditions(report, old), now),
    ]
    complete = {name: value for name, value in status.items() if value not in (None, [], {})}
    return None if _without_addresses(complete) == _without_addresses(old) else complete


def _without_addresses(status: Object) -> Object:
    """Return a status without what is not worth a write of its own: late addresses of nodes.

    They go with the next write, so that a slow network does not cost one more per job.
    """
    nodes = [{**node, "ipAddress": None} for node in status.get("nodes") or ()]
    return {**status, "nodes": nodes}


def _changed_at(report: Report, now: datetime) -> datetime:
    """When the state was reached, which may be before the operator came to see it."""
    if report.state in FINISHED:
        return report.end or now
    return (report.start or now) if report.state == "running" else now


def _execution_info(report: Report, old: Object) -> Object | None:
    if report.state == "queued":
        return None
    before = old.get("executionInfo") or {}
    info: Object = {"startTime": render(report.start) if report.start else before.get("startTime")}
    if report.state in FINISHED:
        end = render(report.end) if report.end else None
        info |= {"startTime": info["startTime"] or end, "endTime": end}
        info["exitCode"] = report.exit_code
        info["errors"] = [report.failure.as_status()] if report.failure else None
    return {name: value for name, value in info.items() if value is not None}


def _nodes(job: Object, report: Report, observed: Observed, old: Object) -> list[Object]:
    if not observed.current:
        is_over = report.state in FINISHED or report.state == "terminating"
        return list(old.get("nodes") or ()) if is_over else []
    known = {node.get("index"): node.get("ipAddress") for node in old.get("nodes") or ()}
    count = int((job.get("spec") or {}).get("nodeCount") or 1)
    pods = observed.current.values()
    has_all = len(observed.current) == count and all(pod.ip for pod in pods)
    nodes = []
    for index, pod in observed.current.items():
        node: dict[str, Any] = {
            "index": index,
            "nodeId": node_id(job, pod.attempt, index),
            "pod": pod.name,
        }
        address = pod.ip if has_all else None
        if address or known.get(index):
            node["ipAddress"] = address or known[index]
        nodes.append(node)
    return nodes


def _merged(job: Object, conditions: list[Condition], at: datetime) -> list[Object]:
    old = (job.get("status") or {}).get("conditions") or ()
    generation = job["metadata"].get("generation")
    return merge_conditions(old, conditions, generation=generation, at=at)


def _state_conditions(report: Report) -> list[Condition]:
    is_ready = report.state in {"running", "succeeded"}
    has_failed = report.state == "failed"
    conditions = [
        Condition("Ready", "True" if is_ready else "False", report.reason, report.message)
    ]
    if has_failed:
        conditions.append(Condition("Stalled", "True", report.reason, report.message))
    if report.state in FINISHED:
        done: Literal["Complete", "Failed"] = "Failed" if has_failed else "Complete"
        conditions.append(Condition(done, "True", report.reason, report.message))
    return conditions


def _other_conditions(report: Report, old: Object) -> list[Condition]:
    conditions: list[Condition] = []
    before = {str(found.get("type")): found for found in old.get("conditions") or ()}
    if report.is_suspended:
        conditions.append(Condition("Suspended", "True", "Suspended", report.message))
    elif "Suspended" in before:
        conditions.append(Condition("Suspended", "False", "Resumed"))
    obstacle = report.obstacle
    if obstacle is not None and obstacle.condition:
        conditions.append(Condition(obstacle.condition, "False", obstacle.reason, obstacle.message))
    lost, told_before = report.incomplete, before.get(INCOMPLETE)
    if lost is not None:
        conditions.append(Condition(INCOMPLETE, "True", lost.reason, lost.message))
    elif told_before is not None:
        kept = str(told_before.get("reason")), str(told_before.get("message"))
        conditions.append(Condition(INCOMPLETE, "True", *kept))
    notes = report.notes
    if notes is None:
        notes = {
            type_: before[type_].get("message", "") for type_ in STORAGE_NOTES if type_ in before
        }
    told = [type_ for type_ in STORAGE_NOTES if type_ in notes]
    conditions += [Condition(type_, "True", type_, notes[type_]) for type_ in told]
    return conditions
