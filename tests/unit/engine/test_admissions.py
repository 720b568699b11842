"""Answers about a cluster: remembered while nothing changes, and never older than what is known."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchai_operator.engine.ports import JOBS, PODS
from batchai_operator.engine.reconcile import admissions as admissions_module
from batchai_operator.engine.reconcile.admissions import Admissions
from batchai_operator.planner.clusters import admission
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


async def test_a_start_changes_no_answer_and_the_end_of_its_pods_does(asked):
    world = World()
    world.cluster()
    world.job()
    await world.start()
    await world.settle()
    uid = world.store.one(JOBS, "j")["metadata"]["uid"]
    admissions = world.controller._inbox._admissions
    admissions.of_cluster(CLUSTER)
    before = list(asked)
    assert {uid: 1} not in before
    (pod,) = world.pods()
    world.store.put(PODS, {**pod, "status": {"phase": "Failed"}})
    admissions.of_cluster(CLUSTER)
    assert asked == [*before, {uid: 0}]


async def test_nodes_are_taken_from_the_moment_their_pods_are_being_made(asked):
    world = World()
    world.cluster()
    job = world.job(nodes=2)
    admissions = Admissions(world.controller.cache)
    with admissions.starting(job, CLUSTER):
        admissions.of_cluster(CLUSTER)
    admissions.of_cluster(CLUSTER)
    uid = job["metadata"]["uid"]
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


_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["come", "start", "run", "end-pods", "end", "terminate", "go", "resize"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(_CHANGES)
def test_what_is_remembered_is_what_would_be_answered_anew(changes):
    asyncio.run(_live_through(changes))


async def _live_through(changes):
    world = World()
    world.cluster(nodes=5)
    cache, admissions = world.controller.cache, world.controller._inbox._admissions
    for number, (what, which) in enumerate(changes):
        _change(world, what, f"j{which}", number)
        remembered = admissions.of_cluster(CLUSTER)
        jobs = cache.jobs.in_group(CLUSTER)
        pods = {job["metadata"]["uid"]: admissions._pods(job) for job in jobs}
        anew = admission.admit(cache.clusters.by_name(CLUSTER), jobs, pods)
        assert dict(remembered) == anew
        for job in jobs:
            assert admissions.of_job(job, CLUSTER) == anew[job["metadata"]["uid"]]


def _change(world, what, name, number):  # noqa: C901 (a list of what may happen)
    there = ("batchaijobs", "ns", name) in world.store.objects
    if what == "resize":
        world.cluster(nodes=number % 7)
    elif what == "come" and not there:
        world.job(name, nodes=1 + number % 3, schedulingPriority=["high", "low"][number % 2])
    elif not there:
        return
    elif what == "start" and not world.pods(name):
        uid = world.store.one(JOBS, name)["metadata"]["uid"]
        for index in range(world.store.one(JOBS, name)["spec"]["nodeCount"]):
            world.store.put(PODS, _pod(f"{uid}-{index}", name, uid))
    elif what == "end-pods":
        for pod in world.pods(name):
            world.store.put(PODS, {**pod, "status": {"phase": "Failed"}})
    elif what in {"run", "end"}:
        job = world.store.one(JOBS, name)
        state = "running" if what == "run" else "succeeded"
        world.store.put(JOBS, {**job, "status": {"executionState": state}})
    elif what == "terminate":
        world.edit(name, terminate=True)
    elif what == "go":
        world.store.remove(JOBS, name)


def _pod(pod, job, uid):
    owner = {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "name": job, "uid": uid}
    return {"metadata": {"name": pod, "ownerReferences": [owner]}, "spec": {}}
