"""Claims that jobs share: made once, kept while a job is left, removed whatever breaks."""

import asyncio
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest

from batchai_operator.engine.ports import (
    CLAIMS,
    JOBS,
    PERSISTENT_VOLUMES,
    PODS,
    SECRETS,
    Resource,
)
from batchai_operator.engine.reconcile.sharedvolumes import ClaimUses
from batchai_operator.errors import ConflictError
from unit.engine.world import World

SHARE = {"azureFileUrl": "https://acct.file.core.windows.net/data", "relativeMountPath": "data"}
VOLUMES = {
    "mountVolumes": {"azureFileShares": [SHARE]},
    "kubernetes": {"volumeMode": "PersistentVolume"},
}
NFS = {"mountCommand": "mount -t nfs 10.0.0.4:/data", "relativeMountPath": "nfs"}


async def a_world() -> World:
    world = World()
    world.cluster()
    secret = {
        "metadata": {"name": "azure-storage-account-acct-secret"},
        "data": {"azurestorageaccountname": "YWNjdA==", "azurestorageaccountkey": "aw=="},
    }
    world.store.put(SECRETS, secret)
    await world.start()
    return world


def names(world: World) -> tuple[list[str], list[str]]:
    """Return the claims and the volumes that there are."""
    claims, volumes = (
        sorted(obj["metadata"]["name"] for obj in world.store.all(kind))
        for kind in (CLAIMS, PERSISTENT_VOLUMES)
    )
    return claims, volumes


async def test_jobs_share_a_claim_until_the_last_has_gone() -> None:
    world = await a_world()
    for name in ("a", "b"):
        world.job(name, **VOLUMES)
        await world.live(name)
        assert world.state(name) == "succeeded"
    claims, volumes = names(world)
    assert len(claims) == 1
    assert claims == volumes
    assert [claim["claimName"] for claim in world.status("a")["volumeClaims"]] == claims
    world.store.remove(JOBS, "a")
    await world.settle()
    assert names(world) == (claims, volumes)
    world.store.remove(JOBS, "b")
    await world.settle()
    assert names(world) == ([], [])


async def test_a_claim_counts_what_its_volume_is_mounted_with() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    other = {**SHARE, "directoryMode": "0700"}
    world.job("b", **{**VOLUMES, "mountVolumes": {"azureFileShares": [other]}})
    world.job("c", mountVolumes={"unmanagedFileSystems": [NFS]})
    await world.settle()
    assert len(names(world)[0]) == 3


async def test_a_job_with_inline_volumes_asks_for_none_of_this() -> None:
    world = await a_world()
    world.job(mountVolumes={"azureFileShares": [SHARE]})
    await world.live()
    world.store.remove(JOBS, "j")
    await world.settle()
    kinds = {"persistentvolumes", "persistentvolumeclaims"}
    asked = {key for key in (*world.store.writes, *world.store.reads) if key[1] in kinds}
    # Once per listing of everything, whatever there is.
    assert asked == {("list", "persistentvolumes")}


async def live_and_leave(world: World, at: int | None, *, dies: bool, after: bool) -> None:
    """Lead two jobs through their lives; write `at` fails, and maybe the operator with it."""
    world.store.fail_at, world.store.fail_after_effect = at, after

    async def settle() -> None:
        if dies and at is not None and world.store.write_number < at:
            # What the operator knew is lost with it, after that write.
            await world.controller.queue.drain()
            if world.store.write_number >= at:
                await world.restart()
        await world.settle()

    world.job("a", **VOLUMES)
    world.job("b", **VOLUMES)
    for happen in (lambda: None, world.run_pods, world.end_pods):
        happen()
        await settle()
    assert world.state("a") == world.state("b") == "succeeded"
    assert len(names(world)[0]) == 1, "nothing is removed that a job may be read by"
    for name in ("a", "b"):
        world.store.remove(JOBS, name)
        await settle()


@pytest.mark.parametrize("after", [False, True], ids=["lost", "answer-lost"])
@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
async def test_each_write_may_fail(*, dies: bool, after: bool) -> None:
    undisturbed = await a_world()
    await live_and_leave(undisturbed, None, dies=False, after=False)
    assert names(undisturbed) == ([], [])
    total = undisturbed.store.write_number
    assert total >= 10
    for number in range(1, total + 1):
        world = await a_world()
        await live_and_leave(world, number, dies=dies, after=after)
        assert names(world) == ([], []), number


async def test_what_went_while_nobody_looked_is_found_by_the_next_operator() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    world.job("b", mountVolumes={"unmanagedFileSystems": [NFS]})
    await world.live("a")
    await world.live("b")
    world.store.watchers = []
    world.store.remove(JOBS, "a")
    assert len(names(world)[0]) == 2
    await world.restart()
    await world.settle()
    assert [names(world)[0]] == [[c["claimName"] for c in world.status("b")["volumeClaims"]]]


async def test_a_claim_whose_status_was_never_written_counts_by_the_pods() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.settle()
    job = world.store.one(JOBS, "a")
    world.store.watchers = []
    world.store.put(JOBS, {**job, "status": {}})
    await world.restart()
    (name,), _ = names(world)
    # Before the job itself is looked at, which would write its status.
    await world.controller._volumes.reconcile(("ns", name))
    assert not world.store.one(CLAIMS, name)["metadata"].get("deletionTimestamp")
    await world.settle()
    assert world.status("a")["volumeClaims"]


async def test_a_claim_that_is_used_again_is_left_alone() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.live("a")
    (name,), _ = names(world)
    for pod in world.pods():
        world.store.remove(PODS, pod["metadata"]["name"])
    await world.controller._volumes.reconcile(("ns", name))
    assert names(world) == ([name], [name])


async def test_no_claim_is_removed_between_a_jobs_look_and_its_pods() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.live("a")
    delete = world.store.delete

    async def come() -> None:
        with suppress(ConflictError):
            await world.controller._jobs.reconcile(("ns", "b"))

    async def slow(resource: Resource, *words: Any, **named: Any) -> Any:
        if resource == CLAIMS:
            # On its way to the API server while another job comes.
            world.job("b", **VOLUMES)
            group.create_task(come())
            for _step in range(200):
                await asyncio.sleep(0)
        return await delete(resource, *words, **named)

    async with asyncio.TaskGroup() as group:
        with patch.object(world.store, "delete", slow):
            world.store.remove(JOBS, "a")
            await world.settle()
    await world.settle()
    (claim,) = world.store.all(CLAIMS)
    assert not claim["metadata"].get("deletionTimestamp")
    assert len(world.pods("b")) == 1


async def test_a_new_job_waits_for_the_end_of_a_claim_and_makes_it_anew() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.live("a")
    (claim,) = world.store.all(CLAIMS)
    claim["metadata"]["deletionTimestamp"] = "2026-11-24T04:00:00Z"
    world.store.put(CLAIMS, claim)
    world.job("b", **VOLUMES)
    await world.settle()
    assert not world.pods("b")
    assert world.state("b") == "queued"
    told = world.status("b")
    assert told["conditions"][0]["reason"] == "VolumeEnding"
    assert "//acct.file.core.windows.net/data" in told["message"]
    assert "of an earlier job is being unmounted" in told["message"]
    assert world.controller.queue.delayed, "looked at again without any news"
    writes = world.store.writes["status", "batchaijobs"]
    await world.look_again()
    assert world.store.writes["status", "batchaijobs"] == writes
    world.store.remove(JOBS, "a")
    world.store._release(claim)
    # First the volume, which is good for no other claim, then both anew.
    for _ in range(2):
        await world.look_again()
    await world.live("b")
    assert world.state("b") == "succeeded"
    (made,) = world.store.all(CLAIMS)
    assert made["metadata"]["uid"] != claim["metadata"]["uid"]
    assert (world.store.all(PERSISTENT_VOLUMES)[0].get("status") or {}).get("phase") is None


async def a_claim_that_ends(world: World) -> dict[str, Any]:
    """Have a claim that an earlier job used, and that its node has not unmounted yet."""
    world.job("a", **VOLUMES)
    await world.live("a")
    (claim,) = world.store.all(CLAIMS)
    claim["metadata"]["deletionTimestamp"] = "2026-11-24T04:00:00Z"
    world.store.put(CLAIMS, claim)
    return dict(claim)


def reason(world: World, name: str) -> str:
    return str(world.status(name)["conditions"][0]["reason"])


async def test_a_job_that_waits_for_the_end_of_a_claim_is_in_nobodys_way() -> None:
    world = await a_world()
    await a_claim_that_ends(world)
    world.job("b", nodes=4, schedulingPriority="high", **VOLUMES)
    await world.settle()
    assert reason(world, "b") == "VolumeEnding"
    world.job("c", nodes=4)
    await world.live("c")
    assert world.state("c") == "succeeded"


async def test_a_job_takes_its_place_in_the_queue_again_when_the_claim_has_gone() -> None:
    world = await a_world()
    claim = await a_claim_that_ends(world)
    world.job("b", nodes=4, schedulingPriority="high", **VOLUMES)
    await world.settle()
    for name in ("c", "d"):
        world.job(name, nodes=4)
    await world.settle()
    world.run_pods("c")
    await world.settle()
    await world.look_again()
    assert (world.state("c"), reason(world, "b")) == ("running", "VolumeEnding")
    world.store.remove(JOBS, "a")
    world.store._release(claim)
    for _ in range(3):
        await world.look_again()
    assert reason(world, "b") == "NodesBusy"
    world.end_pods(0, "c")
    await world.settle()
    assert len(world.pods("b")) == 4, "it was first, and is again"
    assert not world.pods("d")


@pytest.mark.parametrize("is_claimed", [False, True], ids=["no-claim", "another-claim"])
async def test_a_volume_of_a_claim_that_is_gone_is_made_anew(*, is_claimed: bool) -> None:
    """Nobody may have seen the claim go: its volume says Bound, and binds to no other."""
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.settle()
    (name,), _ = names(world)
    volume = world.store.one(PERSISTENT_VOLUMES, name, "")
    volume["spec"]["claimRef"]["uid"] = "of-a-claim-that-was"
    volume["status"] = {"phase": "Bound"}
    world.store.put(PERSISTENT_VOLUMES, volume)
    if not is_claimed:
        world.store.remove(CLAIMS, name)
    world.job("b", **VOLUMES)
    await world.settle()
    await world.look_again()
    made = world.store.one(PERSISTENT_VOLUMES, name, "")
    assert "uid" not in made["spec"]["claimRef"]
    assert names(world) == ([name], [name])
    assert len(world.pods("b")) == 1


async def test_a_volume_that_is_bound_to_its_claim_is_shared() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.settle()
    (name,), _ = names(world)
    volume = world.store.one(PERSISTENT_VOLUMES, name, "")
    volume["spec"]["claimRef"]["uid"] = world.store.one(CLAIMS, name)["metadata"]["uid"]
    volume["status"] = {"phase": "Bound"}
    world.store.put(PERSISTENT_VOLUMES, volume)
    world.job("b", **VOLUMES)
    await world.settle()
    assert world.store.one(PERSISTENT_VOLUMES, name, "")["metadata"]["uid"] == (
        volume["metadata"].get("uid")
    )
    assert len(world.pods("b")) == 1


async def test_what_is_not_ours_is_neither_taken_nor_removed() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.settle()
    (name,), _ = names(world)
    world.store.remove(JOBS, "a")
    await world.settle()
    foreign = {"metadata": {"name": name}, "spec": {"volumeName": "theirs"}}
    world.store.put(CLAIMS, foreign)
    world.job("b", **VOLUMES)
    await world.settle()
    assert not world.pods("b")
    assert "is not this operator's" in world.status("b")["message"]
    world.store.remove(JOBS, "b")
    await world.settle()
    assert names(world)[0] == [name]


async def test_another_namespaces_claims_are_not_those_of_an_operator_of_one() -> None:
    world = await a_world()
    world.job("a", **VOLUMES)
    await world.live("a")
    (volume,) = world.store.all(PERSISTENT_VOLUMES)
    other = {**volume, "metadata": {**volume["metadata"], "name": "bai-other-1"}}
    other["spec"] = {**volume["spec"], "claimRef": {"namespace": "other", "name": "bai-other-1"}}
    world.store.put(PERSISTENT_VOLUMES, other)
    found = [key async for key in world.controller._volumes.unused("ns")]
    assert found == []
    assert [key async for key in world.controller._volumes.unused(None)] == [
        ("other", "bai-other-1")
    ]


def test_uses_are_forgotten_with_their_jobs() -> None:
    told: list[tuple[str, str]] = []
    uses = ClaimUses(told.append)
    uses.add("a", "ns", ["bai-1", "bai-2"])
    uses.add("b", "ns", ["bai-2"])
    uses.keep_jobs({"b"})
    assert told == [("ns", "bai-1")]
    assert uses.is_used(("ns", "bai-2"))
    uses.drop_job("b")
    uses.drop_job("b")
    assert told == [("ns", "bai-1"), ("ns", "bai-2")]
    assert not uses._users
    assert not uses._claims
