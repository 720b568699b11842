"""File servers for real: one that the operator runs on a claim, and one that exists already.

A job with its logs on the server waits for it, runs, and goes on when the server's Pod is killed.
The cluster has no provisioner, so the claim's volume is a folder of one node.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchai_devcluster.paths import Paths
from support.api import Raw
from support.commandline import Batchai, in_scene
from support.disks import make_disk, remove_disk
from support.kubectl import Kubectl
from support.objects import a_job
from support.scene import Scene

pytestmark = pytest.mark.cluster

LINES = 150
COMMAND = (
    f"for i in $(seq 1 {LINES}); do echo line $i; sleep 0.1; done; id -u > "
    "$AZ_BATCHAI_JOB_MOUNT_ROOT/nfs/who; echo kept > $AZ_BATCHAI_JOB_MOUNT_ROOT/nfs/kept"
)


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    """Run the command in the test's resource group."""
    return in_scene(scene, kubeconfig)


@pytest.fixture(scope="module")
def claim(scene: Scene, paths: Paths) -> Iterator[str]:
    """A claim on a folder of one node."""
    yield make_disk(scene.api, scene.namespace, paths.storage)
    remove_disk(scene.api, scene.namespace)


def on_server(name: str, namespace: str, server: str, command: str) -> Raw:
    """Return a job whose logs are on a file server."""
    job = a_job(name, namespace, command)
    job["spec"]["stdOutErrPathPrefix"] = "$AZ_BATCHAI_JOB_MOUNT_ROOT/nfs"
    volume = {"fileServer": {"id": server}, "relativeMountPath": "nfs", "mountOptions": "rw"}
    job["spec"]["mountVolumes"] = {"fileServers": [volume]}
    return job


def on_disk(scene: Scene, kubectl: Kubectl, path: str) -> str:
    """Return a file as the server itself has it on its claim; empty while there is none."""
    words = ("exec", f"--namespace={scene.namespace}", "deployment/fileserver-fs", "--", "cat")
    done = kubectl.try_run(*words, f"/export/{path}")
    return done.stdout.decode() if done.returncode == 0 else ""


def server_pods(scene: Scene) -> list[Raw]:
    labels = "batchai.dev/file-server=fs"
    return list(scene.api.list("pods", scene.namespace, labels=labels))


def test_a_job_waits_for_its_server_and_outlives_its_restart(
    scene: Scene, kubectl: Kubectl, batchai: Batchai, claim: str
) -> None:
    scene.submit(on_server("train", scene.namespace, "fs", COMMAND))
    scene.message("train", "file server", "fs")
    made = json.loads(batchai("file-server", "create", "-n", "fs", "--claim", claim).stdout)
    assert made["provisioningState"] == "succeeded"
    assert made["mountSettings"]["mountPoint"] == "/data"
    scene.wait_until_job_runs("train", seconds=180)
    log = f"{scene.folder('train')}/stdout.txt"
    scene.until(
        lambda: on_disk(scene, kubectl, log).count("\n") >= 20, 120, "twenty lines", "train"
    )
    refused = batchai("file-server", "delete", "-n", "fs", "-y", code=1)
    assert b"used by jobs train" in refused.stderr
    (killed,) = server_pods(scene)
    scene.api.delete("pods", killed["metadata"]["name"], scene.namespace, gracePeriodSeconds=0)
    scene.succeed("train", seconds=300)
    after = {pod["metadata"]["uid"] for pod in server_pods(scene)}
    assert killed["metadata"]["uid"] not in after
    text = scene.until(lambda: on_disk(scene, kubectl, log), 60, "the log", "train")
    assert text == "".join(f"line {number}\n" for number in range(1, LINES + 1))
    assert on_disk(scene, kubectl, "who") == "0\n"


def test_an_endpoint_that_exists_serves_as_well(
    scene: Scene, kubectl: Kubectl, batchai: Batchai, claim: str
) -> None:
    address = scene.api.get("services", "fileserver-fs", scene.namespace)["spec"]["clusterIP"]
    made = batchai(
        *("file-server", "create", "-n", "there", "--nfs-server", address, "--nfs-path", "/data")
    )
    assert json.loads(made.stdout)["mountSettings"]["fileServerInternalIp"] == address
    scene.submit(
        on_server("read", scene.namespace, "there", "cat $AZ_BATCHAI_JOB_MOUNT_ROOT/nfs/kept")
    )
    scene.succeed("read", seconds=180)
    assert on_disk(scene, kubectl, f"{scene.folder('read')}/stdout.txt") == "kept\n"
    streamed = batchai("job", "file", "stream", "-j", "read", "-f", "stdout.txt").stdout
    assert streamed == b"kept\n"
    shown = batchai("file-server", "list", "-o", "table").stdout.decode()
    assert shown.splitlines()[0].split("  ")[0] == "Name"
    assert [line.split()[0] for line in shown.splitlines()[2:]] == ["fs", "there"]
    assert shown.count(address) == 2


def test_a_claim_that_nobody_provides_is_told(scene: Scene, batchai: Batchai) -> None:
    batchai("file-server", "create", "-n", "big", "--disk-size", "5", "--no-wait")

    def told() -> str:
        return str(json.loads(batchai("file-server", "show", "-n", "big").stdout)["message"] or "")

    scene.until(lambda: "fileserver-big is pending" in told(), 60, "the claim to be told of")
    made = scene.api.get("persistentvolumeclaims", "fileserver-big", scene.namespace)
    assert made["spec"]["resources"]["requests"] == {"storage": "5Gi"}
    batchai("file-server", "delete", "-n", "big", "-y")
    scene.until(
        lambda: scene.api.find("persistentvolumeclaims", "fileserver-big", scene.namespace) is None,
        60,
        "the claim that was made to go with the file server",
    )


def test_a_deleted_server_leaves_the_claim_that_was_named(
    scene: Scene, batchai: Batchai, claim: str
) -> None:
    batchai("file-server", "delete", "-n", "fs", "-y")
    assert b"FileServerNotFound" in batchai("file-server", "show", "-n", "fs", code=3).stderr
    for kind in ("deployments", "services"):
        scene.until(
            lambda kind=kind: scene.api.find(kind, "fileserver-fs", scene.namespace) is None,  # type: ignore[misc]
            60,
            f"{kind} to be gone",
        )
    assert scene.api.get("persistentvolumeclaims", claim, scene.namespace)
