"""Jobs of one node: files, contents, paths, variables, exit codes, limits (spec 3 and 4).

All jobs are submitted at once by the fixture; each test then looks at one of them.
"""

import re
from typing import Any

import pytest

from support.objects import a_cluster, a_container, a_job
from support.scene import Scene

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

JOBS: dict[str, dict[str, Any]] = {
    "hello": {"command": "echo hello; echo oops >&2"},
    "prepared": {
        "command": 'test -e /prepared && echo "still there"',
        "jobPreparation": {"commandLine": "echo preparing; echo carefully >&2; touch /prepared"},
    },
    "unprepared": {"command": "echo never", "jobPreparation": {"commandLine": "echo no; exit 3"}},
    "exit-2": {"command": "exit 2"},
    "exit-127": {"command": "no-such-program"},
    "dollars": {
        "command": 'echo $$ $(HOME) "$AZ_BATCHAI_TASK_INDEX"; printenv LITERAL PLACE',
        "environmentVariables": [
            {"name": "LITERAL", "value": "a$$b $(HOME) $NOBODY"},
            {"name": "PLACE", "value": "$AZ_BATCHAI_JOB_MOUNT_ROOT/${LITERAL}"},
        ],
    },
    "too-long": {
        "command": "echo begun; sleep 600; echo never",
        "constraints": {"maxWallClockTime": "PT5S"},
    },
    "blob": {
        "command": "echo to a blob",
        "shares": [],
        "containers": [a_container("data")],
        "stdOutErrPathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/data",
    },
    "nowhere": {
        "command": "echo lost",
        "shares": [],
        "stdOutErrPathPrefix": "$AZ_BATCHAI_JOB_TEMP",
    },
    "horovod": {"horovodSettings": {"pythonScriptFilePath": "train.py"}},
    "early": {"command": "echo waited", "cluster": "later"},
}


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene) -> None:
    for name, properties in JOBS.items():
        scene.submit(a_job(name, scene.namespace, **properties))
    container = {"imageSourceRegistry": {"image": scene.node_image}, "shmSize": "64m"}
    command = "echo in an image; df -k --output=size /dev/shm | tail -1"
    scene.submit(a_job("own-image", scene.namespace, command, containerSettings=container))
    lustre = a_job("lustre", scene.namespace)
    system = {"mountCommand": "mount -t lustre 10.0.0.4@tcp:/fs", "relativeMountPath": "fs"}
    lustre["spec"]["mountVolumes"]["unmanagedFileSystems"] = [system]
    scene.submit(lustre)


def test_files_of_a_plain_job(scene: Scene) -> None:
    status = scene.succeed("hello")
    uid = scene.job("hello")["metadata"]["uid"]
    assert status["jobOutputDirectoryPathSegment"] == (
        f"{SUBSCRIPTION}/{scene.namespace}/workspaces/default/experiments/default/jobs/hello/{uid}"
    )
    assert scene.files("hello") == ["execution.log", "stderr.txt", "stdout.txt"]
    assert scene.text("hello", "stdout.txt") == "hello\n"
    assert scene.text("hello", "stderr.txt") == "oops\n"
    assert scene.text("hello", "execution.log")
    assert sorted(scene.logs("hello").splitlines()) == [b"hello", b"oops"]


def test_status_of_a_plain_job(scene: Scene) -> None:
    status = scene.succeed("hello")
    assert status["toolType"] == "custom"
    assert status["provisioningState"] == "succeeded"
    info = status["executionInfo"]
    assert info["exitCode"] == 0
    assert "errors" not in info
    assert TIME.fullmatch(info["startTime"])
    assert TIME.fullmatch(info["endTime"])
    assert info["startTime"] <= info["endTime"]
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    assert {"Ready", "Complete"} <= true
    assert not {"Failed", "Stalled"} & true
    assert status["observedGeneration"] == scene.job("hello")["metadata"]["generation"]


def test_printer_columns_and_description(scene: Scene) -> None:
    scene.fail("exit-2", "JobFailed")
    table = scene.kubectl.run("get", "baij", "-n", scene.namespace).decode()
    line = next(line for line in table.splitlines() if line.startswith("exit-2"))
    assert "failed" in line
    described = scene.kubectl.run("describe", "baij", "exit-2", "-n", scene.namespace).decode()
    assert "Job failed with non-zero exit code" in described
    assert re.search(r"Events:\n\s+Type\s+Reason", described), "the events tell the story"


def test_preparation_has_files_of_its_own(scene: Scene) -> None:
    scene.succeed("prepared")
    assert scene.files("prepared") == [
        "execution.log",
        "stderr-job_prep.txt",
        "stderr.txt",
        "stdout-job_prep.txt",
        "stdout.txt",
    ]
    assert scene.text("prepared", "stdout-job_prep.txt") == "preparing\n"
    assert scene.text("prepared", "stderr-job_prep.txt") == "carefully\n"
    assert scene.text("prepared", "stdout.txt") == "still there\n"
    assert scene.text("prepared", "stderr.txt") == ""


def test_failed_preparation_fails_the_job(scene: Scene) -> None:
    info = scene.fail("unprepared", "JobPreparationFailed")
    assert info["exitCode"] == 3
    assert info["errors"][0]["message"] == "Job preparation task failed with non-zero exit code"
    assert scene.text("unprepared", "stdout-job_prep.txt") == "no\n"
    if "stdout.txt" in scene.files("unprepared"):
        assert scene.text("unprepared", "stdout.txt") == ""


@pytest.mark.parametrize(("name", "code"), [("exit-2", 2), ("exit-127", 127)])
def test_exit_codes_pass_through(scene: Scene, name: str, code: int) -> None:
    info = scene.fail(name, "JobFailed")
    assert info["exitCode"] == code
    assert info["errors"][0]["message"] == "Job failed with non-zero exit code"
    status = scene.status(name)
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    assert {"Failed", "Stalled"} <= true


def test_missing_program_is_named(scene: Scene) -> None:
    scene.fail("exit-127", "JobFailed")
    assert "no-such-program" in scene.text("exit-127", "stderr.txt")


def test_dollars_mean_what_they_mean_to_the_shell(scene: Scene) -> None:
    scene.finish("dollars")
    shell, literal, place = scene.text("dollars", "stdout.txt").splitlines()
    # `$$` is the shell's own number, `$(HOME)` a command that does not exist, and a job of one
    # command has no task index.
    assert re.fullmatch(r"\d+ ", shell)
    assert re.search("HOME: .*not found", scene.text("dollars", "stderr.txt"))
    assert literal == "a$$b $(HOME) $NOBODY"
    root = f"/mnt/batch/tasks/shared/LS_root/jobs/default/default/dollars/mounts/{literal}"
    assert place == root


def test_wall_clock_limit(scene: Scene) -> None:
    info = scene.fail("too-long", "JobTimedOut")
    assert "maxWallClockTime" in info["errors"][0]["message"]
    assert scene.text("too-long", "stdout.txt") == "begun\n"


def test_output_on_a_blob_container(scene: Scene) -> None:
    scene.succeed("blob")
    folder = f"/container/{scene.folder('blob')}"
    listed = scene.onlooker.run("ls", folder).decode().split()
    assert sorted(listed) == ["execution.log", "stderr.txt", "stdout.txt"]
    assert scene.onlooker.run("cat", f"{folder}/stdout.txt") == b"to a blob\n"


def test_output_that_is_kept_nowhere_is_said_so(scene: Scene) -> None:
    status = scene.succeed("nowhere")
    kept = [each for each in status["conditions"] if each["type"] == "LogsNotKept"]
    assert kept
    assert kept[0]["status"] == "True"
    assert scene.logs("nowhere") == b"lost\n"


def test_container_settings(scene: Scene) -> None:
    scene.succeed("own-image")
    assert scene.text("own-image", "stdout.txt").split() == ["in", "an", "image", "65536"]
    pod = scene.pods("own-image")[0]
    assert pod["spec"]["containers"][0]["image"] == scene.node_image


def test_toolkit_that_is_not_built_yet_fails_at_once(scene: Scene) -> None:
    info = scene.fail("horovod", "UnsupportedToolkit", seconds=30)
    assert "horovodSettings" in info["errors"][0]["message"]
    assert not scene.pods("horovod")


def test_volume_without_a_driver_fails_at_once(scene: Scene) -> None:
    info = scene.fail("lustre", "UnsupportedVolume", seconds=30)
    assert "no driver for file systems of type lustre" in info["errors"][0]["message"]
    assert not scene.pods("lustre")


def test_job_waits_for_its_cluster(scene: Scene) -> None:
    message = scene.message("early", "later")
    assert scene.status("early")["executionState"] == "queued", message
    scene.submit(a_cluster("later", scene.namespace))
    scene.succeed("early")
    assert scene.text("early", "stdout.txt") == "waited\n"


def test_names_of_the_service(scene: Scene) -> None:
    """Names with capitals and underscores stand in the paths as they were given."""
    job = a_job("my-object", scene.namespace, "echo $AZ_BATCHAI_JOB_TEMP")
    names = {"workspace": "Recipe_Workspace", "experiment": "Exp_1", "name": "My_Job"}
    job["spec"].update(names)
    scene.submit(job)
    status = scene.succeed("my-object")
    segment = f"{scene.namespace}/workspaces/Recipe_Workspace/experiments/Exp_1/jobs/My_Job/"
    assert segment in status["jobOutputDirectoryPathSegment"]
    assert scene.text("my-object", "stdout.txt").endswith("/jobs/Recipe_Workspace/Exp_1/My_Job\n")
