"""Pods are asked to go until they go: a refusal is told from a Pod that is not there any more."""

from batchai_operator.engine.ports import PODS
from batchai_operator.errors import ConflictError
from unit.engine.world import World


async def _running():
    world = World()
    world.cluster()
    await world.start()
    world.job()
    await world.settle()
    world.run_pods()
    await world.settle()
    return world


async def test_a_deletion_that_is_refused_for_now_is_asked_for_again():
    world = await _running()
    refusals = [ConflictError("the object has been modified")]
    world.store.refuse = lambda verb, *_: refusals.pop() if verb == "delete" and refusals else None
    world.edit("j", terminate=True)
    await world.settle()
    assert not refusals
    (pod,) = world.pods()
    assert pod["metadata"]["deletionTimestamp"]
    assert world.state() == "terminating"
    world.bury_pods()
    await world.settle()
    assert world.state() == "failed"


async def test_a_deletion_refused_because_of_a_namesake_is_done():
    world = await _running()
    (pod,) = world.pods()
    world.store.watchers = []
    world.store.remove(PODS, pod["metadata"]["name"])
    world.store.put(PODS, {"metadata": {"name": pod["metadata"]["name"]}, "spec": {}})
    world.store.watchers = [world.controller.deliver]
    world.edit("j", terminate=True)
    await world.settle()
    assert world.state() == "failed"
    assert world.store.writes["delete", "pods"] == 1
