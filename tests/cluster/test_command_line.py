"""The command `batchai` on the real thing: create, show, list, wait, files, terminate, delete."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commandline import Batchai, in_scene
from support.objects import ACCOUNT, LOGS
from support.scene import Scene

PROPERTIES = {
    "$schema": "https://raw.githubusercontent.com/Azure/BatchAI/master/schemas/2018-05-01/job.json",
    "properties": {
        "nodeCount": 1,
        "stdOutErrPathPrefix": LOGS,
        "outputDirectories": [{"id": "MODEL", "pathPrefix": LOGS, "pathSuffix": "Models"}],
        "mountVolumes": {
            "azureFileShares": [
                {
                    "azureFileUrl": (
                        "https://<AZURE_BATCHAI_STORAGE_ACCOUNT>.file.core.windows.net/logs"
                    ),
                    "relativeMountPath": "logs",
                }
            ]
        },
    },
}


@pytest.fixture
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    """Run the command in the test's resource group."""
    return in_scene(scene, kubeconfig, AZURE_BATCHAI_STORAGE_ACCOUNT=ACCOUNT)


@pytest.fixture
def job_file(tmp_path: Path) -> Callable[[str], str]:
    """Write a job file of the service with a command."""

    def write(command: str) -> str:
        file = tmp_path / "job.json"
        content = json.loads(json.dumps(PROPERTIES))
        content["properties"]["customToolkitSettings"] = {"commandLine": command}
        file.write_text(json.dumps(content))
        return str(file)

    return write


def test_life_of_a_job(scene: Scene, batchai: Batchai, job_file: Callable[[str], str]) -> None:
    command = (
        "for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done; echo m >$AZ_BATCHAI_OUTPUT_MODEL/m"
    )
    created = batchai("job", "create", "-n", "life", "-c", "d2", "-f", job_file(command))
    assert json.loads(created.stdout)["name"] == "life"
    again = batchai("job", "create", "-n", "life", "-c", "d2", "-f", job_file("true"), code=1)
    assert b"exists" in again.stderr
    streamed = batchai("job", "file", "stream", "-j", "life", "-f", "stdout.txt")
    assert streamed.stdout == b"1\n2\n3\n4\n5\n6\n"
    batchai("job", "wait", "-n", "life", "--interval", "0.5")
    shown = json.loads(batchai("job", "show", "-n", "life").stdout)
    assert shown["executionState"] == "succeeded"
    assert shown["executionInfo"]["exitCode"] == 0
    table = batchai("job", "list", "-o", "table").stdout.decode()
    line = next(line for line in table.splitlines() if line.startswith("life"))
    assert "d2" in line
    assert "succeeded" in line
    files = json.loads(batchai("job", "file", "list", "-j", "life").stdout)
    assert [each["name"] for each in files] == ["execution.log", "stderr.txt", "stdout.txt"]
    assert {each["name"]: each["contentLength"] for each in files}["stdout.txt"] == 12
    models = json.loads(batchai("job", "file", "list", "-j", "life", "-d", "MODEL").stdout)
    assert [each["name"] for each in models] == ["m"]
    once_more = batchai("job", "file", "stream", "-j", "life", "-f", "m", "-d", "MODEL")
    assert once_more.stdout == b"m\n"
    batchai("job", "delete", "-n", "life", "-y")
    batchai("job", "show", "-n", "life", code=3)
    assert not scene.pods("life")


def test_streaming_begins_before_the_end(
    scene: Scene, batchai: Batchai, job_file: Callable[[str], str]
) -> None:
    go = f"{LOGS}/go-{scene.namespace}"
    command = f"echo first; while ! test -e {go}; do sleep 0.2; done; echo last"
    batchai("job", "create", "-n", "live", "-c", "d2", "-f", job_file(command))
    with batchai.start("job", "file", "stream", "-j", "live", "-f", "stdout.txt") as stream:
        assert stream.line() == b"first\n"
        assert scene.status("live")["executionState"] == "running"
        scene.onlooker.run("touch", f"/share/go-{scene.namespace}")
        assert stream.rest() == b"last\n"
    scene.onlooker.remove(f"go-{scene.namespace}")


def test_failed_job_gives_its_exit_code(batchai: Batchai, job_file: Callable[[str], str]) -> None:
    batchai("job", "create", "-n", "wrong", "-c", "d2", "-f", job_file("exit 42"))
    done = batchai("job", "wait", "-n", "wrong", "--interval", "0.5", code=42)
    assert b"JobFailed" in done.stderr


def test_terminate(batchai: Batchai, job_file: Callable[[str], str]) -> None:
    batchai("job", "create", "-n", "endless", "-c", "d2", "-f", job_file("sleep 600"))
    began = time.monotonic()
    batchai("job", "terminate", "-n", "endless", "-y")
    assert time.monotonic() - began < 90
    done = batchai("job", "wait", "-n", "endless", code=None)
    assert done.returncode not in (0, 1, 2, 3)
    assert b"JobTerminated" in done.stderr


def test_key_on_the_command_line_becomes_a_secret(
    scene: Scene, batchai: Batchai, job_file: Callable[[str], str], account_key: str
) -> None:
    """The account has no Secret yet, as on the first day."""
    secret = f"azure-storage-account-{ACCOUNT}-secret"
    scene.api.delete("secrets", secret, scene.namespace)
    done = batchai(
        *("job", "create", "-n", "keyed", "-c", "d2", "-f", job_file("echo ok")),
        *("--storage-account-name", ACCOUNT, "--storage-account-key", account_key),
    )
    assert account_key.encode() not in done.stdout + done.stderr
    assert account_key not in str(scene.job("keyed"))
    assert scene.api.get("secrets", secret, scene.namespace)["data"]
    batchai("job", "wait", "-n", "keyed", "--interval", "0.5")


def test_unknown_job_and_cluster(batchai: Batchai, job_file: Callable[[str], str]) -> None:
    batchai("job", "show", "-n", "nobody", code=3)
    done = batchai(
        "job", "create", "-n", "lost", "-c", "nowhere", "-f", job_file("true"), code=None
    )
    assert done.returncode != 0
    assert b"nowhere" in done.stderr
