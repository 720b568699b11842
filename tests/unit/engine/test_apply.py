"""Children are made in an order that Pods can rely on, many Pods at a time, and none after a no."""

import asyncio

import pytest

from batchai_operator.engine.ports import PODS
from batchai_operator.engine.reconcile import apply
from batchai_operator.errors import ForbiddenError, RejectedError
from unit.engine.world import World


class Watched:
    """A store's writes: in what order they began, and how many were under way at once."""

    def __init__(self, world):
        self.begun, self.under_way, self.most = [], 0, 0
        self.fail = {}
        self._real = world.store._write
        world.store._write = self._write

    async def _write(self, verb, resource, obj, effect):
        name = obj["metadata"]["name"]
        self.begun.append((verb, resource.kind, name))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            index = name.rpartition("-")[2]
            if verb == "create" and resource == PODS and index in self.fail:
                raise self.fail[index]
            return await self._real(verb, resource, obj, effect)
        finally:
            self.under_way -= 1


async def _world(nodes):
    world = World()
    world.cluster(nodes=200)
    await world.start()
    watched = Watched(world)
    world.job(nodes=nodes)
    return world, watched


async def test_secret_and_service_are_there_before_the_first_pod():
    world, watched = await _world(60)
    await world.settle()
    kinds = [kind for verb, kind, _ in watched.begun if verb == "create"]
    assert kinds == ["Secret", "Service", *["Pod"] * 60]
    assert watched.most == apply.IN_FLIGHT
    assert len(world.pods()) == 60


async def test_all_jobs_together_keep_within_the_bound():
    world, watched = await _world(40)
    for number in range(3):
        world.job(f"other{number}", nodes=40)
    working = asyncio.ensure_future(world.controller.queue.run(20))
    for _ in range(2000):
        await asyncio.sleep(0)
    world.controller.queue.stop()
    await working
    assert len(world.pods()) == 160
    # Besides, each worker may write a status, a Secret or a Service.
    assert watched.most <= apply.IN_FLIGHT + 20


async def test_after_a_refusal_nothing_more_is_begun_and_the_first_one_counts():
    world, watched = await _world(100)
    watched.fail = {"7": RejectedError("seven"), "3": RejectedError("three")}
    await world.controller.queue.drain()
    begun = [name for verb, kind, name in watched.begun if (verb, kind) == ("create", "Pod")]
    assert len(begun) == apply.IN_FLIGHT
    assert watched.under_way == 0
    assert world.state() == "failed"
    assert "three" in str(world.status()["executionInfo"]["errors"])


async def test_a_refusal_that_may_pass_gives_up_what_was_made():
    """Half of a job must not hold what another half waits for."""
    world, watched = await _world(10)
    watched.fail = {"4": ForbiddenError("quota")}
    await world.controller.queue.drain()
    assert world.state() == "queued"
    assert world.status()["attempt"] == 2
    assert len(world.pods()) == 9
    assert all(pod["metadata"].get("deletionTimestamp") for pod in world.pods())


@pytest.mark.parametrize("nodes", [1, 50])
async def test_a_stop_asks_all_pods_to_end(nodes):
    world, watched = await _world(nodes)
    await world.settle()
    world.run_pods()
    await world.settle()
    world.edit("j", terminate=True)
    await world.settle()
    deleted = [name for verb, kind, name in watched.begun if verb == "delete"]
    assert len(set(deleted)) == len(deleted) == nodes
