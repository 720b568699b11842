"""The public recipes run unchanged but for account, image and script, which records what it sees.

Volumes, inputs, outputs and arguments are the recipe's own. Where a toolkit is not built yet, the
recorder is a custom toolkit's command line in its place.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchai_devcluster.paths import REPOSITORY
from support.commandline import of_checkout
from support.devcluster import devcluster
from support.scene import Scene

RECIPES = REPOSITORY / "tests" / "data" / "recipes"
RECORDER = """\
import json, os, sys
mounts = os.environ["AZ_BATCHAI_JOB_MOUNT_ROOT"]
for name, folder in os.environ.items():
    if name.startswith("AZ_BATCHAI_OUTPUT_"):
        with open(os.path.join(folder, "by-" + os.environ.get("AZ_BATCHAI_TASK_INDEX", "0")), "w"):
            pass
print(json.dumps({"variables": dict(os.environ), "mounts": sorted(os.listdir(mounts)),
                  "arguments": sys.argv[1:]}))
"""
TOOLKITS = frozenset({"cntkSettings", "horovodSettings", "tensorFlowSettings"})
BUILT = frozenset({"tensorFlowSettings"})


def adapted(name: str, image: str) -> dict[str, Any]:
    """Return a recipe with the image of these tests, and the recorder where the toolkit is not."""
    recipe: dict[str, Any] = json.loads((RECIPES / name / "job.json").read_text())
    properties = recipe["properties"]
    properties["containerSettings"]["imageSourceRegistry"]["image"] = image
    (toolkit,) = properties.keys() & TOOLKITS
    if toolkit not in BUILT:
        settings = properties.pop(toolkit)
        line = f"python3 {settings['pythonScriptFilePath']} {settings.get('commandLineArgs', '')}"
        properties["customToolkitSettings"] = {"commandLine": line}
    if "apt" in properties.get("jobPreparation", {}).get("commandLine", ""):
        properties["jobPreparation"]["commandLine"] = "echo the image has MPI"
    return recipe


@pytest.fixture(scope="module")
def seen(
    scene: Scene, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, Any]]]:
    """What the recorder of each recipe saw; all of them run at a time."""
    batchai, folder = of_checkout(scene, kubeconfig), tmp_path_factory.mktemp("recipes")
    devcluster("storage", "share", "create", "scripts")
    scripts = folder / "scripts"
    for script in (
        "cntk/ConvNet_CIFAR10_DataAug_Distributed.py", "horovod/tensorflow_mnist.py",
        "tensorflow/mnist_replica.py", "tensorflow/convolutional.py",
    ):  # fmt: skip
        (scripts / script).parent.mkdir(parents=True, exist_ok=True)
        (scripts / script).write_text(RECORDER)
    (scripts / "cntk" / "CIFAR-10_data_prepare.sh").write_text(
        "echo prepared > $AZ_BATCHAI_JOB_TEMP/data; cat $AZ_BATCHAI_JOB_TEMP/data\n"
    )
    batchai("storage", "upload", scripts, "--share-name=scripts")
    names = {path.parent.name: path.parent.name.lower() for path in RECIPES.glob("*/job.json")}
    for name, job in names.items():
        file = folder / f"{job}.json"
        file.write_text(json.dumps(adapted(name, scene.node_image)))
        batchai("job", "create", "-n", job, "-c", "d2", "-f", file)
    found = {}
    for name, job in names.items():
        scene.succeed(job, seconds=300)
        log = next(file for file in scene.files(job) if file in {"stdout.txt", "stdout-wk-0.txt"})
        found[name] = json.loads(scene.text(job, log))
    yield found
    for script in ("cntk", "horovod", "tensorflow"):
        devcluster("storage", "rm", f"share/scripts/{script}")


def outputs(scene: Scene, job: str) -> list[str]:
    """Return what lies in a job's output directories, as a third Pod sees it."""
    segment = scene.status(job)["jobOutputDirectoryPathSegment"]
    return [f for f in scene.onlooker.tree(segment) if f.startswith("outputs/")]


def test_the_volumes_are_where_the_scripts_look(seen: dict[str, dict[str, Any]]) -> None:
    assert {name: record["mounts"] for name, record in seen.items()} == {
        "CNTK-GPU-Python-Distributed": ["logs", "scripts"],
        "Horovod-Tensorflow": ["logs", "scripts"],
        "TensorFlow-GPU": ["logs", "scripts"],
        "TensorFlow-GPU-Distributed": ["data", "logs", "scripts"],
    }


def test_distributed_tensorflow(scene: Scene, seen: dict[str, dict[str, Any]]) -> None:
    """Its input was never declared: a shell makes nothing of it, as on the service (spec 9.3)."""
    job = "tensorflow-gpu-distributed"
    record = seen["TensorFlow-GPU-Distributed"]
    variables, arguments = record["variables"], record["arguments"]
    segment = scene.status(job)["jobOutputDirectoryPathSegment"]
    model = f"{variables['AZ_BATCHAI_JOB_MOUNT_ROOT']}/logs/{segment}/outputs/Models"
    assert variables["AZ_BATCHAI_OUTPUT_MODEL"] == model
    assert f"--checkpoint_dir={model}" in arguments
    assert f"--ps_hosts={variables['AZ_BATCHAI_PS_HOSTS']}" in arguments
    assert arguments[-1] == "--data_dir="
    assert "AZ_BATCHAI_INPUT_DATASET" not in variables
    assert outputs(scene, job) == [
        f"outputs/{folder}/by-{index}" for folder in ("Logs", "Models") for index in (0, 1)
    ]


def test_cntk(scene: Scene, seen: dict[str, dict[str, Any]]) -> None:
    job = "cntk-gpu-python-distributed"
    record = seen["CNTK-GPU-Python-Distributed"]
    variables = record["variables"]
    assert record["arguments"] == [
        "--datadir", variables["AZ_BATCHAI_JOB_TEMP"],
        "--outputdir", variables["AZ_BATCHAI_OUTPUT_MODEL"], "-n", "5",
    ]  # fmt: skip
    prepared = [file for file in scene.files(job) if file.startswith("stdout-job_prep")]
    assert [scene.text(job, file) for file in prepared] == ["prepared\n"] * 2
    assert outputs(scene, job) == ["outputs/by-0"]


def test_recipes_without_outputs(scene: Scene, seen: dict[str, dict[str, Any]]) -> None:
    for name in ("TensorFlow-GPU", "Horovod-Tensorflow"):
        variables = seen[name]["variables"]
        assert not [name for name in variables if name.startswith("AZ_BATCHAI_OUTPUT_")]
        assert outputs(scene, name.lower()) == []
