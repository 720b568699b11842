"""Who starts when: nodes of the cluster, GPUs of the machine, order (design 4, spec 7.7)."""

from datetime import datetime

import pytest

from support.objects import LOGS, a_cluster, a_job
from support.scene import Scene


@pytest.fixture
def gpus(scene: Scene) -> int:
    """How many GPUs the machine offers in all, none of them in use."""

    def is_free() -> bool:
        return not any(
            "nvidia.com/gpu" in container["resources"].get("limits", {})
            for pod in scene.api.list("pods")
            if pod["status"]["phase"] in ("Pending", "Running")
            for container in pod["spec"]["containers"]
        )

    scene.until(is_free, 120, "the GPUs to be free")
    nodes = scene.api.list("nodes")
    return sum(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes)


def test_job_waits_for_a_gpu_in_the_schedulers_words(scene: Scene, gpus: int) -> None:
    """The cluster has a node more than the machine has GPUs."""
    if gpus < 1:
        pytest.fail("the cluster must advertise GPUs; start it with `--gpus 1`")
    scene.submit(a_cluster("gpus", scene.namespace, nodes=gpus + 1, size="STANDARD_NC6"))
    go = f"{LOGS}/go-{scene.namespace}"
    command = f"while ! test -e {go}; do sleep 0.2; done"
    names = [f"gpu-{index}" for index in range(gpus)]
    for name in names:
        scene.submit(a_job(name, scene.namespace, command, cluster="gpus"))
    for name in names:
        scene.wait(name, "running")
    scene.submit(a_job("one-more", scene.namespace, "echo at last", cluster="gpus"))
    message = scene.message("one-more", "Insufficient nvidia.com/gpu")
    assert scene.status("one-more")["executionState"] == "queued", message
    table = scene.kubectl.run("get", "baij", "one-more", "-n", scene.namespace).decode()
    assert "Insufficient nvidia.com/gpu" in table
    scene.onlooker.run("touch", f"/share/go-{scene.namespace}")
    for name in [*names, "one-more"]:
        scene.succeed(name)
    scene.onlooker.remove(f"go-{scene.namespace}")


def test_two_jobs_of_two_nodes_run_one_after_the_other(scene: Scene) -> None:
    scene.submit(a_cluster("pair", scene.namespace, nodes=2))
    # Custom jobs run on the first node; the second one only waits.
    for name in ("first", "second"):
        command = "date +%s.%N; sleep 4; date +%s.%N"
        scene.submit(a_job(name, scene.namespace, command, cluster="pair", nodeCount=2))
    scene.wait("first", "running")
    second = scene.status("second")
    assert second["executionState"] == "queued"
    assert "executionInfo" not in second
    assert not scene.pods("second"), "a job that has to wait holds nothing"
    ended, begun = (
        datetime.fromisoformat(scene.succeed(name)["executionInfo"][time])
        for name, time in (("first", "endTime"), ("second", "startTime"))
    )
    # Kubernetes tells in whole seconds when a Pod was scheduled, which is when a job starts.
    assert ended.replace(microsecond=0) <= begun
    left, came = (
        float(scene.text(name, "stdout.txt").split()[line])
        for name, line in (("first", 1), ("second", 0))
    )
    assert left < came, "the programs themselves ran at the same time"


def test_job_that_never_fits_says_so(scene: Scene) -> None:
    scene.submit(a_cluster("small", scene.namespace, nodes=1))
    scene.submit(a_job("large", scene.namespace, cluster="small", nodeCount=3))
    message = scene.message("large", "3", "small")
    assert scene.status("large")["executionState"] == "queued", message
