"""What the models make of what stands in an object."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from batchai_operator.model.base import to_wire
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.container import ContainerSettings
from batchai_operator.model.job import JobSpec
from batchai_operator.model.kubernetes import Resources
from batchai_operator.model.status import JobStatus
from batchai_operator.model.toolkits import PyTorchSettings
from batchai_operator.model.volumes import AzureFileShare
from support.crd_tables import merge, minimal, recipe_cases


def a_job(**changes: object) -> JobSpec:
    return JobSpec.model_validate(merge(minimal("job"), changes))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("P7D", timedelta(days=7)),
        ("7.00:00:00", timedelta(days=7)),
        ("01:30:00", timedelta(hours=1, minutes=30)),
        ("PT90M", timedelta(minutes=90)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("P2W", timedelta(weeks=2)),
        ("PT0.5S", timedelta(seconds=1)),
    ],
)
def test_a_time_limit_is_read_in_both_notations(text: str, span: timedelta) -> None:
    assert a_job(constraints={"maxWallClockTime": text}).constraints.max_wall_clock_time == span


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1M", "7", "1.2.3", "00:00:00", "P0D", "P1D\n", "P99999D"]
)
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        a_job(constraints={"maxWallClockTime": text})


def test_a_time_limit_is_written_as_the_service_wrote_it() -> None:
    written = to_wire(a_job(constraints={"maxWallClockTime": "1.02:30:00"}).constraints)
    assert written == {"maxWallClockTime": "P1DT2H30M"}


def test_defaults_are_those_of_the_service() -> None:
    job = a_job()
    assert job.constraints.max_wall_clock_time == timedelta(days=7)
    assert (job.scheduling_priority, job.workspace, job.experiment) == (
        "normal",
        "default",
        "default",
    )
    cluster = ClusterSpec.model_validate({"vmSize": "x", "scaleSettings": {"manual": {}}})
    assert to_wire(cluster) == {
        "workspace": "default",
        "vmSize": "X",
        "vmPriority": "dedicated",
        "scaleSettings": {"manual": {"targetNodeCount": 0, "nodeDeallocationOption": "requeue"}},
    }


def test_null_is_as_good_as_absent() -> None:
    """The API server takes nulls away before it looks; a file on its way there may hold them."""
    spec = {**minimal("job"), "workspace": None, "constraints": None, "inputDirectories": None}
    spec["kubernetes"] = {"labels": None, "tolerations": None}
    assert JobSpec.model_validate(spec) == a_job()
    with pytest.raises(ValidationError):
        JobSpec.model_validate({**minimal("job"), "nodeCount": None})


def test_a_whole_number_may_have_a_point() -> None:
    assert a_job(nodeCount=2.0).node_count == 2
    with pytest.raises(ValidationError):
        a_job(nodeCount=2.5)


def test_words_are_kept_in_the_services_spelling() -> None:
    assert a_job(schedulingPriority="HIGH").scheduling_priority == "high"
    settings = PyTorchSettings.model_validate(
        {"pythonScriptFilePath": "x", "communicationBackend": "gloo"}
    )
    assert settings.communication_backend == "Gloo"
    assert ClusterSpec.model_validate({"vmSize": "Standard_NC6"}).vm_size == "STANDARD_NC6"


def test_the_toolkit_of_every_recipe_is_known() -> None:
    types = {case.name: JobSpec.model_validate(case.spec).tool_type for case in recipe_cases()}
    assert types == {
        "CNTK-GPU-Python-Distributed": "cntk",
        "Horovod-Tensorflow": "horovod",
        "TensorFlow-GPU": "tensorflow",
        "TensorFlow-GPU-Distributed": "tensorflow",
    }


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("tensorFlowSettings", {"pythonScriptFilePath": "x"}),
        ("cntkSettings", {"configFilePath": "x"}),
        ("pyTorchSettings", {"pythonScriptFilePath": "x"}),
        ("caffeSettings", {"configFilePath": "x"}),
        ("caffe2Settings", {"pythonScriptFilePath": "x"}),
        ("chainerSettings", {"pythonScriptFilePath": "x"}),
        ("horovodSettings", {"pythonScriptFilePath": "x"}),
        ("customMpiSettings", {"commandLine": "x"}),
        ("customToolkitSettings", {}),
    ],
)
def test_the_toolkit_knows_its_field(field: str, settings: dict[str, object]) -> None:
    job = a_job(**{"customToolkitSettings": None, field: settings})
    assert job.toolkit_field == field


def test_a_cluster_is_named_by_the_last_segment_of_its_id() -> None:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.BatchAI/workspaces/w/clusters/nc6"
    assert a_job(cluster={"id": path}).cluster.name == "nc6"
    assert a_job(cluster={"id": "nc6"}).cluster.name == "nc6"


def test_a_share_tells_its_account_from_its_url() -> None:
    share = AzureFileShare.model_validate(
        {"azureFileUrl": "https://MyAccount.file.core.windows.net/Logs/", "relativeMountPath": "l"}
    )
    assert (share.account, share.share) == ("myaccount", "logs")
    assert share.server == "myaccount.file.core.windows.net"


@pytest.mark.parametrize(
    ("text", "size"),
    [("16gb", 16 << 30), ("512M", 512 << 20), ("1.5k", 1536), ("64", 64), ("2 tb", 2 << 40)],
)
def test_shared_memory_is_read_in_dockers_notation(text: str, size: int) -> None:
    settings = {"shmSize": text, "imageSourceRegistry": {"image": "x"}}
    assert ContainerSettings.model_validate(settings).shm_bytes == size


def test_a_quantity_may_be_a_number() -> None:
    assert Resources.model_validate({"limits": {"cpu": 2}}).limits == {"cpu": "2"}


@pytest.mark.parametrize(
    ("manual", "auto", "limit"),
    [(3, None, 3), (None, 7, 7), (None, None, 0)],
)
def test_a_clusters_limit_is_its_target_or_maximum(
    manual: int | None, auto: int | None, limit: int
) -> None:
    scale: dict[str, object] = {}
    if manual is not None:
        scale = {"manual": {"targetNodeCount": manual}}
    if auto is not None:
        scale = {"autoScale": {"minimumNodeCount": 0, "maximumNodeCount": auto}}
    spec = {"vmSize": "x", **({"scaleSettings": scale} if scale else {})}
    assert ClusterSpec.model_validate(spec).node_limit == limit


def test_a_status_survives_the_way_through_an_object() -> None:
    status = {"executionState": "failed", "executionInfo": {"exitCode": 7}, "attempt": 2}
    assert to_wire(JobStatus.model_validate(status)) == {
        **status,
        "nodes": [],
        "volumeClaims": [],
        "conditions": [],
        "executionInfo": {"exitCode": 7, "errors": []},
    }
