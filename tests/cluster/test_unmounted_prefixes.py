"""Prefixes on volumes that nothing mounts: the job runs, its files are told to be gone, at once.

Cluster and job level together, with the same relative path at both, are the other half: a prefix
leads to exactly the volume that it names.
"""

from pathlib import Path

import pytest

from support.commandline import Batchai, of_checkout
from support.objects import a_cluster, a_job, a_share
from support.scene import Scene

EXTERNAL = "$AZ_BATCHAI_MOUNT_ROOT/external"


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    """The command line in this file's namespace."""
    return of_checkout(scene, kubeconfig)


def test_a_prefix_on_no_volume(scene: Scene, batchai: Batchai) -> None:
    outputs = [{"id": "MODEL", "pathPrefix": EXTERNAL, "pathSuffix": "Models"}]
    command = "echo x > $AZ_BATCHAI_OUTPUT_MODEL/x && ls $AZ_BATCHAI_OUTPUT_MODEL"
    half = a_job("half", scene.namespace, command, outputDirectories=outputs)
    whole = a_job("whole", scene.namespace, command, outputDirectories=outputs)
    whole["spec"]["stdOutErrPathPrefix"] = EXTERNAL
    scene.submit(half)
    scene.submit(whole)
    lost = {"half": {"OutputsNotKept"}, "whole": {"OutputsNotKept", "LogsNotKept"}}
    for name, expected in lost.items():
        status = scene.succeed(name)
        told = {each["type"] for each in status["conditions"] if each["type"].endswith("NotKept")}
        assert told == expected
    assert scene.text("half", "stdout.txt") == "x\n"
    for words in (("-j", "half", "-d", "MODEL"), ("-j", "whole")):
        said = batchai.said("job", "file", "list", *words, code=3)
        assert "/mounts/external/" in said
        assert "batchai file list" in said
    assert "stdout.txt" in batchai.said("job", "file", "list", "-j", "half")


def test_the_same_path_at_both_levels(scene: Scene) -> None:
    cluster = a_cluster("both", scene.namespace)
    cluster["spec"]["nodeSetup"] = {"mountVolumes": {"azureFileShares": [a_share()]}}
    scene.submit(cluster)
    job = a_job(
        "levels",
        scene.namespace,
        "echo kept > $AZ_BATCHAI_OUTPUT_MODEL/x; cat $AZ_BATCHAI_INPUT_AGAIN/x; "
        "echo $AZ_BATCHAI_OUTPUT_MODEL",
        cluster="both",
        shares=[a_share("scripts", "logs")],
        outputDirectories=[{"id": "MODEL", "pathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/logs"}],
        inputDirectories=[{"id": "AGAIN", "path": "$AZ_BATCHAI_OUTPUT_MODEL"}],
    )
    job["spec"]["stdOutErrPathPrefix"] = "$AZ_BATCHAI_MOUNT_ROOT/logs"
    scene.submit(job)
    segment = scene.succeed("levels")["jobOutputDirectoryPathSegment"]
    folder = f"/mnt/batch/tasks/shared/LS_root/mounts/logs/{segment}/outputs"
    assert scene.text("levels", "stdout.txt") == f"kept\n{folder}\n"
    assert scene.onlooker.read(f"{segment}/outputs/x") == b"kept\n"
