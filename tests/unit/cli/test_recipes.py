"""The public recipes' volumes, inputs and outputs, unchanged but for the account (spec 9).

Each goes through `job create` and then, as the object that was made, through the planner. Toolkits
are not what is tried: one that is not built yet takes nothing from the volumes. Recipes whose
files are not at hand are told by their shape in spec 9.1 and 9.3.
"""

import json
from pathlib import Path

import pytest

from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.pods.build import make_build, storage_notes
from batchai_operator.planner.pods.paths import job_paths, job_root
from batchai_operator.planner.pods.sizes import NodeShare
from batchai_operator.planner.volumes.mounting import plan_volumes
from support.planning import SETTINGS, a_job, facts, launcher_plan

from .objects import cluster

RECIPES = Path(__file__).parents[2] / "data" / "recipes"
LOGS, SCRIPTS, DATA = ("logs", "share"), ("scripts", "share"), ("data", "blob")
EXPECTED = {
    "CNTK-GPU-Python-Distributed": ([LOGS, SCRIPTS], {"MODEL": "outputs"}),
    "Horovod-Tensorflow": ([LOGS, SCRIPTS], {}),
    "TensorFlow-GPU": ([LOGS, SCRIPTS], {}),
    "TensorFlow-GPU-Distributed": (
        [LOGS, SCRIPTS, DATA],
        {"MODEL": "outputs/Models", "TENSORBOARD": "outputs/Logs"},
    ),
}
JOB_LOGS, EXTERNAL = "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs", "$AZ_BATCHAI_MOUNT_ROOT/external"
HELLO = {"commandLine": "echo hi"}


def created(kube, batchai, name):
    """Create a recipe by the old command line, with an account and nothing else."""
    kube.add("batchaiclusters", cluster())
    file = RECIPES / name / "job.json"
    done = batchai(f"job create -n j -c nc6 -f {file} --storage-account-name acct")
    assert done.exit_code == 0, done.stderr
    assert "WARNING: Unknown" not in done.stderr
    return kube.only("batchaijobs")


def test_all_recipes_are_tried():
    assert {path.parent.name for path in RECIPES.glob("*/job.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recipe_as_it_is(kube, batchai, name):
    job = created(kube, batchai, name)
    spec = JobSpec.model_validate(job["spec"])
    root = job_root(job, spec)
    mounts = plan_volumes(spec, None, root, SETTINGS).mounts
    paths = job_paths(job, spec, "a/segment", mounts)
    volumes, outputs = EXPECTED[name]
    assert [(mount.path, mount.kind) for mount in mounts] == [
        (f"{root}/mounts/{path}", kind) for path, kind in volumes
    ]
    assert {mount.account for mount in mounts} == {"acct"}
    assert {mount.secret for mount in mounts} == {"azure-storage-account-acct-secret"}
    logs = f"{root}/mounts/logs/a/segment"
    assert paths.stdouterr.path == f"{logs}/stdouterr"
    assert {output.id: output.path for output in paths.outputs} == {
        id_: f"{logs}/{tail}" for id_, tail in outputs.items()
    }
    assert all(output.mount for output in (paths.stdouterr, *paths.outputs))
    written = json.loads((RECIPES / name / "job.json").read_text())["properties"]
    for section in ("outputDirectories", "stdOutErrPathPrefix"):
        assert job["spec"].get(section) == written.get(section), "nothing is rewritten"


def test_an_input_that_nobody_declared_is_empty(kube, batchai):
    """TensorFlow-GPU-Distributed names it; on the service a shell made nothing of it (spec 9.3)."""
    job = created(kube, batchai, "TensorFlow-GPU-Distributed")
    properties = {key: value for key, value in job["spec"].items() if key != "cluster"}
    pods = plan_job(facts(a_job(customToolkitSettings=None, **properties))).create
    plan = launcher_plan(next(pod for pod in pods if pod["kind"] == "Pod"))
    assert "--data_dir=$AZ_BATCHAI_INPUT_DATASET" in plan["tasks"][-1]["commandLine"]
    variables = {variable["name"] for variable in plan["environment"]}
    assert "AZ_BATCHAI_INPUT_DATASET" not in variables
    assert "AZ_BATCHAI_OUTPUT_MODEL" in variables


def build(mount_volumes, cluster_spec=None, **properties):
    """Return what the planner makes of a recipe's shape."""
    spec = JobSpec.model_validate(
        {
            "cluster": {"id": "c"},
            "nodeCount": 1,
            "customToolkitSettings": HELLO,
            "mountVolumes": mount_volumes,
            **properties,
        }
    )
    job = {"metadata": {"name": "j", "namespace": "ns", "uid": "u"}, "spec": {}}
    return make_build(
        job,
        spec,
        cluster_spec,
        NodeShare({}, {}, 0),
        attempt=1,
        settings=SETTINGS,
        namespace_annotations={},
    )


def share(name):
    url = f"https://acct.file.core.windows.net/{name}"
    return {"azureFileUrl": url, "relativeMountPath": name}


def test_an_output_on_a_volume_that_nothing_mounts():
    """Horovod-PyTorch (spec 9.3): the job runs; its model is on the node, and that is said."""
    made = build(
        {"azureFileShares": [share("logs")]},
        stdOutErrPathPrefix=JOB_LOGS,
        outputDirectories=[{"id": "MODEL", "pathPrefix": EXTERNAL, "pathSuffix": "Models"}],
    )
    (output,) = made.paths.outputs
    assert output.mount is None
    assert output.path.startswith("/mnt/batch/tasks/shared/LS_root/mounts/external/")
    assert output.path.endswith("/u/outputs/Models")
    assert made.paths.local_bases == (output.base,)
    assert "MODEL" in storage_notes(made)["OutputsNotKept"]
    assert "LogsNotKept" not in storage_notes(made)


def test_everything_on_a_share_of_the_cluster():
    """The BrainScript recipes (spec 9.1): share `external`, inputs and output on it."""
    setup = ClusterSpec.model_validate(
        {
            "vmSize": "STANDARD_NC6",
            "scaleSettings": {"manual": {"targetNodeCount": 1}},
            "nodeSetup": {"mountVolumes": {"azureFileShares": [share("external")]}},
        }
    )
    made = build(
        None,
        setup,
        stdOutErrPathPrefix=EXTERNAL,
        inputDirectories=[
            {"id": "DATASET", "path": f"{EXTERNAL}/MNIST_Dataset"},
            {"id": "CONFIG", "path": f"{EXTERNAL}/cntk_config"},
        ],
        outputDirectories=[{"id": "MODEL", "pathPrefix": EXTERNAL, "pathSuffix": "Models"}],
    )
    root = "/mnt/batch/tasks/shared/LS_root/mounts/external"
    assert dict(made.paths.inputs) == {
        "DATASET": f"{root}/MNIST_Dataset",
        "CONFIG": f"{root}/cntk_config",
    }
    assert made.paths.stdouterr.path == f"{root}/{made.paths.segment}/stdouterr"
    assert made.paths.outputs[0].path == f"{root}/{made.paths.segment}/outputs/Models"
    assert [mount.path for mount in made.volumes.mounts] == [root]
    assert not storage_notes(made)


def test_the_notebooks_one_share_and_one_container():
    container = {"accountName": "acct", "containerName": "bfs", "relativeMountPath": "bfs"}
    made = build(
        {"azureFileShares": [share("afs")], "azureBlobFileSystems": [container]},
        stdOutErrPathPrefix="$AZ_BATCHAI_JOB_MOUNT_ROOT/afs",
        inputDirectories=[{"id": "SCRIPT", "path": "$AZ_BATCHAI_JOB_MOUNT_ROOT/bfs/scripts"}],
        outputDirectories=[{"id": "ALL", "pathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/afs"}],
    )
    mounts = f"{made.paths.root}/mounts"
    assert dict(made.paths.inputs) == {"SCRIPT": f"{mounts}/bfs/scripts"}
    assert made.paths.outputs[0].path == f"{mounts}/afs/{made.paths.segment}/outputs"
    assert not storage_notes(made)
