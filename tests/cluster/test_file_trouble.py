"""A stream arrives byte for byte, whatever happens to connection, reader Pod, storage and file."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from support.commandline import Batchai, in_scene
from support.cuttable import Cuttable
from support.devcluster import devcluster
from support.objects import LOGS, a_job, a_share
from support.scene import Scene

BIG = 60_000_000
SHAKY = "$AZ_BATCHAI_JOB_MOUNT_ROOT/shaky"
MAKE = f"head -c {BIG} /dev/urandom >$AZ_BATCHAI_OUTPUT_M/big; echo made"
OUTPUT = [{"id": "M", "pathPrefix": LOGS, "pathSuffix": "models"}]
BIG_FILE = ("job", "file", "stream", "-d", "M", "-f", "big", "-j")


def storage(*words: str) -> None:
    devcluster("storage", *words)


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    return in_scene(scene, kubeconfig)


@pytest.fixture(scope="module")
def big(scene: Scene) -> str:
    """Name of a job that has ended and left a big file."""
    scene.submit(a_job("big", scene.namespace, MAKE, outputDirectories=OUTPUT))
    scene.succeed("big", seconds=240)
    return "big"


def content(scene: Scene, job: str, name: str = "big") -> bytes:
    segment = scene.status(job)["jobOutputDirectoryPathSegment"]
    return scene.onlooker.read(f"{segment}/outputs/models/{name}")


def told(errors: IO[bytes]) -> bytes:
    """Return what a command has said so far; it goes on writing at its own place."""
    return os.pread(errors.fileno(), 1 << 20, 0)


def readers(scene: Scene) -> list[str]:
    labels = "batchai.dev/component=reader"
    found = scene.api.list("pods", scene.namespace, labels=labels)
    return [pod["metadata"]["name"] for pod in found]


def test_the_reader_pod_is_killed_in_mid_stream(scene: Scene, batchai: Batchai, big: str) -> None:
    with batchai.start(*BIG_FILE, big) as stream:
        got = stream.read(5_000_000)
        (first,) = readers(scene)
        # It waits until the containers are dead; the stream is held up by us meanwhile.
        gently = (f"--namespace={scene.namespace}", "--grace-period=1", "--wait=true")
        scene.kubectl.run("delete", "pod", first, *gently)
        # What was on its way already is read first.
        others: list[str] = []
        while not others and (piece := stream.read(2_000_000)):
            got += piece
            others = [name for name in readers(scene) if name != first]
        got += stream.rest()
    assert others, "another reader has taken over"
    assert got == content(scene, big)
    assert not readers(scene)


def test_the_readers_deadline_passes_in_mid_stream(
    scene: Scene, batchai: Batchai, big: str
) -> None:
    """A deadline may be brought forward; kubelet then does what it does after five minutes."""
    with batchai.start(*BIG_FILE, big) as stream:
        got = stream.read(5_000_000)
        (first,) = readers(scene)
        patch = '{"spec":{"activeDeadlineSeconds":1}}'
        scene.kubectl.run("patch", "pod", first, f"--namespace={scene.namespace}", "-p", patch)
        scene.until(
            lambda: (
                (pod := scene.api.find("pods", first, scene.namespace)) is None
                or pod["status"].get("reason") == "DeadlineExceeded"
            ),
            120,
            "the reader's deadline",
        )
        got += stream.rest()
    assert got == content(scene, big)


def test_connections_are_cut_in_mid_stream(
    scene: Scene, big: str, kubeconfig: Path, tmp_path: Path
) -> None:
    with Cuttable(kubeconfig, tmp_path) as relay:
        batchai = Batchai(relay.kubeconfig, scene.namespace)
        with batchai.start(*BIG_FILE, big) as stream:
            got = b""
            for _ in range(4):
                got += stream.read(9_000_001)
                relay.cut()
            got += stream.rest()
        assert relay.connections >= 5
    assert got == content(scene, big)


def test_a_file_that_comes_late_is_truncated_and_replaced(scene: Scene, batchai: Batchai) -> None:
    """What is shown last is the file that is there last, whole."""
    gate = f"{LOGS}/gate-{scene.namespace}"
    script = f"""
    cd $AZ_BATCHAI_OUTPUT_M; wait_for() {{ while ! test -e {gate}-$1; do sleep 0.1; done; }}
    wait_for 0; yes 'first, größer' | head -n 20000 >file
    wait_for 1; yes 'second' | head -n 10 >file
    wait_for 2; yes 'third, and longer' | head -n 30000 >new; mv new file
    wait_for 3; printf 'no newline at the end' >>file
    """
    scene.submit(a_job("file", scene.namespace, script, outputDirectories=OUTPUT))
    words = ("job", "file", "stream", "-d", "M", "-f", "file", "-j", "file")
    texts = [
        b"first, gr\xc3\xb6\xc3\x9fer\n" * 20000,
        b"second\n" * 10,
        b"third, and longer\n" * 30000,
        b"no newline at the end",
    ]
    with tempfile.TemporaryFile() as errors, batchai.start(*words, errors=errors) as stream:
        scene.wait("file", "running", seconds=180)
        scene.until(lambda: b"Waiting for the job" in told(errors), 60, "a word about the file")
        for number, text in enumerate(texts):
            scene.onlooker.run("touch", f"/share/gate-{scene.namespace}-{number}")
            assert stream.read(len(text)) == text
        assert stream.rest() == b""
        said = told(errors).decode()
    assert said.count("was replaced; the new one follows") == 2


@pytest.fixture(scope="module")
def shaky(scene: Scene) -> Iterator[str]:
    """A share that a test may break."""
    storage("share", "create", "shaky")
    yield "shaky"
    storage("fault", "--share", "shaky", "clear")
    storage("rm", "share/shaky")


@pytest.fixture(scope="module")
def shaky_job(scene: Scene, shaky: str) -> str:
    outputs = [{"id": "M", "pathPrefix": SHAKY, "pathSuffix": "models"}]
    job = a_job(
        "shaky",
        scene.namespace,
        MAKE,
        shares=[a_share(), a_share(shaky)],
        outputDirectories=outputs,
    )
    scene.submit(job)
    scene.succeed("shaky", seconds=240)
    return "shaky"


@pytest.mark.parametrize("fault", ["hang", "eio"])
def test_storage_is_away_in_mid_stream(
    batchai: Batchai, shaky: str, shaky_job: str, fault: str, full: bool
) -> None:
    away = 60 if full else 12
    whole = batchai(*BIG_FILE, shaky_job).stdout
    assert len(whole) == BIG
    with tempfile.TemporaryFile() as errors:
        with batchai.start(*BIG_FILE, shaky_job, errors=errors) as stream:
            got = stream.read(5_000_000)
            storage("fault", "--share", shaky, fault, "--seconds", str(away))
            got += stream.rest()
        said = told(errors).decode()
    assert got == whole
    assert fault == "hang" or "input/output error (tried again)" in said


def test_the_share_is_deleted_during_the_run(scene: Scene, batchai: Batchai) -> None:
    """What was shown stays shown; then it is told, and the command ends."""
    storage("share", "create", "doomed")
    outputs = [{"id": "M", "pathPrefix": SHAKY.replace("shaky", "doomed"), "pathSuffix": "m"}]
    script = "cd $AZ_BATCHAI_OUTPUT_M; echo text >file; echo made; sleep 600"
    job = a_job(
        "doomed", scene.namespace, script, shares=[a_share(), a_share("doomed")],
        outputDirectories=outputs,
    )  # fmt: skip
    scene.submit(job)
    scene.wait("doomed", "running", seconds=180)
    words = ("job", "file", "stream", "-d", "M", "-f", "file", "-j", "doomed")
    with tempfile.TemporaryFile() as errors:
        with batchai.start(*words, errors=errors) as stream:
            assert stream.read(5) == b"text\n"
            storage("rm", "share/doomed")
            assert stream.process.wait(240) != 0
        assert b"There is no file or folder" in told(errors)
    listed = batchai("job", "file", "list", "-d", "M", "-j", "doomed", code=3)
    assert b"There is no file or folder" in listed.stderr
    batchai("job", "terminate", "-n", "doomed", "-y")
