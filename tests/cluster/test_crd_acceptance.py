"""The real API server accepts the good objects and refuses the bad ones in clear words.

The definitions are installed under a group of their own, so that no operator sees the objects and
the cluster's own definitions are left alone.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from batchai_operator.model.kinds import KINDS, build_crd
from batchai_operator.names import GROUP
from support.api import Api, ApiError
from support.crd_tables import SECRET, Case, Change, bad_cases, changes, good_cases, minimal
from support.waiting import wait_until

OWN_GROUP = "acceptance.batchai.example"
KIND_OF = {"job": "BatchAIJob", "cluster": "BatchAICluster"}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Server:
    """The API server, with our kinds under another group."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def path(self, kind: str, name: str = "") -> str:
        collection = f"/apis/{OWN_GROUP}/v1/namespaces/default/batchai{kind}s"
        return f"{collection}/{name}" if name else collection

    def send(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._api.request(method, path, body, kind=kind))
        return answer

    def create(
        self, kind: str, spec: object, *, name: str = "", query: str = "?dryRun=All"
    ) -> dict[str, Any]:
        body = {
            "apiVersion": f"{OWN_GROUP}/v1",
            "kind": KIND_OF[kind],
            "metadata": {"name": name or f"t{uuid.uuid4().hex[:8]}"},
            "spec": spec,
        }
        joint = "&" if query else "?"
        return self.send("POST", f"{self.path(kind)}{query}{joint}fieldValidation=Strict", body)

    def refusal(self, kind: str, spec: object, **options: str) -> str:
        with pytest.raises(ApiError) as caught:
            self.create(kind, spec, **options)
        assert caught.value.code in (400, 422), caught.value
        return caught.value.message


def _own(crd: dict[str, Any]) -> dict[str, Any]:
    own = json.loads(json.dumps(crd))
    own["metadata"]["name"] = f"{own['spec']['names']['plural']}.{OWN_GROUP}"
    own["spec"]["group"] = OWN_GROUP
    # Short names and categories of the cluster's own kinds stay theirs.
    del own["spec"]["names"]["shortNames"], own["spec"]["names"]["categories"]
    return dict(own)


@pytest.fixture(scope="module")
def server(api: Api) -> Iterator[Server]:
    names = []
    for kind in KINDS:
        crd = _own(build_crd(kind))
        names.append(crd["metadata"]["name"])
        api.delete("customresourcedefinitions", names[-1])
        wait_until(
            lambda name=names[-1]: api.find("customresourcedefinitions", name) is None,
            60,
            f"{names[-1]} to be gone",
        )
        api.create("customresourcedefinitions", crd)
    made = Server(api)
    try:
        for kind in ("job", "cluster"):
            wait_until(lambda kind=kind: _is_served(made, kind), 60, f"{kind}s to be served")
        yield made
    finally:
        for name in names:
            api.delete("customresourcedefinitions", name)


def _is_served(server: Server, kind: str) -> bool:
    """Whether objects can be created; the list is served a moment before."""
    try:
        server.create(kind, minimal(kind))
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return True


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
