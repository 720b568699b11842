"""What the engine itself decides: order, queues, refusals, conflicts, and whom to wake."""

import asyncio
import json

import pytest

from batchai_operator.engine.ports import CLUSTERS, EVENTS, JOBS, NAMESPACES, NODES, PODS, SECRETS
from batchai_operator.engine.reconcile.lookups import Lookups
from batchai_operator.errors import ForbiddenError, RejectedError
from batchai_operator.names import RESOURCE_GROUP_ANNOTATION
from unit.engine.world import SETTINGS, World


async def _world(nodes=4):
    world = World()
    world.cluster(nodes=nodes)
    await world.start()
    return world


async def test_an_invalid_spec_fails_the_job_and_names_the_field():
    world = await _world()
    world.job(customToolkitSettings={"commandLine": ["not", "text"]})
    await world.settle()
    assert world.state() == "failed"
    (error,) = world.status()["executionInfo"]["errors"]
    assert error["code"] == "InvalidJob"
    assert "commandLine" in str(error)
    assert world.pods() == []
    assert world.controller.queue.counts.failed == 0


async def test_a_job_without_its_cluster_waits_and_says_so_and_starts_when_it_comes():
    world = World()
    await world.start()
    world.job()
    await world.settle()
    assert world.state() == "queued"
    assert "c" in world.status()["message"]
    assert world.pods() == []
    world.cluster()
    await world.settle()
    assert len(world.pods()) == 1


async def test_two_jobs_that_need_the_whole_cluster_run_one_after_the_other():
    world = await _world(nodes=2)
    world.job("a", nodes=2)
    world.job("b", nodes=2)
    await world.settle()
    assert (len(world.pods("a")), len(world.pods("b"))) == (2, 0)
    world.run_pods("a")
    await world.settle()
    assert (world.state("a"), world.state("b")) == ("running", "queued")
    world.end_pods(job="a")
    await world.settle()
    assert world.state("a") == "succeeded"
    assert len(world.pods("b")) == 2


async def test_many_workers_never_give_the_same_nodes_away_twice():
    world = await _world(nodes=3)
    for number in range(8):
        world.job(f"j{number}", nodes=2)
    await _work(world, workers=8)
    assert len(world.pods()) == 2


async def test_a_more_urgent_job_does_not_take_nodes_from_one_that_is_starting():
    world = await _world(nodes=2)

    def urgent_job_arrives(verb, resource, _):
        if (verb, resource) == ("create", SECRETS) and len(world.store.all(JOBS)) == 1:
            world.job("urgent", nodes=2, schedulingPriority="high")

    world.store.refuse = urgent_job_arrives
    world.job("j", nodes=2)
    await _work(world, workers=8)
    assert (len(world.pods("j")), len(world.pods("urgent"))) == (2, 0)


async def _work(world, workers):
    working = asyncio.ensure_future(world.controller.queue.run(workers))
    for _ in range(400):
        await asyncio.sleep(0)
    world.controller.queue.stop()
    await working


async def test_a_deleted_job_makes_room_for_the_next():
    world = await _world(nodes=1)
    world.job("a")
    world.job("b")
    await world.settle()
    assert (len(world.pods("a")), len(world.pods("b"))) == (1, 0)
    world.store.remove(JOBS, "a")
    await world.settle()
    assert len(world.pods("b")) == 1


async def test_a_cluster_that_grows_starts_those_who_wait():
    world = await _world(nodes=0)
    world.job()
    await world.settle()
    assert world.pods() == []
    grown = world.store.one(CLUSTERS, "c")
    grown["spec"]["scaleSettings"]["manual"]["targetNodeCount"] = 1
    grown["metadata"]["generation"] = 2
    world.store.put(CLUSTERS, grown)
    await world.settle()
    assert len(world.pods()) == 1


async def test_a_job_that_is_being_deleted_is_left_alone():
    world = await _world()
    job = world.job()
    job["metadata"]["deletionTimestamp"] = "2026-11-24T04:00:00Z"
    world.store.put(JOBS, job)
    await world.settle()
    assert world.pods() == []


async def test_content_that_the_server_refuses_ends_the_job():
    world = await _world()
    world.store.refuse = lambda verb, resource, _: (
        RejectedError("Pod is invalid: spec.x") if (verb, resource) == ("create", PODS) else None
    )
    world.job()
    await world.settle()
    assert world.state() == "failed"
    assert "spec.x" in str(world.status()["executionInfo"]["errors"])


async def test_a_strangers_object_of_our_childs_name_is_not_taken_over():
    probe = await _world()
    probe.job()
    await probe.settle()
    (pod,) = probe.pods()
    world = await _world()
    # Same uid count, hence the same name, but it belongs to nobody.
    stranger = {"metadata": {"name": pod["metadata"]["name"]}, "spec": {}}
    uid = world.job()["metadata"]["uid"]
    assert uid == probe.store.one(JOBS, "j")["metadata"]["uid"]
    world.store.put(PODS, stranger)
    await world.controller.queue.drain()
    assert world.store.one(PODS, pod["metadata"]["name"])["spec"] == {}
    # The user reads what to do.
    assert (
        "does not belong to this job; delete it" in world.store.one(JOBS, "j")["status"]["message"]
    )


async def test_a_change_during_a_pass_is_a_conflict_and_is_not_overwritten():
    world = await _world()
    world.job()
    await world.settle()
    world.run_pods()
    # The change is stored, but its event has not come through yet.
    world.store.watchers = []
    world.edit("j", terminate=True)
    await world.controller.queue.drain()
    assert world.controller.queue.counts.conflicts == 1
    assert world.state() == "queued"
    assert world.store.one(JOBS, "j")["spec"]["terminate"] is True
    world.store.watchers = [world.controller.deliver]
    world.controller.deliver(JOBS, "MODIFIED", world.store.one(JOBS, "j"))
    await world.settle()
    assert world.state() in {"terminating", "failed"}


async def test_secrets_and_nodes_are_looked_up_before_pods_are_made_and_not_afterwards():
    world = await _world()
    world.store.put(
        SECRETS,
        {
            "metadata": {"name": "azure-storage-account-acc-secret"},
            "data": {"azurestorageaccountname": "YWNj", "azurestorageaccountkey": "a2V5"},
        },
    )
    share = {
        "azureFileUrl": "https://acc.file.core.windows.net/logs",
        "relativeMountPath": "logs",
    }
    world.job(mountVolumes={"azureFileShares": [share]})
    await world.settle()
    assert len(world.pods()) == 1
    assert world.store.reads["get", "secrets"] >= 1
    # Once by the size as it is written, once in any letter case.
    assert world.store.reads["list", "nodes"] == 2
    before = dict(world.store.reads)
    world.run_pods()
    await world.settle()
    await world.look_again()
    assert dict(world.store.reads) == before


async def test_mount_failures_are_remembered_across_a_restart_for_pods_that_wait():
    world = await _world()
    world.job()
    await world.settle()
    (pod,) = world.pods()
    event = {
        "metadata": {"name": "e"},
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "v": rpc error: mount error(13)',
        "count": 4,
        "firstTimestamp": "2026-11-24T04:00:01Z",
        "lastTimestamp": "2026-11-24T04:00:09Z",
        "involvedObject": {"kind": "Pod", "name": pod["metadata"]["name"],
                           "uid": pod["metadata"]["uid"], "namespace": "ns"},
    }  # fmt: skip
    world.store.put(EVENTS, event)
    foreign = {**event, "metadata": {"name": "f"}, "involvedObject": {"uid": "other"}}
    world.store.put(EVENTS, foreign)
    await world.restart()
    assert len(world.controller.cache.failures) == 1
    (failure,) = world.controller.cache.mount_failures_of(
        world.controller.cache.pods_of(world.store.one(JOBS, "j"))
    )
    assert (failure.count, failure.pod_name) == (4, pod["metadata"]["name"])
    world.store.remove(PODS, pod["metadata"]["name"])
    assert len(world.controller.cache.failures) == 0


async def test_a_pod_of_another_namespace_is_no_node_of_the_job():
    """Anybody may name any uid as the owner of a Pod of theirs."""
    world = await _world()
    world.job()
    await world.settle()
    (pod,) = world.pods("j")
    forged = json.loads(json.dumps(pod))
    ended = {"exitCode": 7, "startedAt": "2026-11-24T04:00:01Z"}
    forged["metadata"] |= {"name": "forged", "namespace": "elsewhere", "uid": "forged"}
    forged["status"] = {
        "phase": "Failed",
        "containerStatuses": [{"name": "job", "state": {"terminated": ended}}],
    }
    world.controller.deliver(PODS, "ADDED", forged)
    await world.look_again()
    assert world.state("j") == "queued"
    world.run_pods()
    await world.settle()
    assert world.state("j") == "running"


async def test_an_event_of_another_namespace_says_nothing_about_our_pods():
    """Whoever may write Events in one namespace may name the uid of a Pod in another there."""
    world = await _world()
    world.job()
    await world.settle()
    (pod,) = world.pods()
    about = {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    world.controller.deliver(EVENTS, "ADDED", {
        "metadata": {"name": "e", "namespace": "elsewhere", "uid": "e", "resourceVersion": "99999"},
        "reason": "FailedMount",
        "message": "mount error(13)",
        "count": 4,
        "firstTimestamp": "2026-11-24T04:00:01Z",
        "involvedObject": {**about, "namespace": "elsewhere"},
    })  # fmt: skip
    await world.look_again()
    assert len(world.controller.cache.failures) == 0
    assert world.state("j") == "queued"


@pytest.mark.parametrize("readable", [True, False])
async def test_an_operator_that_may_not_read_nodes_uses_its_table(readable):
    world = await _world()
    labels = {"node.kubernetes.io/instance-type": "STANDARD_D2"}
    allocatable = {"cpu": "1500m", "memory": "3Gi"}
    for number, cpu in enumerate(("1500m", "8")):
        world.store.put(
            NODES,
            {
                "metadata": {"name": f"n{number}", "labels": labels},
                "status": {"allocatable": {**allocatable, "cpu": cpu}},
            },
        )
    real = world.store.list

    async def list_(resource, *args, **options):
        if resource == NODES and not readable:
            raise ForbiddenError("nodes")
        return await real(resource, *args, **options)

    world.store.list = list_
    world.job()
    await world.settle()
    assert len(world.pods()) == 1


async def test_the_queue_of_a_cluster_is_not_asked_about_for_every_pod():
    world = await _world(nodes=2)
    for number in range(30):
        world.job(f"j{number:02}", nodes=2)
    await world.settle()
    done = world.controller.queue.counts.done
    (first, *_) = [f"j{n:02}" for n in range(30) if world.pods(f"j{n:02}")]
    world.run_pods(first)
    await world.settle()
    # The job itself and its cluster, a few times each; not the 29 that wait.
    assert world.controller.queue.counts.done - done < 10


async def test_last_words_of_a_pod_that_vanishes_at_once_are_heard():
    world = await _world()
    world.job()
    await world.settle()
    world.run_pods()
    await world.settle()
    world.edit("j", terminate=True)
    await world.settle()
    # Its end and its removal come before the operator looks, as they mostly do.
    world.end_pods(143)
    (pod,) = world.pods()
    words = '{"version":1,"node":0,"bytes":7,"missing":[{"file":"stdout.txt","bytes":7}]}'
    ended = {"exitCode": 137, "message": words}
    pod["status"]["initContainerStatuses"] = [
        {"name": "batchai-sidecar", "state": {"terminated": ended}}
    ]
    world.store.put(PODS, pod)
    world.bury_pods()
    await world.settle()
    found = [c["message"] for c in world.status()["conditions"] if c["type"] == "LogsIncomplete"]
    assert found == ["Node 0: up to 7 bytes of output are not on the volume (stdout.txt 7)."]


async def test_an_operator_of_one_namespace_does_not_ask_for_nodes():
    world = await _world()
    lookups = Lookups(world.store, "nvidia.com/gpu", world.clock, reads_nodes=False)
    before = dict(world.store.reads)
    assert await lookups.capacity("STANDARD_D2") is None
    assert dict(world.store.reads) == before


async def test_where_a_setup_task_writes_is_told_once():
    world = World(SETTINGS.model_copy(update={"subscription_id": "sub"}))
    annotations = {RESOURCE_GROUP_ANNOTATION: "Group"}
    world.store.put(NAMESPACES, {"metadata": {"name": "ns", "annotations": annotations}})
    task = {"commandLine": "true", "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/l"}
    world.cluster(nodeSetup={"setupTask": task}, name="c", workspace="w")
    await world.start()
    await world.settle()
    told = world.store.one(CLUSTERS, "c")["status"]["stdOutErrPathSuffix"]
    uid = world.store.one(CLUSTERS, "c")["metadata"]["uid"]
    assert told == f"sub/Group/workspaces/w/clusters/c/{uid}"
    world.store.remove(NAMESPACES, "ns", "")
    await world.restart()
    await world.settle()
    assert world.store.one(CLUSTERS, "c")["status"]["stdOutErrPathSuffix"] == told
