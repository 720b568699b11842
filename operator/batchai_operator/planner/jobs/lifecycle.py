"""Whether a job has ended, and how: a pure function of its Pods (design 3, spec 7.1).

Used by job.py. The launchers' records count first, node 0's verdict on the job before all others;
then what kubelet says about the containers; then what Kubernetes says about the Pods.

Decisions where the spec is silent:
- Infrastructure failures (a Pod evicted, preempted, deleted by somebody, lost with its node) end
  the job as JobNodeLost without an exit code; a rerun (spec 11, 10) will hook in where that code is
  made. Only a Pod that never ran is made again (rejections.py).
- A job that exceeds maxWallClockTime ends as JobTimedOut with the launcher's code 124.
- A job whose programs had to be ended because the volume of its logs took nothing for too long ends
  as LogsVolumeError without an exit code: no program decided.
- When node 0 lost another node, and that one was killed for lack of memory, the job failed with
  137.
- A Pod that should have been gone a minute ago counts as gone: its node does not answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from batchai_operator.planner.jobs import failures
from batchai_operator.planner.jobs.failures import Failure
from batchai_operator.planner.jobs.losses import Incomplete, describe
from batchai_operator.planner.jobs.observed import NodePod, Observed
from batchai_operator.planner.jobs.records import Verdict
from batchai_operator.planner.times import parse

OVERDUE = timedelta(seconds=60)
"""A Pod whose grace period ended so long ago will not end by itself."""

UNHEARD = timedelta(seconds=60)
"""How long node 0 may take to tell the end of a node; it gives a lost one up after 30 s."""

TIMED_OUT_EXIT_CODE = 124
"""The launcher's exit code for a job that exceeded its maxWallClockTime."""

_KILLED_EXIT_CODE = 137
_START_REASONS = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})
_LOST_REASONS = frozenset({"ContainerStatusUnknown"})


@dataclass(frozen=True)
class End:
    """How a job ended.

    Attributes:
        failure: why it failed; None when it succeeded.
        exit_code: of the job; None when no program decided.
        at: when it ended; None when nobody says.
    """

    failure: Failure | None
    exit_code: int | None = None
    at: datetime | None = None


def judge(observed: Observed, now: datetime, image: str = "") -> End | None:
    """Return how a job ended, None while it has not.

    Args:
        observed: its Pods.
        now: the time, for Pods that are overdue.
        image: of the job container, for errors that name it.
    """
    nodes = observed.known
    first = nodes.get(0)
    if first is not None and first.ended is not None:
        return _judge_first(first, observed, image)
    for pod in nodes.values():
        if pod.is_over or is_overdue(pod, now):
            # Node 0 tells the others' ends; only one that came to nothing is judged without it.
            if pod.ended is None or first is None or first.is_over or is_overdue(first, now):
                return _judge_pod(pod, now, image)
            if pod.record is None and pod.status.get("reason"):
                return _judge_pod(pod, now, image)
        # Its sidecar may go on saving output for minutes after that.
        is_patient = first is not None and first.has_started and _silence(pod, now) < UNHEARD
        if first is not None and _is_unheard(pod) and not is_patient:
            return _judge_pod(pod, now, image)
    return None


def _is_unheard(pod: NodePod) -> bool:
    """Tell whether a node ended without a word from node 0, so that it may not know of it.

    One that left no record may have ended before it had met node 0, which then waits for it as long
    as the job may run.
    """
    if pod.ended is None:
        return False
    record = pod.record
    if record is None:
        return True
    if record.job is not None:
        return False
    return record.own.outcome in {"terminated", "launcherFailed", "peerLost", "logsStuck"}


def _silence(pod: NodePod, now: datetime) -> timedelta:
    # Where nobody says when it ended, there is nothing to wait for.
    return now - (_finished_at(pod) or now - UNHEARD)


def is_overdue(pod: NodePod, now: datetime) -> bool:
    """Tell whether a deleted Pod should be gone long since."""
    deadline = pod.deletion_deadline
    return deadline is not None and now - deadline >= OVERDUE


def incompleteness(observed: Observed, now: datetime) -> Incomplete | None:
    """Return what is missing of a job's output, None when nothing is or it is not known yet.

    Nodes that still save output may yet save all of it, so they are waited for.
    """
    silent = []
    for pod in observed.current.values():
        if pod.is_live and not is_overdue(pod, now):
            return None
        if pod.is_live and pod.has_started:
            silent.append(pod.index)
    return describe(observed.losses, silent)


def seconds_until_overdue(observed: Observed, now: datetime) -> float | None:
    """Return when a Pod will be judged that waits to be: a deleted one, or one nobody heard.

    A time that has passed is no reason to look again: what it brings has been seen.
    """
    deadlines = [pod.deletion_deadline for pod in observed.live]
    due = [(deadline + OVERDUE - now).total_seconds() for deadline in deadlines if deadline]
    unheard = [pod for index, pod in observed.known.items() if index and _is_unheard(pod)]
    due += [(UNHEARD - _silence(pod, now)).total_seconds() for pod in unheard]
    return min((seconds for seconds in due if seconds > 0), default=None)


def node_lost(pod_name: str, index: int, info: str) -> Failure:
    """Return the error for a node that was lost."""
    message = "A node of the job was lost"
    return Failure("JobNodeLost", message, {"node": str(index), "pod": pod_name, "Info": info})


def _judge_first(first: NodePod, observed: Observed, image: str) -> End:
    record = first.record
    if record is None:
        return _judge_container(first, image)
    at = record.ended_at or _finished_at(first)
    verdict = record.job or record.own
    if verdict.outcome in {"peerLost", "terminated"}:
        lost = _first_loss(observed, verdict, record.message)
        return End(lost.failure, lost.exit_code, at)
    return _from_verdict(verdict, record.message, at, image, len(observed.known))


def _from_verdict(
    verdict: Verdict, message: str, at: datetime | None, image: str, nodes: int
) -> End:
    details = {"task": verdict.task} if verdict.task else {}
    if nodes > 1:
        details["node"] = str(verdict.node)
    match verdict.outcome:
        case "succeeded":
            return End(None, 0, at)
        case "preparationFailed":
            failure = Failure("JobPreparationFailed", failures.PREPARATION_FAILED, details)
            return End(failure, verdict.exit_code, at)
        case "timedOut":
            failure = Failure("JobTimedOut", failures.TIMED_OUT, {"Info": message})
            return End(failure, verdict.exit_code, at)
        case "logsStuck":
            told = {**details, "Info": message}
            return End(Failure("LogsVolumeError", failures.LOGS_FAILED, told), None, at)
        case "launcherFailed":
            return End(failures.start_failure(image, message), verdict.exit_code, at)
        case _:
            failure = Failure("JobFailed", failures.JOB_FAILED, details)
            return End(failure, verdict.exit_code, at)


def _first_loss(observed: Observed, verdict: Verdict, message: str) -> End:
    """Find out why a node was lost: memory, eviction, deletion, or nobody knows."""
    suspects = sorted(observed.known.values(), key=lambda pod: pod.index != verdict.node)
    for pod in suspects:
        if pod.record is None and pod.ended and pod.ended.get("reason") == "OOMKilled":
            return _out_of_memory(pod)
    for pod in suspects:
        reason = _loss_reason(pod)
        if reason:
            return End(node_lost(pod.name, pod.index, reason))
    pod_name = next((pod.name for pod in suspects), "")
    return End(node_lost(pod_name, verdict.node, message or "the node does not answer any more"))


def _judge_pod(pod: NodePod, now: datetime, image: str) -> End:
    if pod.ended is not None and not is_overdue(pod, now):
        record = pod.record
        if record is not None and record.own.outcome not in {"peerLost", "terminated", "stopped"}:
            at = record.ended_at or _finished_at(pod)
            return _from_verdict(record.job or record.own, record.message, at, image, 2)
        if record is None:
            return _judge_container(pod, image)
    return End(node_lost(pod.name, pod.index, _loss_reason(pod) or "its Pod ended too early"))


def _judge_container(pod: NodePod, image: str) -> End:
    """Judge by kubelet's words; the launcher left none."""
    ended: Mapping[str, Any] = pod.ended or {}
    at, reason = _finished_at(pod), str(ended.get("reason") or "")
    code = int(ended.get("exitCode") or 0)
    if reason == "OOMKilled":
        return _out_of_memory(pod)
    if reason in _START_REASONS:
        return End(failures.start_failure(image, str(ended.get("message") or reason)), None, at)
    loss = _loss_reason(pod)
    if loss or reason in _LOST_REASONS:
        return End(node_lost(pod.name, pod.index, loss or reason), None, at)
    if code == 0 and pod.index:
        # Only node 0 may say that a job succeeded.
        return End(node_lost(pod.name, pod.index, "it ended and left no record"), None, at)
    if code == 0:
        return End(None, 0, at)
    details = {"node": str(pod.index), "Info": reason} if reason else {}
    return End(Failure("JobFailed", failures.JOB_FAILED, details), code, at)


def _out_of_memory(pod: NodePod) -> End:
    info = "OOMKilled: the job's container used more memory than it may"
    failure = Failure("JobFailed", failures.JOB_FAILED, {"node": str(pod.index), "Info": info})
    code = int((pod.ended or {}).get("exitCode") or _KILLED_EXIT_CODE)
    return End(failure, code, _finished_at(pod))


def _loss_reason(pod: NodePod) -> str:
    """Return Kubernetes' reason for taking a Pod away, empty when there is none."""
    status = pod.status
    parts = [str(status.get(name) or "") for name in ("reason", "message")]
    told = ": ".join(part for part in parts if part)
    disruption = pod.condition("DisruptionTarget")
    if disruption and disruption.get("status") == "True":
        words = [str(disruption.get(name) or "") for name in ("reason", "message")]
        return ": ".join(word for word in words if word)
    if told:
        return told
    if pod.deletion_deadline is not None:
        return "its Pod was deleted while the job ran"
    return ""


def _finished_at(pod: NodePod) -> datetime | None:
    return parse((pod.ended or {}).get("finishedAt"))
