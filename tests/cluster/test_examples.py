"""Every example runs, and so does the demo with its real TensorFlow."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchai_devcluster.paths import REPOSITORY
from support.api import Api
from support.commandline import in_scene
from support.objects import ACCOUNT
from support.scene import Scene
from support.waiting import wait_until

EXAMPLES = REPOSITORY / "examples"
DEMO = EXAMPLES / "tensorflow-distributed" / "demo.py"


def apply(scene: Scene, file: str) -> None:
    """Apply an example as its README says."""
    text = (EXAMPLES / file).read_text().replace("<AZURE_BATCHAI_STORAGE_ACCOUNT>", ACCOUNT)
    scene.kubectl.run("apply", "-n", scene.namespace, "-f", "-", stdin=text.encode())


@pytest.fixture(scope="module")
def _cluster(scene: Scene) -> None:
    scene.api.delete("batchaiclusters", "d2", scene.namespace)
    apply(scene, "custom-toolkit/cluster.yaml")


@pytest.mark.usefixtures("_cluster")
def test_hello(scene: Scene) -> None:
    apply(scene, "custom-toolkit/hello.yaml")
    scene.succeed("hello")
    assert scene.text("hello", "stdout.txt") == "hello from d2\n"
    assert scene.text("hello", "stderr.txt") == "no errors here\n"


@pytest.mark.usefixtures("_cluster")
def test_hello_as_a_job_file(scene: Scene, kubeconfig: Path) -> None:
    in_scene(scene, kubeconfig)(
        *("job", "create", "-n", "hello2", "-c", "d2"),
        *("-f", EXAMPLES / "custom-toolkit" / "hello.json"),
        *("--storage-account-name", ACCOUNT),
    )
    scene.succeed("hello2")
    assert scene.text("hello2", "stdout.txt") == "hello from d2\n"


@pytest.mark.usefixtures("_cluster")
def test_preparation(scene: Scene) -> None:
    apply(scene, "custom-toolkit/preparation.yaml")
    scene.succeed("preparation")
    assert scene.text("preparation", "stdout-job_prep.txt") == "prepared 20 numbers\n"
    expected = "the sum of the first 20 squares is 2870\n"
    assert scene.text("preparation", "stdout.txt") == expected
    segment = scene.status("preparation")["jobOutputDirectoryPathSegment"]
    assert scene.onlooker.read(f"{segment}/outputs/result/sum.txt") == b"2870\n"


@pytest.fixture
def demo(kubeconfig: Path, node_image: str, api: Api) -> Iterator[subprocess.Popen[str]]:
    """The demo as `make demo` starts it; its job and cluster are removed afterwards."""
    before = {job["metadata"]["name"] for job in api.list("batchaijobs", "default")}
    path = f"{REPOSITORY}/operator:{REPOSITORY}/devcluster"
    process = subprocess.Popen(
        [sys.executable, str(DEMO)],
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell that starts the tests in the background makes them, and so this, deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for job in api.list("batchaijobs", "default"):
        if job["metadata"]["name"] not in before:
            api.delete("batchaijobs", job["metadata"]["name"], "default")


def test_demo(demo: "subprocess.Popen[str]", api: Api) -> None:
    """The recipe trains for real: one parameter server, two workers, two nodes, GPU requests."""
    began = time.monotonic()
    output, _ = demo.communicate(timeout=600)
    assert demo.returncode == 0, output
    found = re.search(r"^test accuracy: ([\d.]+)$", output, re.MULTILINE)
    assert found, output
    assert float(found[1]) > 0.9, output
    assert re.search(r"^state +succeeded$", output, re.MULTILINE), output
    assert re.search(r"^exit code +0$", output, re.MULTILINE), output
    for name in ("stdout-wk-0.txt", "stdout-wk-1.txt", "stdout-ps-0.txt", "checkpoint", "tfevents"):
        assert name in output, output
    job = max(
        api.list("batchaijobs", "default"), key=lambda it: it["metadata"]["creationTimestamp"]
    )
    addresses = {node["ipAddress"] for node in job["status"]["nodes"]}
    assert len(addresses) == 2
    assert all(address in output for address in addresses), "the tasks were told real addresses"
    assert time.monotonic() - began < 300


def test_demo_can_be_interrupted(demo: "subprocess.Popen[str]", api: Api) -> None:
    """Ctrl-C while it trains: the demo says how to go on, the job goes on."""
    assert demo.stdout is not None
    seen = ""
    for line in demo.stdout:
        seen += line
        if "step" in line and "loss" in line:
            break
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, seen + rest
    assert "Stopped. The cluster goes on" in rest
    assert "Traceback" not in seen + rest
    job = max(
        api.list("batchaijobs", "default"), key=lambda it: it["metadata"]["creationTimestamp"]
    )
    name = job["metadata"]["name"]
    assert name in rest

    def ended() -> bool:
        return api.get("batchaijobs", name, "default")["status"]["executionState"] == "succeeded"

    wait_until(ended, 120, f"job {name} to go on to its end")
