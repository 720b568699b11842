"""File servers in the engine: what is made, who is woken, what a refusal leaves."""

import pytest

from batchai_operator.engine.ports import (
    CLAIMS,
    CLUSTERS,
    DEPLOYMENTS,
    FILE_SERVERS,
    SERVICES,
    Object,
)
from batchai_operator.engine.reconcile import serveruses
from batchai_operator.engine.reconcile.serveruses import endpoint, named_endpoints
from batchai_operator.errors import ForbiddenError
from batchai_operator.planner.endpoints import FileServerEndpoint
from unit.engine.world import World


@pytest.fixture
async def world() -> World:
    return World()


def serve(world: World, at: str = "fs", **spec: object) -> Object:
    body = spec or {"storage": {"size": "1Gi"}}
    return world.store.put(FILE_SERVERS, {"metadata": {"name": at}, "spec": body})


def make_ready(world: World, name: str = "fileserver-fs", replicas: int = 1) -> None:
    """Give the Service its address and the Deployment its Pod, as Kubernetes does."""
    service = world.store.one(SERVICES, name)
    service["spec"]["clusterIP"] = "10.96.0.7"
    world.store.put(SERVICES, service)
    deployment = world.store.one(DEPLOYMENTS, name)
    deployment["status"] = {"readyReplicas": replicas} if replicas else {}
    world.store.put(DEPLOYMENTS, deployment)


def status(world: World, name: str = "fs") -> dict[str, object]:
    return world.store.one(FILE_SERVERS, name).get("status") or {}


def job_on(world: World, server: str) -> None:
    volume = {"fileServer": {"id": server}, "relativeMountPath": "nfs"}
    world.job(mountVolumes={"fileServers": [volume]})


async def test_claim_service_and_deployment_are_made_once_and_owned(world: World) -> None:
    serve(world)
    await world.start()
    await world.settle()
    uid = world.store.one(FILE_SERVERS, "fs")["metadata"]["uid"]
    for resource in (CLAIMS, SERVICES, DEPLOYMENTS):
        made = world.store.one(resource, "fileserver-fs")
        assert made["metadata"]["ownerReferences"][0]["uid"] == uid
    writes = world.store.writes.copy()
    await world.restart()
    await world.settle()
    assert world.store.writes == writes
    world.store.remove(FILE_SERVERS, "fs")
    assert not world.store.all(DEPLOYMENTS)


async def test_the_status_tells_the_address_when_the_server_answers(world: World) -> None:
    serve(world)
    await world.start()
    await world.settle()
    assert status(world)["provisioningState"] == "creating"
    make_ready(world)
    await world.settle()
    assert status(world)["provisioningState"] == "succeeded"
    assert status(world)["mountSettings"] == {
        "fileServerInternalIP": "10.96.0.7",
        "mountPoint": "/data",
    }
    make_ready(world, replicas=0)
    await world.settle()
    assert status(world)["provisioningState"] == "succeeded"
    ready = status(world)["conditions"][0]  # type: ignore[index]
    assert (ready["status"], ready["reason"]) == ("False", "Restarting")


async def test_a_job_that_waits_is_woken_when_the_server_is_ready(world: World) -> None:
    world.cluster()
    job_on(world, "fs")
    await world.start()
    await world.settle()
    assert not world.pods()
    serve(world)
    await world.settle()
    assert not world.pods()
    make_ready(world)
    await world.settle()
    assert len(world.pods()) == 1


async def test_a_job_without_its_server_keeps_no_nodes_from_others(world: World) -> None:
    world.cluster(nodes=1)
    job_on(world, "fs")
    await world.start()
    await world.settle()
    world.job("other", schedulingPriority="low")
    await world.settle()
    assert len(world.pods("other")) == 1
    # It does not come to the front again while it waits behind them, and writes nothing for that.
    world.job("third", schedulingPriority="low")
    await world.settle()
    writes = world.store.writes.copy()
    await world.look_again()
    assert world.store.writes == writes
    assert world.status()["conditions"][0]["reason"] == "FileServerNotReady"
    for name in ("other", "third"):
        await world.live(name)
        assert world.state(name) == "succeeded"
    assert not world.pods("j")
    serve(world, nfs={"server": "10.0.0.4", "path": "/data"})
    await world.settle()
    assert len(world.pods("j")) == 1


async def test_a_job_whose_server_has_come_has_its_place_again(world: World) -> None:
    world.cluster(nodes=1)
    job_on(world, "fs")
    await world.start()
    await world.settle()
    for name in ("runs", "waits"):
        world.job(name, schedulingPriority="low")
        await world.settle()
    serve(world, nfs={"server": "10.0.0.4", "path": "/data"})
    await world.settle()
    assert world.status()["conditions"][0]["reason"] == "NodesBusy"
    await world.live("runs")
    assert (len(world.pods("j")), len(world.pods("waits"))) == (1, 0)


async def test_a_running_job_says_that_its_server_was_taken_away(world: World) -> None:
    """As `kubectl delete` does; nothing else would tell, for NFS waits without an end."""
    world.cluster()
    job_on(world, "fs")
    serve(world, nfs={"server": "10.0.0.4", "path": "/data"})
    await world.start()
    await world.settle()
    world.run_pods()
    await world.settle()
    assert world.status()["message"] == "Running on 1 node."
    writes = world.store.writes["status", "batchaijobs"]
    world.store.remove(FILE_SERVERS, "fs")
    await world.settle()
    told = {each["type"]: each for each in world.status()["conditions"]}
    assert told["StorageReady"]["reason"] == "FileServerGone"
    assert "File server fs of mountVolumes.fileServers[0] is gone" in world.status()["message"]
    assert (world.state(), told["Ready"]["status"]) == ("running", "True")
    await world.look_again()
    assert world.store.writes["status", "batchaijobs"] == writes + 1
    serve(world, nfs={"server": "10.0.0.4", "path": "/data"})
    await world.settle()
    assert world.status()["message"] == "Running on 1 node."


async def test_a_job_is_woken_by_a_server_that_its_cluster_mounts(world: World) -> None:
    volume = {"fileServer": {"id": "/subscriptions/x/fileServers/FS"}, "relativeMountPath": "nfs"}
    world.cluster(nodeSetup={"mountVolumes": {"fileServers": [volume]}})
    world.job()
    await world.start()
    await world.settle()
    assert not world.pods()
    serve(world, "fs", nfs={"server": "10.0.0.4", "path": "/data"})
    await world.settle()
    assert len(world.pods()) == 1


async def test_the_batch_ai_name_counts_beside_the_objects(world: World) -> None:
    world.cluster()
    job_on(world, "My_Server")
    serve(world, "my-server", name="My_Server", nfs={"server": "nfs.example", "path": "/"})
    await world.start()
    await world.settle()
    assert len(world.pods()) == 1


async def test_one_server_wakes_nobody_else(world: World) -> None:
    world.cluster()
    job_on(world, "other")
    await world.start()
    await world.settle()
    seen: list[object] = []
    add = world.controller.queue.add
    world.controller._inbox._enqueue = lambda task: (seen.append(task), add(task))[1]
    serve(world, "fs", nfs={"server": "10.0.0.4", "path": "/data"})
    await world.settle()
    assert {task.kind for task in seen} == {"fileserver"}  # type: ignore[attr-defined]


async def test_a_refusal_is_told_and_tried_again(world: World) -> None:
    serve(world)
    world.store.refuse = lambda _verb, resource, _obj: (
        ForbiddenError("exceeded quota: disks") if resource == CLAIMS else None
    )
    await world.start()
    await world.settle()
    told = status(world)["message"]
    assert "exceeded quota: disks" in str(told)
    assert status(world)["provisioningState"] == "creating"
    world.store.refuse = lambda *_: None
    await world.restart()
    await world.settle()
    assert world.store.one(CLAIMS, "fileserver-fs")


async def test_a_name_that_is_taken_is_left_alone(world: World) -> None:
    theirs = world.store.put(SERVICES, {"metadata": {"name": "fileserver-fs"}, "spec": {"a": 1}})
    serve(world)
    await world.start()
    await world.settle()
    assert world.store.one(SERVICES, "fileserver-fs") == theirs
    assert not world.store.all(DEPLOYMENTS)
    assert "does not belong to this file server" in str(status(world)["message"])


async def test_an_endpoint_needs_nothing_made(world: World) -> None:
    serve(world, nfs={"server": "10.0.0.4", "path": "/data"})
    await world.start()
    await world.settle()
    assert status(world)["provisioningState"] == "succeeded"
    for resource in (CLAIMS, SERVICES, DEPLOYMENTS):
        assert not world.store.all(resource)
    assert not world.store.all(CLUSTERS)


async def test_a_pass_looks_at_the_file_servers_that_are_named_and_at_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def note(server: Object) -> FileServerEndpoint | None:
        looked.append(server["metadata"]["name"])
        return endpoint(server)

    for number in range(20):
        serve(world, f"fs{number}", nfs={"server": "10.0.0.4", "path": f"/{number}"})
    world.cluster(nodes=4)
    await world.start()
    await world.settle()
    monkeypatch.setattr(serveruses, "endpoint", note)
    world.job("none")
    await world.settle()
    assert not looked
    job_on(world, "fs7")
    await world.settle()
    assert set(looked) == {"fs7"}


async def test_an_object_that_is_ready_wins_over_what_another_is_called(world: World) -> None:
    nfs = {"path": "/data"}
    serve(world, "called", name="fs", nfs=nfs | {"server": "10.0.0.1"})
    await world.start()
    await world.settle()
    table = world.controller.cache.file_servers
    user = {"spec": {"mountVolumes": {"fileServers": [{"fileServer": {"id": "FS"}}]}}}

    def where() -> str:
        return named_endpoints(table, "ns", (user, None))["fs"].server

    assert where() == "10.0.0.1"
    serve(world, "fs", nfs=nfs | {"server": "10.0.0.2"})
    assert where() == "10.0.0.1", "it has no address yet"
    await world.settle()
    assert where() == "10.0.0.2"
    assert not named_endpoints(table, "other", (user, None))
