"""How a job ends: a table from the last words of its Pods to state, exit code and error."""

from dataclasses import replace
from datetime import timedelta

import pytest

from batchai_operator.planner.jobs.job import plan_job
from support.planning import (
    a_job,
    a_record,
    carry_out,
    ended,
    facts,
    later,
    running,
    scheduled,
    started,
    with_pods,
    without_pod,
)


def end_of(before, **pods):
    status = plan_job(with_pods(before, **pods)).status or {}
    info = status.get("executionInfo", {})
    error = (info.get("errors") or [{}])[0]
    return status.get("executionState"), info.get("exitCode"), error.get("code")


ONE_NODE = [
    ("it exits with 0", ended(a_record("succeeded")), ("succeeded", 0, None)),
    ("it exits with 7", ended(a_record("taskFailed", code=7), code=7), ("failed", 7, "JobFailed")),
    (
        "a script is missing",
        ended(a_record("taskFailed", code=127), code=127),
        ("failed", 127, "JobFailed"),
    ),
    (
        "a task is killed",
        ended(a_record("taskFailed", code=137), code=137),
        ("failed", 137, "JobFailed"),
    ),
    (
        "preparation fails",
        ended(a_record("preparationFailed", code=3), code=3),
        ("failed", 3, "JobPreparationFailed"),
    ),
    (
        "time is over",
        ended(a_record("timedOut", code=124), code=124),
        ("failed", 124, "JobTimedOut"),
    ),
    (
        "the launcher fails",
        ended(a_record("launcherFailed", code=70), code=70),
        ("failed", 70, "FailedStartingContainer"),
    ),
    ("there is no record, code 0", ended(), ("succeeded", 0, None)),
    ("there is no record, code 5", ended(code=5), ("failed", 5, "JobFailed")),
    ("the record is nonsense", ended("{oops", code=5), ("failed", 5, "JobFailed")),
    ("the record is a list", ended("[1]", code=5), ("failed", 5, "JobFailed")),
    ("the outcome is a number", ended({"outcome": 3}, code=5), ("failed", 5, "JobFailed")),
    ("memory is over", ended(code=137, reason="OOMKilled"), ("failed", 137, "JobFailed")),
    (
        "the container cannot start",
        ended(code=128, reason="StartError"),
        ("failed", None, "FailedStartingContainer"),
    ),
    (
        "the kubelet lost sight of it",
        ended(code=137, reason="ContainerStatusUnknown"),
        ("failed", None, "JobNodeLost"),
    ),
    (
        "it is evicted",
        {"phase": "Failed", "reason": "Evicted", "message": "disk pressure"},
        ("failed", None, "JobNodeLost"),
    ),
    (
        "the node is lost after TERM",
        ended(a_record("terminated", code=143), code=143),
        ("failed", None, "JobNodeLost"),
    ),
    ("it still runs", running(), (None, None, None)),
]


@pytest.mark.parametrize(
    ("pod", "expected"), [row[1:] for row in ONE_NODE], ids=[row[0] for row in ONE_NODE]
)
def test_one_node(pod, expected):
    assert end_of(started(), n0=pod) == expected


RUNS = running()
PEER_LOST = ended(a_record("peerLost", code=75, node=1), code=75)
TWO_NODES = [
    ("both end well", ended(a_record("succeeded")), ended(), ("succeeded", 0, None)),
    (
        "node 0 has spoken, node 1 drains",
        ended(a_record("succeeded")),
        RUNS,
        ("succeeded", 0, None),
    ),
    (
        "a worker of node 1 fails",
        ended(a_record("taskFailed", code=7, node=1, task="wk-1", own="stopped"), code=7),
        ended(code=7),
        ("failed", 7, "JobFailed"),
    ),
    ("node 1 has failed, node 0 has not spoken", RUNS, ended(code=7), (None, None, None)),
    (
        "node 1 is out of memory",
        PEER_LOST,
        ended(code=137, reason="OOMKilled"),
        ("failed", 137, "JobFailed"),
    ),
    (
        "node 1 is evicted",
        PEER_LOST,
        {"phase": "Failed", "reason": "Evicted"},
        ("failed", None, "JobNodeLost"),
    ),
    (
        "node 1 is evicted, node 0 has not noticed",
        RUNS,
        {"phase": "Failed", "reason": "Evicted"},
        ("failed", None, "JobNodeLost"),
    ),
    ("node 1 does not answer", PEER_LOST, RUNS, ("failed", None, "JobNodeLost")),
    (
        "node 0 is evicted, node 1 noticed",
        {"phase": "Failed", "reason": "Evicted"},
        ended({"outcome": "peerLost", "node": 1}, code=75),
        ("failed", None, "JobNodeLost"),
    ),
]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [row[1:] for row in TWO_NODES],
    ids=[row[0] for row in TWO_NODES],
)
def test_two_nodes(first, second, expected):
    assert end_of(started(a_job(nodeCount=2)), n0=first, n1=second) == expected


def test_messages_are_the_services():
    for outcome, message in [
        ("taskFailed", "Job failed with non-zero exit code"),
        ("preparationFailed", "Job preparation task failed with non-zero exit code"),
    ]:
        facts = with_pods(started(), n0=ended(a_record(outcome, code=2), code=2))
        assert plan_job(facts).status["executionInfo"]["errors"][0]["message"] == message


def test_the_record_says_which_task_on_which_node():
    record = a_record("taskFailed", code=7, node=1, task="wk-1")
    facts = with_pods(started(a_job(nodeCount=2)), n0=ended(record, code=7), n1=RUNS)
    (error,) = plan_job(facts).status["executionInfo"]["errors"]
    assert error["details"] == [{"name": "task", "value": "wk-1"}, {"name": "node", "value": "1"}]


def test_the_end_is_when_the_program_ended_not_when_we_looked():
    facts = later(with_pods(started(), n0=ended(a_record("succeeded"))), 3600)
    status = plan_job(facts).status
    assert status["executionInfo"] == {
        "startTime": "2026-11-24T03:59:30.000Z",
        "endTime": "2026-11-24T03:59:57.250Z",
        "exitCode": 0,
    }
    assert status["executionStateTransitionTime"] == "2026-11-24T03:59:57.250Z"


def test_a_job_that_ran_and_ended_while_the_operator_was_down():
    running_facts = started()
    never_seen = replace(running_facts, job=a_job())
    facts = with_pods(never_seen, n0=ended(a_record("taskFailed", code=7), code=7))
    info = plan_job(facts).status["executionInfo"]
    assert (info["startTime"], info["exitCode"]) == ("2026-11-24T03:59:30.000Z", 7)


def test_a_vanished_pod_is_a_lost_node():
    facts = without_pod(started(a_job(nodeCount=2)), 1)
    status = plan_job(facts).status
    assert status["executionInfo"]["errors"][0]["code"] == "JobNodeLost"


def test_a_pod_that_was_not_made_yet_is_made_after_a_crash():
    before = carry_out(with_pods(carry_out(started(a_job(nodeCount=2))), all=running()))
    crashed = without_pod(replace(before, job=a_job(nodeCount=2)), 1)
    assert [child["kind"] for child in plan_job(crashed).create] == ["Secret", "Service", "Pod"]
    assert plan_job(crashed).status["executionState"] == "queued"


def test_a_deleted_pod_is_given_its_time_and_a_minute_then_it_is_lost():
    before = started()
    pod = before.pods[0]
    deadline = before.now + timedelta(seconds=30)
    metadata = {**pod["metadata"], "deletionTimestamp": deadline.isoformat()}
    facts = replace(before, pods=({**pod, "metadata": metadata},))
    assert plan_job(facts).status is None
    assert plan_job(facts).requeue_after == pytest.approx(90)
    late = plan_job(later(facts, 91)).status
    assert late["executionInfo"]["errors"][0]["code"] == "JobNodeLost"


def test_a_terminal_state_never_changes():
    done = carry_out(with_pods(started(), n0=ended(a_record("succeeded"))))
    failed = with_pods(done, n0=ended(a_record("taskFailed", code=9), code=9))
    assert plan_job(failed).status is None
    job = {**failed.job, "spec": {**failed.job["spec"], "terminate": True}}
    assert plan_job(replace(failed, job=job)).status is None
    assert plan_job(replace(failed, job=job, pods=())).status is None


def test_a_node_that_ended_before_node_0_could_hear_of_it_ends_the_job():
    before = carry_out(facts(a_job(nodeCount=2)))
    gone = ended(a_record("terminated", node=1, job=None), code=143)
    gone["reason"] = "Terminated"
    # Node 0 still pulls its image: it will never hear of the other.
    assert end_of(before, n0=scheduled(), n1=gone) == ("failed", None, "JobNodeLost")
    # Node 0 runs: it is given the time to find out by itself.
    waits = with_pods(before, n0=running(), n1=gone)
    assert plan_job(waits).status["executionState"] == "running"
    assert 0 < plan_job(waits).requeue_after <= 60
    assert end_of(later(waits, 61))[2] == "JobNodeLost"


@pytest.mark.parametrize(
    ("group", "is_refused"), [("default", False), ("Default", False), ("other", True)]
)
def test_a_cluster_of_another_resource_group_is_refused(group, is_refused):
    identifier = (
        f"/subscriptions/s/resourceGroups/{group}/providers/Microsoft.BatchAI/workspaces/w"
        "/clusters/d2"
    )
    job = a_job(cluster={"id": identifier})
    job["metadata"]["namespace"] = "default"
    info = plan_job(facts(job)).status.get("executionInfo", {})
    errors = str(info.get("errors", ""))
    assert ("cluster.id points to resource group other" in errors) is is_refused


def test_a_node_that_does_not_start_is_spoken_of():
    before = with_pods(carry_out(facts()), all=scheduled())
    plan = plan_job(before)
    assert plan.requeue_after <= 60
    said = plan_job(later(before, 61)).status
    assert said["executionState"] == "running"
    assert "Node 0 takes long to start" in said["message"]
    assert plan_job(carry_out(later(before, 61))).status is None
