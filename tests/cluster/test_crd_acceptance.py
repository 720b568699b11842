"""The real API server accepts the good objects and refuses the bad ones in clear words."""

import json
from collections.abc import Iterator

import pytest

from batchai_operator.model.definitions import build_crd
from batchai_operator.model.kinds import KINDS
from batchai_operator.names import GROUP
from support.api import Api, ApiError
from support.crd_server import Server, own_definitions
from support.crd_tables import SECRET, Case, Change, bad_cases, changes, good_cases, minimal

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def server(api: Api) -> Iterator[Server]:
    with own_definitions(api) as made:
        yield made


@pytest.mark.parametrize("case", good_cases(), ids=str)
def test_a_good_object_is_accepted(server: Server, case: Case) -> None:
    made = server.create(case.kind, case.spec)
    assert SECRET not in json.dumps(made)


@pytest.mark.parametrize("case", bad_cases(), ids=str)
def test_a_bad_object_is_refused_with_field_value_and_remedy(server: Server, case: Case) -> None:
    message = server.refusal(case.kind, case.spec)
    for words in case.says:
        assert words in message
    assert SECRET not in message


@pytest.mark.parametrize("change", changes(), ids=str)
def test_only_what_may_change_changes(server: Server, change: Change) -> None:
    name = server.create(change.kind, change.before, query="")["metadata"]["name"]
    path = server.path(change.kind, name)
    try:
        present = server.send("GET", path)
        body = {**present, "spec": change.after}
        if change.says:
            with pytest.raises(ApiError) as caught:
                server.send("PUT", path, body)
            for words in change.says:
                assert words in caught.value.message
        else:
            server.send("PUT", path, body)
    finally:
        server.send("DELETE", path)


@pytest.mark.parametrize("field", ["toolType", "nodeCounts"])
def test_an_unknown_field_is_refused_by_name(server: Server, field: str) -> None:
    message = server.refusal("job", {**minimal("job"), field: "x"})
    assert f'unknown field "spec.{field}"' in message


@pytest.mark.parametrize("name", ["a" * 53, "1job", "my.job"])
def test_a_name_that_no_service_can_have_is_refused(server: Server, name: str) -> None:
    message = server.refusal("job", minimal("job"), name=name)
    assert "metadata.name of a job must consist of at most 52" in message
    assert "put the Batch AI name into spec.name" in message


def test_a_long_but_legal_name_is_accepted(server: Server) -> None:
    server.create("job", minimal("job"), name="a" * 52)
    server.create("cluster", minimal("cluster"), name="1" * 52)


def test_defaults_are_written_by_the_server(server: Server) -> None:
    spec = server.create("job", minimal("job"))["spec"]
    assert spec["constraints"] == {"maxWallClockTime": "P7D"}
    assert (spec["schedulingPriority"], spec["workspace"], spec["experiment"]) == (
        "normal",
        "default",
        "default",
    )


def test_the_largest_job_is_within_what_rules_may_cost(server: Server) -> None:
    """The server stops rules that take too long; lists at their bounds must not come near."""
    many = range(32)
    spec = {
        **minimal("job"),
        "nodeCount": 256,
        "mountVolumes": {
            "azureFileShares": [
                {
                    "azureFileUrl": f"https://myaccount.file.core.windows.net/share{index}",
                    "relativeMountPath": f"{'a/' * 100}share{index}",
                }
                for index in many
            ],
            "azureBlobFileSystems": [
                {
                    "accountName": "myaccount",
                    "containerName": f"container{index}",
                    "relativeMountPath": f"{'a/' * 100}container{index}",
                    "mountOptions": "-o x " * 400,
                }
                for index in many
            ],
            "persistentVolumeClaims": [
                {"claimName": f"claim{index}", "relativeMountPath": f"{'a/' * 100}claim{index}"}
                for index in many
            ],
        },
        "environmentVariables": [
            {"name": f"{'V' * 200}{index}", "value": "x" * 1000} for index in range(256)
        ],
        "secrets": [
            {"name": f"S{index}", "secretKeyRef": {"name": "s", "key": "k"}} for index in range(128)
        ],
        "outputDirectories": [
            {"id": f"O{index}", "pathPrefix": "/x", "pathSuffix": "a/" * 500} for index in range(64)
        ],
    }
    made = server.create("job", spec, query="")
    path = server.path("job", made["metadata"]["name"])
    try:
        made["spec"]["suspend"] = True
        server.send("PUT", path, made)
    finally:
        server.send("DELETE", path)


def test_a_cluster_is_resized_by_kubectl_scale(server: Server) -> None:
    spec = {**minimal("cluster"), "scaleSettings": {"manual": {"targetNodeCount": 1}}}
    name = server.create("cluster", spec, query="")["metadata"]["name"]
    path = server.path("cluster", name)
    try:
        patch = {"spec": {"replicas": 3}}
        server.send("PATCH", f"{path}/scale", patch, kind="application/merge-patch+json")
        present = server.send("GET", path)["spec"]
        assert present["scaleSettings"]["manual"]["targetNodeCount"] == 3
    finally:
        server.send("DELETE", path)


def test_jobs_are_selected_by_state(server: Server) -> None:
    name = server.create("job", minimal("job"), query="")["metadata"]["name"]
    path = server.path("job", name)
    try:
        state = {"status": {"executionState": "running"}}
        server.send("PATCH", f"{path}/status", state, kind="application/merge-patch+json")
        for wanted, found in (("running", [name]), ("failed", [])):
            query = f"?fieldSelector=status.executionState={wanted}"
            items = server.send("GET", server.path("job") + query)["items"]
            assert [item["metadata"]["name"] for item in items] == found
    finally:
        server.send("DELETE", path)


def test_the_definitions_in_the_repository_are_those_tested(api: Api) -> None:
    for kind in KINDS:
        query = "?dryRun=All&fieldManager=acceptance&force=true"
        path = f"{CRDS}/{kind.plural}.{GROUP}{query}"
        answer = api.request("PATCH", path, build_crd(kind), kind="application/apply-patch+yaml")
        assert json.loads(answer)["spec"]["group"] == GROUP
