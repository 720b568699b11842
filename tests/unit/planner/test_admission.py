"""Who may start, in which order, and what the others are told."""

import pytest

from batchai_operator.planner.clusters import admission
from support.planning import a_cluster, a_job


def a_queued(name, nodes=1, minute=0, **spec):
    job = a_job(name, nodeCount=nodes, **spec)
    job["metadata"]["creationTimestamp"] = f"2026-11-24T03:{minute:02}:00Z"
    return job


def ask(cluster, jobs, pods=()):
    held = {job["metadata"]["uid"]: count for job, count in zip(jobs, pods, strict=False)}
    answers = admission.admit(cluster, jobs, held)
    return [answers[job["metadata"]["uid"]] for job in jobs]


def test_every_job_gets_an_answer():
    jobs = [a_queued(f"j{number}") for number in range(5)]
    assert len(ask(a_cluster(2), jobs)) == 5


def test_two_jobs_of_two_nodes_run_one_after_the_other():
    first, second = a_queued("b", 2, minute=0), a_queued("a", 2, minute=1)
    assert [answer.admitted for answer in ask(a_cluster(2), [second, first])] == [False, True]
    # While the first one's Pods are being made or run, the second still waits.
    assert [answer.admitted for answer in ask(a_cluster(2), [first, second], [1, 0])] == [
        True,
        False,
    ]
    # When the first one has ended, it is not among the unfinished any more.
    assert ask(a_cluster(2), [second])[0].admitted


@pytest.mark.parametrize(
    ("priorities", "admitted"),
    [
        (("normal", "normal"), 0),
        (("normal", "high"), 1),
        (("low", "normal"), 1),
        (("HIGH", "high"), 0),
        ((None, "low"), 0),
    ],
)
def test_priority_goes_before_creation(priorities, admitted):
    jobs = [
        a_queued("first", minute=0, schedulingPriority=priorities[0]),
        a_queued("second", minute=1, schedulingPriority=priorities[1]),
    ]
    assert [answer.admitted for answer in ask(a_cluster(1), jobs)].index(True) == admitted


def test_nobody_overtakes_the_first_that_waits():
    jobs = [a_queued("runs", 1, 0), a_queued("large", 3, 1), a_queued("small", 1, 2)]
    answers = ask(a_cluster(3), jobs, [1, 0, 0])
    assert [answer.admitted for answer in answers] == [True, False, False]
    assert [answer.position for answer in answers] == [0, 1, 2]
    assert "3 nodes" in answers[1].message
    assert answers[2].reason == "Queued"


def test_a_job_larger_than_its_cluster_says_so_and_blocks_nobody():
    answers = ask(a_cluster(2), [a_queued("huge", 3, 0), a_queued("small", 1, 1)])
    assert not answers[0].admitted
    assert answers[0].reason == "ClusterTooSmall"
    assert "3 nodes" in answers[0].message
    assert answers[1].admitted


def test_no_cluster():
    (answer,) = ask(None, [a_queued("j")])
    assert (answer.admitted, answer.reason) == (False, "ClusterNotFound")
    assert "Cluster c does not exist in namespace ns" in answer.message


def test_a_cluster_that_is_going_takes_no_new_jobs():
    cluster = a_cluster(2)
    cluster["metadata"]["deletionTimestamp"] = "2026-11-24T04:00:00Z"
    waiting, running = a_queued("waits"), a_queued("runs")
    answers = ask(cluster, [waiting, running], [0, 1])
    assert [answer.admitted for answer in answers] == [False, True]


def test_autoscale_counts_to_the_maximum():
    scale = {"autoScale": {"minimumNodeCount": 0, "maximumNodeCount": 2}}
    answers = ask(a_cluster(scaleSettings=scale), [a_queued(f"j{n}", minute=n) for n in range(3)])
    assert [answer.admitted for answer in answers] == [True, True, False]


@pytest.mark.parametrize(
    ("field", "reason"), [("suspend", "Suspended"), ("terminate", "Terminating")]
)
def test_jobs_on_their_way_out_hold_only_their_pods(field, reason):
    leaving = a_queued("leaving", 2, 0, **{field: True})
    waiting = a_queued("waiting", 2, 1)
    answers = ask(a_cluster(2), [leaving, waiting], [1, 0])
    assert answers[0].reason == reason
    assert [answer.admitted for answer in answers] == [False, False]
    assert ask(a_cluster(2), [leaving, waiting], [0, 0])[1].admitted


def test_a_running_job_keeps_all_its_nodes_while_pods_end():
    running = a_queued("runs", 2, 0) | {"status": {"executionState": "running"}}
    answers = ask(a_cluster(2), [running, a_queued("waits", 1, 1)], [0, 0])
    assert [answer.admitted for answer in answers] == [True, False]


def test_answers_in_a_long_queue_do_not_change_when_it_moves():
    """Else every end of a job would cost a status write per waiting job."""
    jobs = [a_queued(f"j{n:02}", minute=n) for n in range(30)]
    before = ask(a_cluster(1), jobs)
    after = ask(a_cluster(1), jobs[1:])
    assert [answer.message for answer in before[3:]] == [answer.message for answer in after[2:]]


def test_a_deleted_job_that_is_held_back_blocks_nobody():
    gone, second = a_queued("a", minute=0), a_queued("b", minute=1)
    gone["metadata"]["deletionTimestamp"] = "2026-11-24T03:30:00Z"
    first, other = ask(a_cluster(1), [gone, second])
    assert (first.admitted, first.reason) == (False, "Deleting")
    assert other.admitted
