"""The Pod of `batchai storage`: made when needed, replaced when it ended, never left behind."""

import pytest

from batchai_operator.engine.files.podfacts import Containers
from batchai_operator.engine.files.readers import known_settings
from batchai_operator.engine.transfers.pods import TransferPods
from batchai_operator.errors import UnavailableError
from batchai_operator.planner.files.transfer import transfer_pod
from batchai_operator.settings import Settings

SHARE = {"azureFileShares": [{"azureFileUrl": "https://acc.file.core.windows.net/logs"}]}
RUNNING = {
    "phase": "Running",
    "containerStatuses": [{"name": "batchai-sidecar", "state": {"running": {}}}],
}


def pods(kube, said=None):
    return TransferPods(kube, transfer_pod(SHARE, "team", Settings()), (said or []).append)


def run_all(kube):
    kube.on_create = lambda thing: thing.update(status=RUNNING)


async def test_one_pod_is_made_and_removed(kube):
    run_all(kube)
    made = pods(kube)
    first = await made.find()
    assert await made.find() == first
    assert kube.names("pods") == [first.pod]
    await made.close()
    await made.close()
    assert kube.names("pods") == []


async def test_a_pod_that_runs_is_kept_and_one_that_ended_is_replaced(kube):
    run_all(kube)
    made = pods(kube)
    first = await made.find()
    await made.forget(first)
    assert kube.names("pods") == [first.pod], "only a connection was lost"
    kube.objects["pods", "team", first.pod]["status"] = {"phase": "Failed"}
    await made.forget(first)
    second = await made.find()
    assert second.uid != first.uid
    await made.forget(first)
    assert kube.names("pods") == [second.pod], "somebody else's look back does no harm"


async def test_a_pod_that_ends_before_it_starts_is_told_with_its_reason(kube):
    kube.on_create = lambda thing: thing.update(status={"phase": "Failed", "reason": "Evicted"})
    with pytest.raises(UnavailableError, match="ended: Evicted"):
        await pods(kube).find()


async def test_what_killed_commands_have_left_is_cleared_up(kube):
    labels = {
        "app.kubernetes.io/managed-by": "batchai-operator",
        "batchai.dev/component": "transfer",
    }
    for name, phase in (("old", "Succeeded"), ("busy", "Running")):
        thing = {"metadata": {"name": name, "labels": labels}, "status": {"phase": phase}}
        kube.add("pods", thing)
    run_all(kube)
    found = await pods(kube).find()
    assert set(kube.names("pods")) == {"busy", found.pod}


async def test_images_are_those_of_the_namespaces_jobs(kube):
    labels = {
        "app.kubernetes.io/managed-by": "batchai-operator",
        "batchai.dev/component": "node",
    }
    sidecar = {"name": "batchai-sidecar", "image": "registry.test/launcher:9"}
    pod = {"metadata": {"name": "n", "labels": labels}, "spec": {"initContainers": [sidecar]}}
    kube.add("pods", pod)
    found = await known_settings(kube, "team", Settings(), Containers(["acc"]))
    assert found.launcher_image == "registry.test/launcher:9"
    told = Settings(launcher_image="mine:1")
    found = await known_settings(kube, "team", told, Containers())
    assert found.launcher_image == "mine:1"
