"""Objects that vanish: with their end in the last event, unheard, or under another name."""

import asyncio
import base64

import pytest

from batchai_operator.engine.ports import CLUSTERS, JOBS, PODS, SECRETS
from batchai_operator.engine.reconcile import controller
from batchai_operator.engine.reconcile.inbox import Task
from unit.engine.world import World

SHARE = {"azureFileUrl": "https://acct.file.core.windows.net/logs", "relativeMountPath": "logs"}


async def a_world(**job):
    world = World()
    await world.start()
    world.cluster()
    if job is not None:
        world.job(**job)
    await world.settle()
    return world


@pytest.mark.parametrize("code", [0, 7])
async def test_the_end_of_a_pod_is_heard_though_it_comes_with_its_removal(code):
    world = await a_world()
    world.run_pods()
    await world.settle()
    watchers, world.store.watchers = world.store.watchers, []
    world.end_pods(code)
    world.store.watchers = watchers
    for pod in world.pods():
        world.store.remove(PODS, pod["metadata"]["name"])
    await world.settle()
    assert world.state() == ("failed" if code else "succeeded")
    assert world.status()["executionInfo"]["exitCode"] == code


async def test_a_job_that_resumes_beside_a_pod_that_stays_finds_its_secrets():
    """A Pod of the earlier run may stay for ever: its node is dead, or a finalizer holds it."""
    world = await a_world()
    key = base64.b64encode(b"acct").decode()
    data = {"azurestorageaccountname": key, "azurestorageaccountkey": key}
    name = "azure-storage-account-acct-secret"
    world.store.put(SECRETS, {"metadata": {"name": name}, "data": data})
    world.job("r", mountVolumes={"azureFileShares": [SHARE]})
    await world.settle()
    world.run_pods("r")
    world.edit("r", suspend=True)
    await world.settle()
    world.clock.advance(400)
    world.edit("r", suspend=False)
    await world.settle()
    old, new = world.pods("r")
    assert old["metadata"].get("deletionTimestamp")
    assert not new["metadata"].get("deletionTimestamp")
    assert world.state("r") == "queued"
    assert world.status("r")["attempt"] == 2


async def test_a_job_that_somebody_holds_back_is_stopped_when_it_is_deleted():
    world = await a_world()
    world.run_pods()
    await world.settle()
    job = world.store.one(JOBS, "j")
    job["metadata"] |= {"deletionTimestamp": "2026-11-24T04:00:00Z", "finalizers": ["somebody"]}
    world.store.put(JOBS, job)
    await world.settle()
    (pod,) = world.pods()
    assert pod["metadata"].get("deletionTimestamp")


async def test_a_cluster_is_found_by_its_batch_ai_name():
    world = World()
    await world.start()
    scale = {"manual": {"targetNodeCount": 1}}
    spec = {"name": "My_Cluster", "vmSize": "STANDARD_D2", "scaleSettings": scale}
    # The jobs first: they wait for the cluster.
    world.job("a", cluster={"id": "My_Cluster"})
    world.job("b", cluster={"id": "My_Cluster"})
    await world.settle()
    world.store.put(CLUSTERS, {"metadata": {"name": "my-cluster"}, "spec": spec})
    await world.settle()
    assert len(world.pods("a")) == 1
    assert not world.pods("b"), "they share the one node"
    assert "First in the queue" in world.status("b")["message"]
    world.store.remove(CLUSTERS, "my-cluster")
    await world.settle()
    assert "does not exist" in world.status("b")["message"]


async def test_a_job_whose_removal_was_missed_is_not_written_to_for_ever():
    world = await a_world()
    world.store.watchers = []
    world.run_pods()
    world.store.remove(JOBS, "j")
    cache = world.controller.cache
    cache.jobs.by_name(("ns", "j"))["spec"]["terminate"] = True
    world.controller.queue.add(Task("job", "ns", "j"))
    await world.controller.queue.drain()
    assert cache.jobs.by_name(("ns", "j")) is None


async def test_a_watch_that_begins_anew_has_everything_listed_soon(monkeypatch):
    monkeypatch.setattr(controller, "FIRST_RESYNC_SECONDS", 0.0)
    monkeypatch.setattr(controller, "LOST_PLACE_SECONDS", 0.01)
    world = await a_world()
    working = asyncio.ensure_future(world.controller.run())
    try:
        await asyncio.sleep(0.05)
        world.store.watchers = []
        world.store.remove(JOBS, "j")
        assert len(world.controller.cache.jobs) == 1
        # The watch's own list tells of what is there, and of nothing that is not.
        world.controller.deliver(CLUSTERS, None, world.store.one(CLUSTERS, "c"))
        async with asyncio.timeout(10):
            while len(world.controller.cache.jobs):  # noqa: ASYNC110 (it has no event)
                await asyncio.sleep(0.01)
    finally:
        world.controller.stop()
        await working
