"""Whatever breaks, and whenever: one set of Pods, the right end, and then no more writes."""

import asyncio
from collections import Counter

import pytest

from batchai_operator.engine.ports import CLUSTERS, JOBS
from batchai_operator.errors import UnavailableError
from unit.engine.world import World

# Writes of an undisturbed job, Events apart: Pods, and at most 3 (one node) or 5 more (design).
BUDGET = {
    1: {("create", "pods"): 1, ("status", "batchaijobs"): 3},
    2: {
        ("create", "pods"): 2,
        ("create", "services"): 1,
        ("create", "secrets"): 1,
        ("status", "batchaijobs"): 3,
    },
}


def _of_job(writes):
    return Counter({key: n for key, n in writes.items() if key[1] != "batchaiclusters/status"
                    and key != ("status", "batchaiclusters")})  # fmt: skip


async def _world(nodes):
    world = World()
    world.cluster()
    await world.start()
    world.job(nodes=nodes)
    return world


def _assert_ended_well(world, nodes):
    assert world.state() == "succeeded"
    assert world.status()["executionInfo"]["exitCode"] == 0
    names = [pod["metadata"]["name"] for pod in world.pods()]
    assert len(names) == nodes
    assert len(set(names)) == nodes


@pytest.mark.parametrize("nodes", [1, 2])
async def test_a_job_costs_its_pods_and_few_writes_more(nodes):
    world = await _world(nodes)
    await world.live()
    _assert_ended_well(world, nodes)
    assert _of_job(world.store.writes) == BUDGET[nodes]


@pytest.mark.parametrize("nodes", [1, 2])
async def test_a_second_look_writes_nothing_at_any_stage(nodes):
    world = await _world(nodes)
    stages = []

    for happen in (lambda: None, world.run_pods, world.end_pods):
        happen()
        await world.settle()
        before, events = Counter(world.store.writes), list(world.store.events)
        await world.look_again()
        await world.controller.sync()
        await world.settle()
        assert world.store.writes == before
        assert world.store.events == events
        stages.append(world.state())
    assert stages == ["queued", "running", "succeeded"]


@pytest.mark.parametrize("after", [False, True], ids=["lost", "answer-lost"])
@pytest.mark.parametrize("nodes", [1, 2])
async def test_each_write_may_fail_once(nodes, after):
    undisturbed = await _world(nodes)
    await undisturbed.live()
    total = undisturbed.store.write_number
    for number in range(1, total + 1):
        world = await _world(nodes)
        world.store.fail_at, world.store.fail_after_effect = number, after
        await world.live()
        _assert_ended_well(world, nodes)


class Crash(BaseException):
    """The operator is killed: nothing catches it."""


@pytest.mark.parametrize("after", [False, True], ids=["before-the-write", "after-the-write"])
@pytest.mark.parametrize("nodes", [1, 2])
async def test_the_operator_may_be_killed_at_each_write(nodes, after):
    undisturbed = await _world(nodes)
    await undisturbed.live()
    expected = {pod["metadata"]["name"] for pod in undisturbed.pods()}
    for number in range(1, undisturbed.store.write_number + 1):
        world = await _world(nodes)
        await _live_with_a_crash(world, number, after=after)
        _assert_ended_well(world, nodes)
        assert {pod["metadata"]["name"] for pod in world.pods()} == expected


async def _live_with_a_crash(world, number, *, after):
    effectful = world.store._write

    async def dying(verb, resource, obj, effect):
        if world.store.write_number + 1 == number:
            world.store._write = effectful
            if after:
                await effectful(verb, resource, obj, effect)
            raise Crash
        return await effectful(verb, resource, obj, effect)

    world.store._write = dying
    for happen in (lambda: None, world.run_pods, world.end_pods):
        happen()
        try:
            await world.settle()
        except Crash:
            await world.restart()
            await world.settle()


@pytest.mark.parametrize("code", [0, 7])
async def test_a_job_may_run_and_end_while_the_operator_is_down(code):
    world = await _world(2)
    await world.settle()
    world.store.watchers = []
    world.run_pods()
    world.end_pods(code)
    await world.restart()
    await world.settle()
    assert world.state() == ("succeeded" if code == 0 else "failed")
    assert world.status()["executionInfo"]["exitCode"] == code
    assert len(world.pods()) == 2


async def test_nothing_is_reconciled_before_everything_was_listed():
    world = await _world(2)
    await world.settle()
    before = Counter(world.store.writes)
    # The new operator hears of the job by its watch before its own lists are through.
    world.controller = world._operator()
    world.controller.deliver(JOBS, None, world.store.one(JOBS, "j"))
    with pytest.raises(RuntimeError, match="first_sync"):
        await world.controller.run()
    await world.controller.first_sync()
    await world.settle()
    assert world.store.writes == before


async def test_a_server_that_is_away_for_the_first_lists_is_waited_for(monkeypatch):
    monkeypatch.setattr("batchai_operator.engine.reconcile.controller.LIST_AGAIN_SECONDS", 0)
    world = World()
    world.cluster()
    world.job()
    answers, real = [UnavailableError("no"), UnavailableError("no")], world.store.list

    async def list_(*args, **options):
        if answers:
            raise answers.pop()
        return await real(*args, **options)

    world.store.list = list_
    await world.start()
    await world.settle()
    assert len(world.pods()) == 1


async def test_what_vanished_while_no_watch_looked_is_noticed_by_the_next_lists():
    world = await _world(1)
    await world.settle()
    world.store.watchers = []
    world.store.remove(JOBS, "j")
    await world.controller.sync()
    assert len(world.controller.cache.jobs) == 0
    assert len(world.controller.cache.pods) == 0


async def test_a_watch_that_begins_anew_has_everything_listed_again(monkeypatch):
    for pause in ("FIRST_RESYNC_SECONDS", "LOST_PLACE_SECONDS"):
        monkeypatch.setattr(f"batchai_operator.engine.reconcile.controller.{pause}", 0)
    world = await _world(1)
    working = asyncio.get_running_loop().create_task(world.controller.run())
    async with asyncio.timeout(10):
        while not world.controller._resyncs:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.001)
        world.store.watchers = []
        job = world.store.one(JOBS, "j")
        world.store.remove(JOBS, "j")
        # Any kind will do: here a watch of clusters was listed anew.
        world.controller.deliver(CLUSTERS, None, world.store.one(CLUSTERS, "c"))
        while job["metadata"]["uid"] in world.controller.cache.jobs:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        world.controller.stop()
        await working
