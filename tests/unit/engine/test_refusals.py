"""Pods that a quota or a policy forbids: told, tried again, and in nobody's way."""

import asyncio

import pytest

from batchai_operator.engine.ports import PODS
from batchai_operator.engine.reconcile import jobs
from batchai_operator.errors import ForbiddenError
from unit.engine.world import World


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(jobs, "REFUSED_AGAIN_SECONDS", 0.02)


async def a_world(nodes=4):
    world = World()
    world.cluster(nodes=nodes)
    await world.start()
    return world


async def pause():
    """Let the time pass after which refused Pods are tried again."""
    await asyncio.sleep(0.05)


async def test_policy_that_forbids_pods_is_told_and_tried_again():
    world = await a_world()
    forbidden = [True]

    def refuse(verb, resource, _):
        if forbidden and verb == "create" and resource == PODS:
            return ForbiddenError("violates PodSecurity restricted")
        return None

    world.store.refuse = refuse
    world.job()
    await world.settle()
    assert world.state() == "queued"
    assert "violates PodSecurity restricted" in world.status()["message"]
    assert world.controller.queue.delayed
    writes = world.store.writes["status", "batchaijobs"]
    await pause()
    await world.look_again()
    assert world.store.writes["status", "batchaijobs"] == writes
    forbidden.clear()
    await pause()
    await world.look_again()
    assert len(world.pods()) == 1


async def test_events_do_not_hasten_another_try(monkeypatch):
    monkeypatch.setattr(jobs, "REFUSED_AGAIN_SECONDS", 60.0)
    world = await a_world()
    tries = []

    def refuse(verb, resource, _):
        if verb == "create" and resource == PODS:
            tries.append(verb)
            return ForbiddenError("exceeded quota")
        return None

    world.store.refuse = refuse
    world.job()
    await world.settle()
    before = len(tries)
    for _ in range(3):
        await world.look_again()
    assert len(tries) == before


async def test_a_job_whose_pods_are_forbidden_is_in_nobodys_way():
    world = await a_world(nodes=2)

    def refuse(verb, resource, obj):
        is_first = obj["metadata"]["name"].startswith("a-")
        if verb == "create" and resource == PODS and is_first:
            return ForbiddenError("violates PodSecurity restricted")
        return None

    world.store.refuse = refuse
    world.job("a", nodes=2, schedulingPriority="high")
    await world.settle()
    world.job("b", nodes=1)
    await world.settle()
    assert len(world.pods("b")) == 1
    assert world.state("a") == "queued"
    # Once they are allowed, it starts as soon as there is room.
    world.store.refuse = lambda *_: None
    await world.live("b")
    await pause()
    await world.look_again()
    assert len(world.pods("a")) == 2


async def test_jobs_that_share_a_quota_do_not_wait_for_each_other():
    world = World()
    await world.start()
    for name in ("c1", "c2"):
        world.cluster(name)

    def refuse(verb, resource, _):
        if verb == "create" and resource == PODS and len(world.store.all(PODS)) >= 2:
            return ForbiddenError("exceeded quota: pods=2")
        return None

    world.store.refuse = refuse
    for name in ("a", "b"):
        world.job(name, nodes=2, cluster={"id": f"c{'ab'.index(name) + 1}"})
    working = asyncio.ensure_future(world.controller.queue.run(4))
    try:
        async with asyncio.timeout(30):
            for _ in range(2):
                await _end_a_whole_one(world)
    finally:
        world.controller.stop()
        await working
    assert {world.state("a"), world.state("b")} == {"succeeded"}


async def _end_a_whole_one(world):
    """Wait until a job has both its Pods, end it and take its Pods away."""
    while True:
        await pause()
        world.bury_pods()
        for name in ("a", "b"):
            pods = [pod for pod in world.pods(name) if "deletionTimestamp" not in pod["metadata"]]
            if len(pods) == 2 and world.state(name) == "queued":
                world.run_pods(name)
                world.end_pods(0, name)
                await pause()
                for pod in world.pods(name):
                    world.store.remove(PODS, pod["metadata"]["name"])
                return


async def test_a_taken_name_is_waited_for_with_what_was_made():
    """It is no quota that others wait for, and whoever took it is told to go."""
    probe, world = await a_world(), await a_world()
    probe.job(nodes=2)
    await probe.settle()
    first = probe.pods()[0]["metadata"]["name"]
    # The same uids are given out in the same order, hence the same names.
    world.job(nodes=2)
    world.store.put(PODS, {"metadata": {"name": first}, "spec": {}})
    await world.settle()
    assert "does not belong" in world.status()["message"]
    assert world.status()["attempt"] == 1
    owned = [pod for pod in world.store.all(PODS) if pod["metadata"].get("ownerReferences")]
    assert len(owned) == 1
    assert not owned[0]["metadata"].get("deletionTimestamp")
