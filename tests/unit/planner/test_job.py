"""The phases of a job: queued, starting, running, ended, and how many writes they cost."""

import copy
from dataclasses import replace

from batchai_operator.planner.facts import Admission
from batchai_operator.planner.jobs.job import plan_job
from support.planning import (
    NOW,
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
    with_pods,
)

QUEUED = Admission(False, 2, "Queued", "Others come first.")


JUST_NOW = "2026-11-24T03:59:59Z"


def condition(status, type_):
    return next((c for c in status["conditions"] if c["type"] == type_), None)


def drive(before, changes):
    """Apply changes one after the other, each with its passes; return facts and status writes."""
    writes = []
    for change in changes:
        before = change(before)
        for _ in range(3):
            plan = plan_job(before)
            writes += [plan.status] if plan.status is not None else []
            before = carry_out(before, plan)
    return before, writes


def test_a_job_costs_three_status_writes():
    job = a_job(nodeCount=2)
    bare = scheduled(JUST_NOW)
    _, writes = drive(
        facts(job),
        [
            lambda f: f,
            lambda f: with_pods(f, n0=bare),
            lambda f: with_pods(f, all=bare),
            lambda f: with_pods(f, n0=running("10.0.0.1")),
            lambda f: with_pods(f, n1=running("10.0.0.2")),
            lambda f: later(f, 60),
            lambda f: with_pods(f, n0=ended(a_record("succeeded")) | {"podIP": "10.0.0.1"}),
            lambda f: with_pods(f, n1=ended() | {"podIP": "10.0.0.2"}),
        ],
    )
    assert [status["executionState"] for status in writes] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert [node.get("ipAddress") for node in writes[-1]["nodes"]] == ["10.0.0.1", "10.0.0.2"]
    assert condition(writes[1], "Ready")["status"] == "True"
    assert condition(writes[-1], "Complete")["status"] == "True"
    assert condition(writes[-1], "Stalled") is None


def test_running_is_said_without_addresses_when_they_do_not_come():
    before = facts()
    before = with_pods(carry_out(before, plan_job(before)), all=scheduled(JUST_NOW))
    at_once = plan_job(before)
    assert at_once.status is None
    assert at_once.requeue_after is not None
    assert at_once.requeue_after <= 5
    status = plan_job(later(before, 5)).status
    assert status["executionState"] == "running"


def test_events_tell_of_states_once():
    before = facts()
    first = plan_job(before)
    assert [event.reason for event in first.events] == ["Queued"]
    again = plan_job(with_pods(carry_out(before, first), all=unschedulable("0/1 nodes")))
    assert again.status is not None
    assert again.events == ()


def test_one_node_needs_neither_service_nor_secret():
    assert [child["kind"] for child in plan_job(facts()).create] == ["Pod"]


def test_children_come_in_order():
    kinds = [child["kind"] for child in plan_job(facts(a_job(nodeCount=2))).create]
    assert kinds == ["Secret", "Service", "Pod", "Pod"]


def test_a_job_that_may_not_start_makes_nothing_and_says_why():
    plan = plan_job(facts(admission=QUEUED))
    assert plan.create == ()
    assert plan.status["executionState"] == "queued"
    assert plan.status["message"] == "Others come first."
    assert plan.status["jobOutputDirectoryPathSegment"].startswith("00000000-")
    assert "executionInfo" not in plan.status


def test_a_mere_change_of_position_is_not_written():
    before = carry_out(facts(admission=QUEUED))
    assert plan_job(replace(before, admission=replace(QUEUED, position=1))).status is None


def test_times_are_kept_when_nothing_changes():
    before = started()
    since = condition(before.job["status"], "Ready")["lastTransitionTime"]
    finished = plan_job(later(with_pods(before, n0=ended(a_record("succeeded"))), 50)).status
    assert condition(finished, "Ready")["lastTransitionTime"] == since
    assert finished["provisioningStateTransitionTime"] == "2026-11-24T04:00:00.000Z"
    assert before.now == NOW


def test_readers_are_no_nodes():
    before = started()
    reader = copy.deepcopy(before.pods[0])
    reader["metadata"]["labels"]["batchai.dev/component"] = "reader"
    reader["status"] = {"phase": "Failed"}
    assert plan_job(replace(before, pods=(*before.pods, reader))) == plan_job(before)
