"""Output that is not on its volume: what the sidecar says last becomes a condition, once."""

import json
from dataclasses import replace

import pytest

from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.losses import parse_loss
from support.planning import a_job, a_record, carry_out, ended, later, running, started, with_pods

WORDS = {
    "version": 1,
    "node": 0,
    "bytes": 3896,
    "missing": [{"file": "stdout.txt", "bytes": 3893}, {"file": "stderr.txt", "bytes": 3}],
    "reason": "no space left on device",
}
SAID = (
    "Node 0: up to 3896 bytes of output are not on the volume (stdout.txt 3893, stderr.txt 3); the "
    "volume said last: no space left on device."
)


def sidecar(words=None, code=137):
    """The status of a sidecar that has ended with these last words."""
    terminated = {"exitCode": code, "finishedAt": "2026-11-24T04:02:00Z"}
    if words is not None:
        terminated["message"] = words if isinstance(words, str) else json.dumps(words) + "   "
    return {
        "initContainerStatuses": [{"name": "batchai-sidecar", "state": {"terminated": terminated}}]
    }


def draining(record, code=0):
    """A Pod whose job container has ended while its sidecar still saves output."""
    return ended(record, code=code, phase="Running")


def incomplete(status):
    return next((c for c in status["conditions"] if c["type"] == "LogsIncomplete"), None)


def test_a_gap_is_told_after_the_end_in_one_write_and_changes_nothing_else():
    succeeded = a_record("succeeded")
    done = carry_out(with_pods(started(), n0=draining(succeeded)))
    before = done.job["status"]
    assert before["executionState"] == "succeeded"
    assert incomplete(before) is None
    over = with_pods(later(done, 120), n0=ended(succeeded) | sidecar(WORDS))
    plan = plan_job(over)
    told = incomplete(plan.status)
    assert (told["status"], told["reason"], told["message"]) == ("True", "VolumeNotWritten", SAID)
    assert [(event.type, event.reason) for event in plan.events] == [("Warning", "LogsIncomplete")]
    rest = [c for c in plan.status["conditions"] if c["type"] != "LogsIncomplete"]
    assert {**plan.status, "conditions": rest} == before
    again = plan_job(carry_out(over, plan))
    assert (again.status, again.events) == (None, ())


@pytest.mark.parametrize("words", [None, "", "yes\nyes\n", "{", "[]", '{"version":1}', "{}"])
def test_nothing_is_said_when_nothing_is_missing(words):
    succeeded = a_record("succeeded")
    done = carry_out(with_pods(started(), n0=draining(succeeded)))
    over = with_pods(later(done, 5), n0=ended(succeeded) | sidecar(words, code=0))
    assert plan_job(over).status is None


def test_an_end_that_is_seen_late_tells_the_gap_in_its_own_write():
    over = with_pods(started(), n0=ended(a_record("taskFailed", code=3), code=3) | sidecar(WORDS))
    status = plan_job(over).status
    assert status["executionInfo"]["exitCode"] == 3
    assert incomplete(status)["message"] == SAID
    assert plan_job(carry_out(over)).status is None


def test_several_nodes_are_told_of_together():
    job = a_job(nodeCount=2)
    record = a_record("succeeded")
    done = carry_out(with_pods(started(job), all=draining(record)))
    first = with_pods(done, n0=ended(record) | sidecar(WORDS), n1=draining(record))
    assert plan_job(first).status is None
    torn = {"version": 1, "node": 1, "bytes": 0, "missing": [], "torn": 1048576}
    both = with_pods(done, n0=ended(record) | sidecar(WORDS), n1=ended(record) | sidecar(torn))
    message = incomplete(plan_job(both).status)["message"]
    assert message.startswith(SAID)
    assert "Node 1: launcher and sidecar were killed at the same time" in message


def test_a_pod_that_vanished_has_still_said_it():
    before = started()
    (pod,) = with_pods(before, n0=ended(a_record("terminated", code=143)) | sidecar(WORDS)).pods
    job = {**before.job, "spec": {**before.job["spec"], "terminate": True}}
    status = plan_job(replace(before, job=job, pods=(), gone=(pod,))).status
    assert status["executionInfo"]["errors"][0]["code"] == "JobTerminated"
    assert incomplete(status)["message"] == SAID


def test_words_that_come_late_for_a_pod_that_vanished():
    record = a_record("succeeded")
    done = carry_out(with_pods(started(), n0=draining(record)))
    (pod,) = with_pods(done, n0=ended(record) | sidecar(WORDS)).pods
    assert incomplete(plan_job(replace(done, pods=(), gone=(pod,))).status)["message"] == SAID


def test_nobody_knows_what_a_node_had_that_does_not_answer():
    before = started()
    (pod,) = before.pods
    metadata = {**pod["metadata"], "deletionTimestamp": "2026-11-24T04:00:00Z"}
    lost = replace(before, pods=({**pod, "metadata": metadata},))
    assert plan_job(later(lost, 59)).status is None
    status = plan_job(later(lost, 60)).status
    assert status["executionInfo"]["errors"][0]["code"] == "JobNodeLost"
    told = incomplete(status)
    assert (told["reason"], told["message"]) == (
        "NodeLost",
        "Node 0 does not answer: what it had not yet put on the volume may be missing.",
    )


def test_a_volume_that_stays_away_ends_the_job_with_a_reason():
    record = a_record("logsStuck", code=74, message="the volume has taken nothing for 10m0s")
    status = plan_job(with_pods(started(), n0=ended(record, code=74))).status
    assert status["executionState"] == "failed"
    assert "exitCode" not in status["executionInfo"]
    assert status["executionInfo"]["errors"] == [
        {
            "code": "LogsVolumeError",
            "message": "unable to write the output of the job to its volume",
            "details": [{"name": "Info", "value": "the volume has taken nothing for 10m0s"}],
        }
    ]


def test_a_guest_whose_volume_stays_away_ends_the_job_when_node_0_says_nothing():
    record = a_record("logsStuck", code=74, own="logsStuck", node=1, message="nothing for 10m0s")
    del record["job"]
    before = with_pods(started(a_job(nodeCount=2)), n0=running(), n1=ended(record, code=74))
    assert plan_job(before).status is None
    status = plan_job(later(before, 60)).status
    assert status["executionInfo"]["errors"][0]["code"] == "LogsVolumeError"


def test_a_sidecar_may_use_its_grace_period_before_the_pod_is_deleted():
    done = carry_out(with_pods(started(), n0=draining(a_record("succeeded"))))
    assert plan_job(later(done, 147)).delete == ()
    assert len(plan_job(later(done, 149)).delete) == 1


@pytest.mark.parametrize(
    "words",
    [
        '{"version":1,"bytes":"many"}',
        '{"version":1,"bytes":true}',
        '{"version":2,"bytes":1}',
        '{"version":1,"bytes":-5}',
        7,
    ],
)
def test_words_of_another_shape_are_as_good_as_absent(words):
    assert parse_loss(words, 0) is None


def test_what_is_odd_in_the_words_is_left_out():
    loss = parse_loss('{"version":1,"bytes":5,"missing":[1,{"file":2},{"file":"a"}]}', 3)
    assert loss is not None
    assert (loss.node, loss.size, loss.files) == (3, 5, (("a", 0),))
