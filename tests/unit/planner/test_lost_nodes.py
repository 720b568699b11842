"""Nodes that end without a word while node 0 waits for them, and timers that bring nothing."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    unschedulable,
    waiting,
    with_pods,
)

SILENT = {
    "could not be started": ended(code=128, reason="StartError"),
    "ran out of memory": ended(code=137, reason="OOMKilled"),
    "was killed": ended(code=137, reason="Error"),
    "wrote nonsense": ended("nonsense", code=1, reason="Error"),
    "is not known": ended(code=137, reason="ContainerStatusUnknown"),
    "left nothing": ended(code=0),
    "still saves its output": ended(code=137, phase="Running"),
}


@pytest.mark.parametrize("state", SILENT.values(), ids=SILENT.keys())
def test_a_node_that_left_no_record_ends_the_job_after_a_minute(state):
    job = started(a_job(nodeCount=2))
    now = with_pods(job, n0=running(), n1=state)
    plan = plan_job(now)
    assert plan.status is None, "node 0 may yet tell"
    assert plan.requeue_after is not None
    assert 0 < plan.requeue_after <= 60
    end = plan_job(later(now, 70)).status
    assert end is not None
    assert end["executionState"] == "failed"


def test_node_0_that_has_not_started_is_not_waited_for():
    now = with_pods(started(a_job(nodeCount=2)), n0=waiting("ContainerCreating"), n1=ended(code=1))
    end = plan_job(now).status
    assert end is not None
    assert end["executionState"] == "failed"


def test_the_operators_own_time_limit_has_the_launchers_exit_code():
    job = started(a_job(constraints={"maxWallClockTime": "PT1M"}))
    end = plan_job(later(job, 3600)).status
    assert end is not None
    assert end["executionInfo"]["errors"][0]["code"] == "JobTimedOut"
    assert end["executionInfo"]["exitCode"] == 124


def _own(outcome, **more):
    return ended({"version": 1, "node": 1, "outcome": outcome, "tasks": []}, **more)


STATES = st.sampled_from(
    [
        {"phase": "Pending"},
        scheduled(),
        unschedulable("0/2 nodes"),
        waiting("ErrImagePull"),
        waiting("CrashLoopBackOff", container="batchai-sidecar"),
        running(),
        ended(code=137, reason="OOMKilled"),
        ended(code=1, phase="Running"),
        ended(a_record("succeeded")),
        ended(a_record("taskFailed", code=7), code=7, phase="Running"),
        ended(a_record("peerLost", code=75, node=1), code=75),
        _own("launcherFailed", code=70, phase="Running"),
        _own("terminated", code=143),
        _own("stopped", phase="Running"),
        {"phase": "Failed", "reason": "Evicted"},
    ]
)


@settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    states=st.tuples(STATES, STATES),
    was_running=st.booleans(),
    deleted=st.sets(st.integers(0, 1)),
    flag=st.sampled_from(["", "terminate", "suspend"]),
    seconds=st.sampled_from([5, 65, 100, 300, 10**6]),
)
def test_who_has_nothing_to_do_does_not_come_back_at_once(
    states, was_running, deleted, flag, seconds
):
    """Else a worker would go round and round until something happens elsewhere."""
    now = carry_out(facts(a_job(nodeCount=2)))
    if was_running:
        now = carry_out(with_pods(now, all=running()))
    now = with_pods(now, n0=states[0], n1=states[1])
    pods = []
    for index, pod in enumerate(now.pods):
        gone = {"deletionTimestamp": "2026-11-24T04:00:10Z"} if index in deleted else {}
        pods.append({**pod, "metadata": {**pod["metadata"], **gone}})
    spec = {**now.job["spec"], **({flag: True} if flag else {})}
    now = later(replace(now, pods=tuple(pods), job={**now.job, "spec": spec}), seconds)
    for _ in range(6):
        plan = plan_job(now)
        if plan.status is None and not plan.create and not plan.delete:
            assert plan.requeue_after != 0
            return
        now = carry_out(now, plan)
    raise AssertionError("it never comes to rest")


def refused(reason="UnexpectedAdmissionError", at="2026-11-24T04:00:00Z"):
    """The status that a kubelet gives a Pod that it does not take."""
    message = "Pod was rejected: Allocate failed due to no healthy devices present"
    return {"phase": "Failed", "reason": reason, "message": message, "startTime": at}


def ready(plan_or_facts):
    conditions = plan_or_facts.job["status"]["conditions"]
    return next(each for each in conditions if each["type"] == "Ready")


def test_a_pod_that_never_ran_is_made_again_after_a_pause():
    first = carry_out(facts(a_job(nodeCount=2)))
    now = with_pods(first, n0=running(), n1=refused())
    plan = plan_job(now)
    assert [event.type for event in plan.events] == ["Warning"]
    assert len(plan.delete) == 1, "node 0, which would wait for node 1"
    now = carry_out(now, plan)
    assert now.job["status"]["executionState"] == "queued"
    told = ready(now)
    assert (told["reason"], now.job["status"]["attempt"]) == ("NodeRefused", 2)
    assert "UnexpectedAdmissionError: Pod was rejected: Allocate failed" in told["message"]
    assert "run 2 of 5" in told["message"]
    # Node 0 has ended; the pause of ten seconds has not.
    over = ended(a_record("terminated"), code=143)
    now = replace(now, pods=tuple(p for p in with_pods(now, n0=over).pods if p["status"] != over))
    waits = plan_job(later(now, 4))
    assert (waits.create, waits.requeue_after) == ((), 6)
    made = plan_job(later(now, 11)).create
    assert len([each for each in made if each["kind"] == "Pod"]) == 2


def test_a_job_that_is_refused_again_and_again_ends_with_the_kubelets_words():
    now, pauses = facts(), []
    for run in range(1, 6):
        now = carry_out(now)
        assert len(now.pods) == run
        at = now.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        latest = {**now.pods[-1], "status": refused("OutOfcpu", at)}
        now = carry_out(replace(now, pods=(*now.pods[:-1], latest)))
        if run < 5:
            pauses.append(plan_job(now).requeue_after)
            now = later(now, pauses[-1])
    assert pauses == [10, 20, 40, 80]
    (error,) = now.job["status"]["executionInfo"]["errors"]
    assert error["code"] == "JobNodeLost"
    assert "OutOfcpu: Pod was rejected" in str(error["details"])


@pytest.mark.parametrize(
    "state",
    [
        refused() | {"containerStatuses": running()["containerStatuses"]},
        refused()
        | {"initContainerStatuses": [{"name": "batchai-sidecar", "state": {"terminated": {}}}]},
        refused()
        | {
            "initContainerStatuses": [
                {"name": "batchai-sidecar", "state": {"waiting": {}}, "lastState": {"x": {}}}
            ]
        },
        ended(code=137, reason="OOMKilled"),
    ],
    ids=["job-ran", "sidecar-ran", "sidecar-ran-before", "ended"],
)
def test_a_pod_that_ran_is_not_made_again(state):
    assert plan_job(with_pods(carry_out(facts()), n0=state)).status["executionState"] == "failed"


def test_a_job_that_is_terminated_is_not_made_again():
    job = a_job(terminate=True)
    now = carry_out(facts(a_job()))
    now = with_pods(replace(now, job={**now.job, "spec": job["spec"]}), n0=refused())
    (error,) = plan_job(now).status["executionInfo"]["errors"]
    assert error["code"] == "JobTerminated"
