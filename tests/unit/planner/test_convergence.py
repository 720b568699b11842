"""Whatever the Pods look like, planning is deterministic, pure, and settles after its changes."""

import copy
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchai_operator.names import FINISHED
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
    without_pod,
)

POD_STATES = [
    {},
    {"phase": "Pending"},
    unschedulable("0/2 nodes"),
    scheduled(),
    waiting("ErrImagePull", "no such host"),
    waiting("InvalidImageName"),
    running(),
    ended(a_record("succeeded")),
    ended(a_record("taskFailed", code=7), code=7),
    ended(a_record("peerLost", code=75, node=1), code=75),
    ended(a_record("terminated", code=143), code=143),
    ended(code=137, reason="OOMKilled"),
    {"phase": "Failed", "reason": "Evicted"},
    None,
]
STATES = st.sampled_from(POD_STATES)
STATES_AFTER_START = st.sampled_from(
    [
        running(),
        ended(a_record("succeeded")),
        ended(a_record("taskFailed", code=7), code=7),
        ended(a_record("peerLost", code=75, node=1), code=75),
        ended(a_record("terminated", code=143), code=143),
        ended(code=137, reason="OOMKilled"),
    ]
)
"""What the Pods of a job can look like once all of its nodes were there."""


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    first=STATES,
    second=STATES,
    was_running=st.booleans(),
    flags=st.sampled_from([{}, {"terminate": True}, {"suspend": True}]),
    seconds=st.sampled_from([0, 11, 200, 10**6]),
)
def test_a_second_pass_has_nothing_to_do(first, second, was_running, flags, seconds):
    job = a_job(nodeCount=2)
    now = started(job) if was_running else carry_out(facts(job))
    spec = {**now.job["spec"], **flags}
    now = later(replace(now, job={**now.job, "spec": spec}), seconds)
    for index, state in enumerate((first, second)):
        now = without_pod(now, index) if state is None else with_pods(now, **{f"n{index}": state})
    before = copy.deepcopy(now)
    plan = plan_job(now)
    assert plan_job(now) == plan
    assert now == before
    after = carry_out(now, plan)
    again = plan_job(after)
    if plan.create:
        # New Pods are new facts: one more pass may tell what they wait for.
        after = carry_out(after, again)
        again = plan_job(after)
    assert again.status is None
    assert again.create == ()
    assert again.events == ()
    if now.job["status"]["executionState"] in FINISHED:
        assert plan.status is None
    # Deletions asked for once are not asked for again; what an end leaves over goes next.
    assert not {pod.uid for pod in plan.delete} & {pod.uid for pod in again.delete}


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(first=STATES_AFTER_START, second=STATES_AFTER_START)
def test_an_operator_that_was_down_comes_to_the_same_end(first, second):
    """It may have seen the job run, or only its last words."""
    job = a_job(nodeCount=2)
    ends = []
    for begin in (carry_out(facts(job)), started(job)):
        now = begin
        for index, state in enumerate((first, second)):
            now = with_pods(now, **{f"n{index}": state})
        status = carry_out(now).job["status"]
        is_over = status["executionState"] in FINISHED
        info = status.get("executionInfo", {})
        end = (status["executionState"], info.get("exitCode"), info.get("errors"))
        ends.append(end if is_over else None)
    assert ends[0] == ends[1]
