"""Paths, segments and references in them (spec 3.8, 4)."""

import pytest

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.pods import paths
from batchai_operator.planner.pods.expansion import expand
from batchai_operator.planner.volumes.mounting import plan_volumes
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


def test_references_lead_to_any_other_in_whatever_order():
    found = made(
        environmentVariables=[
            {"name": "BEST", "value": "$AZ_BATCHAI_OUTPUT_MODEL/best"},
            {"name": "EARLY", "value": "$LATE"},
            {"name": "LATE", "value": "/late"},
        ],
        stdOutErrPathPrefix="$AZ_BATCHAI_INPUT_ROOT",
        inputDirectories=[
            {"id": "BEST", "path": "${BEST}/x"},
            {"id": "EARLY", "path": "$EARLY"},
            {"id": "AGAIN", "path": "$AZ_BATCHAI_INPUT_ROOT/in"},
            {"id": "ROOT", "path": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"},
        ],
        outputDirectories=[
            {"id": "FIRST", "pathPrefix": "$AZ_BATCHAI_OUTPUT_MODEL", "pathSuffix": "f"},
            {"id": "MODEL", "pathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs", "pathSuffix": "m"},
        ],
    )
    model = f"{ROOT}/mounts/logs/seg/outputs/m"
    assert dict(found.inputs) == {
        "BEST": f"{model}/best/x",
        "EARLY": "$LATE",
        "AGAIN": f"{ROOT}/mounts/logs/in",
        "ROOT": f"{ROOT}/mounts/logs",
    }
    assert found.stdouterr.path == f"{ROOT}/mounts/logs/seg/stdouterr"
    assert found.outputs[0].path == f"{model}/seg/outputs/f"


@pytest.mark.parametrize("prefix", ["$AZ_BATCHAI_OUTPUT_A", "$AZ_BATCHAI_INPUT_I", "$U"])
def test_a_prefix_that_refers_to_itself_is_named(prefix):
    with pytest.raises(InvalidSpecError, match=r"outputDirectories\[0\].pathPrefix"):
        made(
            environmentVariables=[{"name": "U", "value": "$AZ_BATCHAI_OUTPUT_A"}],
            inputDirectories=[{"id": "I", "path": "$AZ_BATCHAI_OUTPUT_A/x"}],
            outputDirectories=[{"id": "A", "pathPrefix": prefix}],
        )


def test_long_chains_end():
    variables = [{"name": "V0", "value": "/v"}]
    variables += [{"name": f"V{n}", "value": f"$V{n - 1}/"} for n in range(1, 200)]
    inputs = [{"id": f"I{n}", "path": f"$AZ_BATCHAI_INPUT_I{n + 1}"} for n in range(62)]
    found = made(
        environmentVariables=variables,
        inputDirectories=[*inputs, {"id": "I62", "path": "$V199"}],
    )
    assert {path for _, path in found.inputs} == {"/v" + "/" * 199}


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
