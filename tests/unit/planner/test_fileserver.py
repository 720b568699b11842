"""The plan of a file server: what is made, and what the status says at each step of its life."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from batchai_operator.planner.facts import FileServerFacts
from batchai_operator.planner.fileservers.children import deployment
from batchai_operator.planner.fileservers.fileserver import LOOK_AGAIN_SECONDS, plan_file_server
from batchai_operator.planner.specs import file_server_spec
from batchai_operator.settings import Settings

NOW = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
SETTINGS = Settings(file_server_image="server:1")


def facts(status: dict[str, Any] | None = None, **spec: Any) -> FileServerFacts:
    server = {
        "metadata": {"name": "fs", "namespace": "ns", "uid": f"u-{spec}", "generation": 1},
        "spec": spec or {"storage": {"size": "1Gi"}},
        "status": status or {},
    }
    return FileServerFacts(
        server=server, claim=None, service=None, deployment=None, settings=SETTINGS, now=NOW
    )


def running(base: FileServerFacts, status: dict[str, Any]) -> FileServerFacts:
    """Add a bound claim, a Service with an address, and the Deployment that was planned."""
    made = deployment(base.server, file_server_spec(base.server), SETTINGS)
    return replace(
        base,
        claim={"status": {"phase": "Bound"}},
        service={"spec": {"clusterIP": "10.96.0.7"}},
        deployment={**made, "status": status},
    )


def ready(plan: Any) -> tuple[str, str]:
    found = {entry["type"]: entry for entry in plan.status["conditions"]}
    return found["Ready"]["status"], found["Ready"]["reason"]


def test_a_server_gets_claim_service_and_deployment():
    plan = plan_file_server(facts(storage={"size": "5Gi", "storageClassName": "fast"}))
    assert [child["kind"] for child in plan.create] == ["PersistentVolumeClaim", "Service"]
    claim = plan.create[0]["spec"]
    assert claim["resources"] == {"requests": {"storage": "5Gi"}}
    assert claim["storageClassName"] == "fast"
    (made,) = plan.apply
    pod = made["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "server:1"
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "fileserver-fs"}
    assert plan.status["provisioningState"] == "creating"


def test_where_none_may_be_run_nothing_is_made_and_it_is_said():
    base = facts(storage={"size": "5Gi"})
    plan = plan_file_server(replace(base, settings=Settings(file_server_image="")))
    assert (plan.create, plan.apply) == ((), ())
    assert ready(plan) == ("False", "NotPermitted")
    assert "fileServer.enabled" in plan.status["message"]
    endpoint = facts(nfs={"server": "10.0.0.4", "path": "/data"})
    allowed = plan_file_server(replace(endpoint, settings=Settings(file_server_image="")))
    assert ready(allowed) == ("True", "Endpoint")


def test_disks_say_the_size_and_a_named_claim_is_not_made():
    by_disks = plan_file_server(facts(dataDisks={"diskSizeInGB": 10, "diskCount": 3}))
    assert by_disks.create[0]["spec"]["resources"]["requests"]["storage"] == "30Gi"
    named = plan_file_server(facts(storage={"claimName": "disk"}))
    assert [child["kind"] for child in named.create] == ["Service"]
    assert named.requeue_after == LOOK_AGAIN_SECONDS
    assert ready(named) == ("False", "ClaimNotFound")


def test_no_capability_is_asked_for_but_those_that_are_explained():
    (made,) = plan_file_server(facts()).apply
    security = made["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"]
    assert "SYS_ADMIN" not in security["capabilities"]["add"]
    assert not security["allowPrivilegeEscalation"]
    assert "privileged" not in security


def test_it_is_ready_when_its_pod_is_and_nothing_is_made_twice():
    plan = plan_file_server(running(facts(), {"readyReplicas": 1}))
    assert (plan.create, plan.apply) == ((), ())
    assert plan.status["provisioningState"] == "succeeded"
    assert plan.status["mountSettings"] == {
        "fileServerInternalIP": "10.96.0.7",
        "mountPoint": "/data",
    }
    assert ready(plan) == ("True", "Serving")
    assert [event.reason for event in plan.events] == ["Serving"]
    again = running(facts(plan.status), {"readyReplicas": 1})
    assert plan_file_server(again).status is None


def test_a_restart_does_not_take_back_what_has_succeeded():
    before = plan_file_server(running(facts(), {"readyReplicas": 1})).status
    plan = plan_file_server(running(facts(before), {}))
    assert plan.status["provisioningState"] == "succeeded"
    assert plan.status["mountSettings"] == before["mountSettings"]
    assert ready(plan) == ("False", "Restarting")


@pytest.mark.parametrize(
    ("condition", "state", "reason"),
    [
        (
            {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"},
            "creating",
            "Forbidden",
        ),
        (
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
            "failed",
            "NotStarting",
        ),
    ],
)
def test_what_keeps_the_pod_from_starting_is_told(condition, state, reason):
    plan = plan_file_server(running(facts(), {"conditions": [condition]}))
    assert plan.status["provisioningState"] == state
    assert ready(plan) == ("False", reason)
    assert plan.status["conditions"][1]["type"] == "Stalled"
    assert plan.events[0].type == "Warning"


def test_another_image_replaces_the_deployment():
    made = running(facts(), {"readyReplicas": 1})
    newer = replace(made, settings=Settings(file_server_image="server:2"))
    (wanted,) = plan_file_server(newer).apply
    assert wanted["spec"]["template"]["spec"]["containers"][0]["image"] == "server:2"


def test_a_spec_that_is_none_fails():
    plan = plan_file_server(facts(nfs={"server": "s", "path": "/d"}, storage={"size": "1Gi"}))
    assert plan.status["provisioningState"] == "failed"
    assert "only one of nfs" in plan.status["message"]
    assert (plan.create, plan.apply) == ((), ())
