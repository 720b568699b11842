"""Jobs of two nodes: TensorFlow's variables and files (spec 3.4, 4.5), preparation, failures."""

import json
from typing import Any

import pytest

from support.api import Raw
from support.objects import LOGS, a_cluster, a_job
from support.scene import Scene

LS_ROOT = "/mnt/batch/tasks/shared/LS_root"
SCRIPT = """
import json, os, sys, time
role, wanted = sys.argv[1], sys.argv[2:]
seen = {"arguments": sys.argv[1:], "variables": dict(os.environ), "cwd": os.getcwd()}
seen["hostfile"] = open(os.environ["AZ_BATCHAI_MPI_HOST_FILE"]).read()
shared = os.environ["AZ_BATCHAI_SHARED_JOB_TEMP"]
open(os.path.join(shared, role + os.environ["AZ_BATCHAI_TASK_INDEX"]), "w").close()
json.dump(seen, sys.stdout)
sys.stdout.flush()
if role == "ps":
    time.sleep(3600)
deadline = time.time() + 60
while len(os.listdir(shared)) < 3 and time.time() < deadline:
    time.sleep(0.2)
sys.exit(0 if len(os.listdir(shared)) == 3 else 9)
"""
# The second worker fails once the first, on the other node, has written its line. A process that
# was only just starting when the job failed would be stopped before it could write anything.
FAILING = """
import os, sys, time
print("here", flush=True)
written = os.path.join(os.environ["AZ_BATCHAI_STDOUTERR_DIR"], "written")
second = os.environ["AZ_BATCHAI_TASK_INDEX"] == "1"
if sys.argv[1] == "worker" and not second:
    open(written, "w").close()
deadline = time.time() + 120
while second and not os.path.exists(written) and time.time() < deadline:
    time.sleep(0.1)
if second:
    sys.exit(7)
time.sleep(600)
"""


def tensorflow(scene: Scene, name: str, script: str, **properties: Any) -> Raw:
    """Return a job of 1 parameter server and 2 workers that run a script from the share."""
    file = f"tests/{scene.namespace}/{name}.py"
    scene.onlooker.run("mkdir", "-p", f"/share/tests/{scene.namespace}")
    scene.onlooker.run("sh", "-c", f"cat >/share/{file} <<'END'\n{script}\nEND\n")
    settings = {
        "pythonScriptFilePath": f"{LOGS}/{file}",
        "pythonInterpreterPath": "python3",
        "masterCommandLineArgs": "worker $AZ_BATCHAI_WORKER_HOSTS",
        "workerCommandLineArgs": "worker $AZ_BATCHAI_WORKER_HOSTS",
        "parameterServerCommandLineArgs": "ps $AZ_BATCHAI_PS_HOSTS",
        "parameterServerCount": 1,
        "workerCount": 2,
    }
    return a_job(name, scene.namespace, nodeCount=2, tensorFlowSettings=settings, **properties)


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene) -> None:
    scene.submit(a_cluster("nc6", scene.namespace, nodes=2, size="Standard_NC6"))
    preparation = {"commandLine": "hostname"}
    scene.submit(tensorflow(scene, "show", SCRIPT, cluster="nc6", jobPreparation=preparation))
    scene.submit(tensorflow(scene, "failing", FAILING))


@pytest.fixture(scope="module")
def seen(scene: Scene, _jobs: None) -> dict[str, Any]:
    """What each task saw, by its name."""
    scene.succeed("show", seconds=180)
    return {
        task: json.loads(scene.text("show", f"stdout-{task}.txt"))
        for task in ("ps-0", "wk-0", "wk-1")
    }


def test_files_of_every_task_and_node(scene: Scene, seen: dict[str, Any]) -> None:
    first, second = (node["nodeId"] for node in scene.status("show")["nodes"])
    expected = {f"{kind}-{task}.txt" for kind in ("stdout", "stderr") for task in seen}
    for node in (first, second):
        expected |= {
            f"execution-{node}.log",
            f"stdout-job_prep-{node}.txt",
            f"stderr-job_prep-{node}.txt",
        }
    assert set(scene.files("show")) == expected


def test_addresses_and_ports(scene: Scene, seen: dict[str, Any]) -> None:
    first, second = (node["ipAddress"] for node in scene.status("show")["nodes"])
    pods = [pod["status"]["podIP"] for pod in scene.pods("show")]
    assert [first, second] == pods
    for task in seen.values():
        variables = task["variables"]
        assert variables["AZ_BATCHAI_PS_HOSTS"] == f"{first}:2222"
        assert variables["AZ_BATCHAI_WORKER_HOSTS"] == f"{first}:2223,{second}:2222"
        assert variables["AZ_BATCH_HOST_LIST"] == f"{first},{second}"
        assert variables["AZ_BATCH_NODE_LIST"] == f"{first};{second}"
        lines = task["hostfile"].splitlines()
        assert [line.split()[0] for line in lines] == [first, second]
    # The shell expands the variables of a command line as the tasks see them.
    assert seen["wk-1"]["arguments"] == ["worker", f"{first}:2223,{second}:2222"]
    assert seen["ps-0"]["arguments"] == ["ps", f"{first}:2222"]


def test_tf_config(scene: Scene, seen: dict[str, Any]) -> None:
    first, second = (node["ipAddress"] for node in scene.status("show")["nodes"])
    for name, kind, index in (("ps-0", "ps", 0), ("wk-0", "worker", 0), ("wk-1", "worker", 1)):
        config = json.loads(seen[name]["variables"]["TF_CONFIG"])
        assert list(config) == ["cluster", "task", "environment"]
        assert config == {
            "cluster": {"ps": [f"{first}:2222"], "worker": [f"{first}:2223", f"{second}:2222"]},
            "task": {"type": kind, "index": index},
            "environment": "cloud",
        }
        assert seen[name]["variables"]["AZ_BATCHAI_TASK_INDEX"] == str(index)


def test_gpus_are_the_workers(seen: dict[str, Any]) -> None:
    assert seen["ps-0"]["variables"]["CUDA_VISIBLE_DEVICES"] == ""
    assert seen["wk-0"]["variables"]["AZ_BATCHAI_NUM_GPUS"] == "1"
    assert seen["wk-1"]["variables"].get("CUDA_VISIBLE_DEVICES") != ""


def test_master_node_and_folders(seen: dict[str, Any]) -> None:
    home = f"{LS_ROOT}/jobs/default/default/show"
    masters = {
        name: task["variables"]["AZ_BATCH_IS_CURRENT_NODE_MASTER"] for name, task in seen.items()
    }
    assert masters == {"ps-0": "true", "wk-0": "true", "wk-1": "false"}
    for task in seen.values():
        assert task["cwd"] == f"{home}/wd"
        assert task["variables"]["AZ_BATCHAI_SHARED_JOB_TEMP"] == f"{home}/shared"


def test_parameter_server_is_stopped_and_does_not_count(scene: Scene, seen: object) -> None:
    status = scene.status("show")
    assert status["toolType"] == "tensorflow"
    assert status["executionInfo"]["exitCode"] == 0


def test_the_first_failure_ends_the_job(scene: Scene) -> None:
    info = scene.fail("failing", "JobFailed", seconds=180)
    assert info["exitCode"] == 7
    # The other worker would have slept for ten minutes.
    assert scene.text("failing", "stdout-wk-0.txt") == "here\n"
    assert scene.text("failing", "stdout-wk-1.txt") == "here\n"
