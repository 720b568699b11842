"""Paths, segments and references in them (spec 3.8, 4)."""

import pytest

from batchai_operator.model.job import JobSpec
from batchai_operator.planner import paths
from batchai_operator.planner.expansion import expand
from batchai_operator.planner.volumes import plan_volumes
from support.planning import SETTINGS, a_job

ROOT = "/mnt/batch/tasks/shared/LS_root/jobs/default/default/j"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A/x", "1/x"),
        ("${A}x", "1x"),
        ("$AB", "$AB"),
        ("$$A", "$1"),
        ("$(A)", "$(A)"),
        ("\\$A", "\\1"),
        ("$B", "$A"),
        ("", ""),
        ("$", "$"),
        ("${", "${"),
    ],
)
def test_expansion(text, expected):
    assert expand(text, {"A": "1", "B": "$A"}, "x") == expected


def made(**spec):
    job = a_job(**spec)
    parsed = JobSpec.model_validate(job["spec"])
    mounts = plan_volumes(parsed, None, ROOT, SETTINGS).mounts
    return paths.job_paths(job, parsed, "seg", mounts)


@pytest.mark.parametrize(
    ("prefix", "folder", "kept"),
    [
        ("$AZ_BATCHAI_JOB_MOUNT_ROOT/logs", f"{ROOT}/mounts/logs", True),
        ("${AZ_BATCHAI_JOB_MOUNT_ROOT}/logs/", f"{ROOT}/mounts/logs", True),
        ("$AZ_BATCHAI_JOB_MOUNT_ROOT/logs/deep", f"{ROOT}/mounts/logs/deep", True),
        (f"{ROOT}/mounts/logs", f"{ROOT}/mounts/logs", True),
        ("$AZ_BATCHAI_JOB_MOUNT_ROOT/logs2", f"{ROOT}/mounts/logs2", False),
        ("$AZ_BATCHAI_MOUNT_ROOT", "/mnt/batch/tasks/shared/LS_root/mounts", False),
        ("$AZ_BATCHAI_JOB_TEMP_DIR", ROOT, False),
        ("/var/x", "/var/x", False),
    ],
)
def test_prefixes(prefix, folder, kept):
    output = made(stdOutErrPathPrefix=prefix).stdouterr
    assert output.path == f"{folder}/seg/stdouterr"
    assert (output.mount is not None) is kept


def test_outputs_have_the_level_that_the_documents_forget():
    prefix = "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"
    outputs = made(
        outputDirectories=[
            {"id": "A", "pathPrefix": prefix},
            {"id": "B", "pathPrefix": prefix, "pathSuffix": "Models/x"},
        ]
    ).outputs
    base = f"{ROOT}/mounts/logs/seg/outputs"
    assert [output.path for output in outputs] == [base, f"{base}/Models/x"]


def test_folders_outside_of_the_job_get_a_volume_of_their_own():
    found = made(
        stdOutErrPathPrefix="/var/logs",
        outputDirectories=[
            {"id": "A", "pathPrefix": "/var/logs"},
            {"id": "B", "pathPrefix": "$AZ_BATCHAI_JOB_TEMP"},
        ],
    )
    assert found.local_bases == ("/var/logs/seg",)


def test_user_variables_in_paths():
    found = made(
        environmentVariables=[
            {"name": "BASE", "value": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"},
            {"name": "SUB", "value": "$BASE/sub"},
            {"name": "AZ_BATCHAI_JOB_MOUNT_ROOT", "value": "/elsewhere"},
        ],
        stdOutErrPathPrefix="$SUB",
        inputDirectories=[{"id": "IN", "path": "$AZ_BATCHAI_STDOUTERR_DIR/$NOBODY"}],
    )
    assert found.stdouterr.path == f"{ROOT}/mounts/logs/sub/seg/stdouterr"
    assert found.inputs == (("IN", f"{ROOT}/mounts/logs/sub/seg/stdouterr/$NOBODY"),)


@pytest.mark.parametrize(
    ("annotation", "group"),
    [
        (None, "ns"),
        ("My.Group_1", "My.Group_1"),
        ("a/b", "ns"),
        ("..", "ns"),
        ("", "ns"),
    ],
)
def test_segment(annotation, group):
    job = a_job(name="j", workspace="W", experiment="e_1")
    job["spec"]["name"] = "My_Job"
    spec = JobSpec.model_validate(job["spec"])
    notes = {} if annotation is None else {"batchai.dev/resource-group": annotation}
    uid = job["metadata"]["uid"]
    assert paths.segment(job, spec, SETTINGS, notes) == (
        "00000000-0000-0000-0000-000000000000/"
        f"{group}/workspaces/W/experiments/e_1/jobs/My_Job/{uid}"
    )
    job["status"] = {"jobOutputDirectoryPathSegment": "written/once"}
    assert paths.segment(job, spec, SETTINGS, notes) == "written/once"
