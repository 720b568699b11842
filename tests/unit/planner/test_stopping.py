"""How a job is stopped: terminated, suspended, out of time; and what becomes of its Pods."""

import copy
from dataclasses import replace

import pytest

from batchai_operator.planner.facts import Admission
from batchai_operator.planner.jobs.job import plan_job
from support.planning import (
    a_job,
    a_record,
    carry_out,
    ended,
    facts,
    later,
    running,
    started,
    waiting,
    with_pods,
)

QUEUED = Admission(False, 2, "Queued", "Others come first.")


def condition(status, type_):
    return next((c for c in status["conditions"] if c["type"] == type_), None)


def set_spec(before, **spec):
    job = copy.deepcopy(before.job)
    job["spec"].update(spec)
    job["metadata"]["generation"] += 1
    return replace(before, job=job)


def test_terminate_while_queued():
    before = set_spec(carry_out(facts(admission=QUEUED)), terminate=True)
    status = plan_job(before).status
    info = status["executionInfo"]
    assert status["executionState"] == "failed"
    assert info["startTime"] == info["endTime"] == "2026-11-24T04:00:00.000Z"
    assert "exitCode" not in info
    assert info["errors"] == [
        {
            "code": "JobTerminated",
            "message": "The specified job has been terminated by the user",
        }
    ]


def test_terminate_while_running():
    before = set_spec(started(), terminate=True)
    plan = plan_job(before)
    assert plan.status["executionState"] == "terminating"
    assert [pod.grace_seconds for pod in plan.delete] == [None]
    stopping = carry_out(before, plan)
    assert plan_job(stopping).delete == ()
    assert plan_job(stopping).status is None
    # The launcher's record of the stop is no failure of the program's.
    over = with_pods(stopping, n0=ended(a_record("terminated", code=143), code=143))
    status = plan_job(later(over, 20)).status
    assert status["executionState"] == "failed"
    assert status["executionInfo"] == {
        "startTime": "2026-11-24T03:59:30.000Z",
        "endTime": "2026-11-24T04:00:20.000Z",
        "errors": status["executionInfo"]["errors"],
    }
    assert status["executionInfo"]["errors"][0]["code"] == "JobTerminated"


def test_terminate_does_not_wait_for_a_dead_node():
    stopping = carry_out(set_spec(started(), terminate=True))
    assert plan_job(later(stopping, 89)).status is None
    assert plan_job(later(stopping, 90)).status["executionState"] == "failed"


def test_terminate_after_the_program_ended():
    before = set_spec(started(), terminate=True)
    over = with_pods(before, n0=ended(a_record("taskFailed", code=7), code=7))
    status = plan_job(over).status
    assert status["executionInfo"]["exitCode"] == 7
    assert status["executionInfo"]["errors"][0]["code"] == "JobFailed"


def test_terminate_with_a_multi_node_job_half_made():
    before = carry_out(facts(a_job(nodeCount=2)))
    plan = plan_job(set_spec(before, terminate=True))
    assert len(plan.delete) == 2
    assert plan.create == ()


def test_suspend_and_resume():
    before = set_spec(started(), suspend=True)
    plan = plan_job(before)
    assert len(plan.delete) == 1
    assert plan.status["executionState"] == "queued"
    assert plan.status["attempt"] == 2
    assert "executionInfo" not in plan.status
    stopping = carry_out(before, plan)
    assert condition(stopping.job["status"], "Suspended")["status"] == "True"
    assert plan_job(stopping).status is None
    resumed = set_spec(stopping, suspend=False)
    assert plan_job(resumed).create == ()
    gone = replace(resumed, pods=())
    (pod,) = plan_job(gone).create
    assert pod["metadata"]["labels"]["batchai.dev/attempt"] == "2"
    segment = before.job["status"]["jobOutputDirectoryPathSegment"]
    assert plan_job(gone).status["jobOutputDirectoryPathSegment"] == segment
    assert condition(plan_job(gone).status, "Suspended")["status"] == "False"


def test_a_suspended_job_that_never_ran_stays_the_first_attempt():
    status = plan_job(facts(a_job(suspend=True), admission=QUEUED)).status
    assert (status["attempt"], status["message"]) == (1, "Suspended.")


@pytest.mark.parametrize(
    ("seconds", "state"), [(30, None), (689, None), (691, "failed")], ids=["early", "late", "over"]
)
def test_the_operator_enforces_the_time_limit_later_than_a_launcher_may_wait(seconds, state):
    before = started(a_job(constraints={"maxWallClockTime": "PT1M"}))
    plan = plan_job(later(before, seconds))
    if state is None:
        # The job was scheduled 30 s before NOW; programs that ended within their minute may have
        # left the launcher waiting for a slow volume for ten more.
        assert plan.requeue_after == pytest.approx(690 - seconds)
    else:
        error = plan.status["executionInfo"]["errors"][0]
        assert (error["code"], error["details"][0]["value"]) == ("JobTimedOut", "maxWallClockTime")


def test_a_node_that_was_told_of_the_end_may_catch_up_with_a_slow_share():
    done = carry_out(with_pods(started(a_job(nodeCount=2)), n0=ended(a_record("succeeded"))))
    assert plan_job(done).requeue_after == pytest.approx(658)
    assert plan_job(later(done, 657)).delete == ()
    assert [pod.name[-1] for pod in plan_job(later(done, 659)).delete] == ["1"]


def test_a_node_that_was_told_nothing_goes_after_a_minute():
    job = a_job(nodeCount=2)
    failed = carry_out(with_pods(carry_out(facts(job)), n0=waiting("InvalidImageName")))
    left = with_pods(failed, n1=running())
    assert [pod.name[-1] for pod in plan_job(left).delete] == ["0"]
    assert [pod.name[-1] for pod in plan_job(later(left, 61)).delete] == ["0", "1"]


def test_pods_that_never_started_go_at_once():
    failed = carry_out(with_pods(carry_out(facts()), all=waiting("InvalidImageName")))
    assert failed.job["status"]["executionState"] == "failed"
    assert len(plan_job(failed).delete) == 1


def test_ttl_removes_pods_and_nothing_else():
    job = a_job(kubernetes={"ttlSecondsAfterFinished": 100})
    done = carry_out(with_pods(started(job), n0=ended(a_record("succeeded"))))
    assert plan_job(done).requeue_after == pytest.approx(97.25)
    plan = plan_job(later(done, 98))
    assert len(plan.delete) == 1
    assert plan.status is None


def test_without_ttl_finished_pods_stay():
    done = carry_out(with_pods(started(), n0=ended(a_record("succeeded"))))
    assert plan_job(later(done, 10**7)) == plan_job(done)
    assert plan_job(done).delete == ()
    assert plan_job(done).requeue_after is None
