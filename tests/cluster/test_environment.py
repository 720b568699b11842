"""The variables of spec 3.2 as a job of one node sees them, name by name."""

import json
from typing import Any

import pytest

from support.objects import LOGS, a_container, a_job
from support.scene import Scene

LS_ROOT = "/mnt/batch/tasks/shared/LS_root"
SECRET = "hush $AZ_BATCHAI_JOB_TEMP"
PRINT = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"


@pytest.fixture(scope="module")
def variables(scene: Scene) -> dict[str, Any]:
    """What a job with inputs, outputs, variables and secrets finds in its environment."""
    scene.api.create(
        "secrets",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "mine", "namespace": scene.namespace},
            "stringData": {"token": SECRET},
        },
    )
    job = a_job(
        "variables",
        scene.namespace,
        f"python3 -c '{PRINT}'",
        containers=[a_container("data")],
        inputDirectories=[{"id": "DATA", "path": "$AZ_BATCHAI_JOB_MOUNT_ROOT/data/in"}],
        outputDirectories=[
            {"id": "MODEL", "pathPrefix": LOGS, "pathSuffix": "Models"},
            {"id": "ALL", "pathPrefix": f"{LOGS}/"},
        ],
        environmentVariables=[
            {"name": "PLAIN", "value": "text with  blanks"},
            {"name": "POINTING", "value": "$AZ_BATCHAI_OUTPUT_MODEL/best"},
            {"name": "AZ_BATCHAI_JOB_TEMP", "value": "reserved names win"},
        ],
        secrets=[{"name": "TOKEN", "secretKeyRef": {"name": "mine", "key": "token"}}],
    )
    scene.submit(job)
    scene.succeed("variables")
    printed: dict[str, Any] = json.loads(scene.text("variables", "stdout.txt"))
    return printed


def test_every_variable_of_the_service(scene: Scene, variables: dict[str, Any]) -> None:
    home = f"{LS_ROOT}/jobs/default/default/variables"
    segment = scene.status("variables")["jobOutputDirectoryPathSegment"]
    logs = f"{home}/mounts/logs/{segment}"
    expected = {
        "AZ_BATCHAI_MOUNT_ROOT": f"{LS_ROOT}/mounts",
        "AZ_BATCHAI_JOB_MOUNT_ROOT": f"{home}/mounts",
        "AZ_BATCHAI_INPUT_DATA": f"{home}/mounts/data/in",
        "AZ_BATCHAI_OUTPUT_MODEL": f"{logs}/outputs/Models",
        "AZ_BATCHAI_OUTPUT_ALL": f"{logs}/outputs",
        "AZ_BATCHAI_STDOUTERR_DIR": f"{logs}/stdouterr",
        "AZ_BATCHAI_JOB_TEMP": home,
        "AZ_BATCHAI_SHARED_JOB_TEMP": f"{home}/shared",
        "AZ_BATCHAI_MPI_HOST_FILE": f"{home}/hostfile",
        "AZ_BATCHAI_NUM_GPUS": "0",
        "AZ_BATCHAI_ROOT": LS_ROOT,
        "AZ_BATCHAI_JOB_WORK_DIR": f"{home}/wd",
        "AZ_BATCHAI_CLUSTER_NAME": "d2",
        "PLAIN": "text with  blanks",
        "POINTING": f"{logs}/outputs/Models/best",
        "PYTHONUNBUFFERED": "1",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert variables["PWD"] == f"{home}/wd"


def test_secrets_are_neither_expanded_nor_logged(scene: Scene, variables: dict[str, Any]) -> None:
    assert variables["TOKEN"] == SECRET
    assert "hush" not in scene.text("variables", "execution.log")
    assert "hush" not in json.dumps([scene.job("variables"), *scene.pods("variables")])


def test_nothing_of_ours_leaks_in(variables: dict[str, Any]) -> None:
    assert not [name for name in variables if name.startswith("BATCHAI_")]
    # The kubelet always names the API server; of the namespace's services nothing is told.
    hosts = [name for name in variables if name.endswith("_SERVICE_HOST")]
    assert hosts == ["KUBERNETES_SERVICE_HOST"]


def test_folders_exist_before_the_job(scene: Scene, variables: dict[str, Any]) -> None:
    folders = " ".join(
        f'"${name}"'
        for name in sorted(variables)
        if name.startswith(("AZ_BATCHAI_OUTPUT", "AZ_BATCHAI_SHARED", "AZ_BATCHAI_STDOUTERR"))
    )
    command = (
        f"for f in {folders} .; do test -w $f && test -d $f || echo $f; done; "
        "ls -d /var/run/secrets/kubernetes.io || true"
    )
    outputs = [{"id": "MODEL", "pathPrefix": LOGS}, {"id": "ALL", "pathPrefix": LOGS}]
    scene.submit(a_job("folders", scene.namespace, command, outputDirectories=outputs))
    scene.succeed("folders")
    assert scene.text("folders", "stdout.txt") == ""
