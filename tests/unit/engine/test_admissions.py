"""Answers about a cluster: remembered while nothing changes, and never older than what is known."""

import pytest

from batchai_operator.engine import admissions as admissions_module
from batchai_operator.engine.admissions import Admissions
from batchai_operator.engine.ports import JOBS, PODS
from batchai_operator.planner.facts import Admission
from unit.engine.world import World

CLUSTER = ("ns", "c")


@pytest.fixture
def asked(monkeypatch):
    """Replace the planner's order by one that admits everybody and notes what it was told."""
    told = []

    def admit(_, jobs, pods):
        told.append(dict(pods))
        return {job["metadata"]["uid"]: Admission(True, 0, "", "") for job in jobs}

    monkeypatch.setattr(admissions_module.admission, "admit", admit)
    return told


async def test_the_same_question_is_asked_once(asked):
    world = World()
    world.cluster()
    for number in range(3):
        world.job(f"j{number}")
    admissions = Admissions(world.controller.cache)
    for _ in range(5):
        admissions.of_cluster(CLUSTER)
    assert len(asked) == 1


async def test_pods_that_come_and_end_count_at_once(asked):
    world = World()
    world.cluster()
    world.job()
    await world.start()
    await world.settle()
    uid = world.store.one(JOBS, "j")["metadata"]["uid"]
    admissions = world.controller._inbox._admissions
    admissions.of_cluster(CLUSTER)
    assert asked[-1] == {uid: 1}
    (pod,) = world.pods()
    world.store.put(PODS, {**pod, "status": {"phase": "Failed"}})
    admissions.of_cluster(CLUSTER)
    assert asked[-1] == {uid: 0}


async def test_nodes_are_taken_from_the_moment_their_pods_are_being_made(asked):
    world = World()
    world.cluster()
    uid = world.job(nodes=2)["metadata"]["uid"]
    admissions = Admissions(world.controller.cache)
    with admissions.starting(uid, CLUSTER, 2):
        admissions.of_cluster(CLUSTER)
    admissions.of_cluster(CLUSTER)
    assert asked == [{uid: 2}, {uid: 0}]


async def test_news_is_told_once(asked):
    world = World()
    world.cluster()
    uid = world.job()["metadata"]["uid"]
    admissions = Admissions(world.controller.cache)
    assert admissions.news(CLUSTER) == [uid]
    assert admissions.news(CLUSTER) == []
    admissions.touch(CLUSTER)
    assert admissions.news(CLUSTER) == []
