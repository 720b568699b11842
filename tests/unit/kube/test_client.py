"""The adapter: what goes out, what comes back, what an error becomes."""

import asyncio

import pytest

from batchai_operator.engine.ports import CLUSTERS, JOBS, LEASES, NODES, PODS, SECRETS
from batchai_operator.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from batchai_operator.kube.client import KubeClient


def _status(reason, message):
    return {"kind": "Status", "reason": reason, "message": message}


async def test_a_request_names_the_object_and_proves_who_we_are(server, client):
    server.answer({"kind": "Secret"})
    assert await client.get(SECRETS, "s", "ns") == {"kind": "Secret"}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/namespaces/ns/secrets/s")
    assert asked.headers["Authorization"] == "Bearer secret"
    assert asked.headers["User-Agent"] == "batchai-operator"


async def test_cluster_scoped_and_grouped_paths(server, client):
    server.answer({})
    server.answer({})
    server.answer({"items": [], "metadata": {}})
    await client.get(NODES, "n", "ignored")
    await client.get(LEASES, "l", "ns")
    await client.list(JOBS)
    assert [asked.path for asked in server.asked] == [
        "/api/v1/nodes/n",
        "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l",
        "/apis/batchai.dev/v1/batchaijobs",
    ]


async def test_a_name_cannot_leave_its_place_in_the_path(server, client):
    server.answer({})
    await client.get(SECRETS, "../../pods/x", "ns")
    assert server.asked[0].path == "/api/v1/namespaces/ns/secrets/..%2F..%2Fpods%2Fx"


async def test_lists_are_read_to_the_last_page_and_items_know_what_they_are(server, client):
    server.answer({"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "next"}})
    server.answer({"items": [{"metadata": {"name": "b"}}], "metadata": {}})
    found = await client.list(PODS, "ns", labels="a=b", fields="x=y")
    assert [(o["kind"], o["metadata"]["name"]) for o in found] == [("Pod", "a"), ("Pod", "b")]
    first, second = (dict(asked.query) for asked in server.asked)
    assert first == {"limit": "100", "labelSelector": "a=b", "fieldSelector": "x=y"}
    assert second == {**first, "continue": "next"}
    assert client.requests == {("list", "pods"): 2}


async def test_create_can_be_strict_and_dry(server, client):
    server.answer({})
    await client.create(JOBS, {"metadata": {"namespace": "ns"}}, strict=True, dry_run=True)
    (asked,) = server.asked
    assert dict(asked.query) == {
        "fieldManager": "batchai-operator",
        "fieldValidation": "Strict",
        "dryRun": "All",
    }
    assert asked.body == {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAIJob",
        "metadata": {"namespace": "ns"},
    }


async def test_status_is_replaced_as_a_whole_at_the_version_that_was_read(server, client):
    server.answer({})
    obj = {"metadata": {"namespace": "ns", "name": "c", "resourceVersion": "7"}, "spec": {}}
    await client.replace_status(CLUSTERS, obj, {"a": 1})
    (asked,) = server.asked
    assert asked.method == "PUT"
    assert asked.path.endswith("/batchaiclusters/c/status")
    assert asked.body["metadata"]["resourceVersion"] == "7"
    assert asked.body["status"] == {"a": 1}
    assert client.requests == {("update", "batchaiclusters/status"): 1}


async def test_patches_and_applies_say_what_they_are(server, client):
    server.answer({})
    server.answer({})
    await client.patch(SECRETS, "s", "ns", {"data": {}})
    await client.apply(SECRETS, {"metadata": {"name": "s", "namespace": "ns"}})
    assert [asked.headers["Content-Type"] for asked in server.asked] == [
        "application/merge-patch+json",
        "application/apply-patch+yaml",
    ]
    assert dict(server.asked[1].query)["force"] == "true"


@pytest.mark.parametrize(
    ("answer", "grace", "lingers"),
    [
        ({"metadata": {"name": "p", "deletionTimestamp": "now"}}, None, True),
        ({"metadata": {"name": "p", "deletionTimestamp": "now"}}, 0, False),
        ({"metadata": {"deletionTimestamp": "now", "finalizers": ["f"]}}, 0, True),
        ({"kind": "Status", "status": "Success", "metadata": {}}, None, False),
    ],
)
async def test_delete_tells_whether_the_object_lingers(server, client, answer, grace, lingers):
    server.answer(answer)
    left = await client.delete(PODS, "p", "ns", uid="u", grace_seconds=grace)
    assert (left is not None) is lingers
    body = server.asked[0].body
    assert body["preconditions"] == {"uid": "u"}
    assert body.get("gracePeriodSeconds") == grace


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError),
        (401, UnavailableError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, RejectedError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_a_refusal_becomes_our_error_with_the_servers_words(server, client, status, error):
    server.answer(_status("Some", "because of this"), status, {"Retry-After": "3"})
    with pytest.raises(error, match="because of this") as caught:
        await client.get(PODS, "p", "ns")
    if status in {429, 500, 503}:
        assert caught.value.retry_after == 3


async def test_a_server_without_our_kinds_says_what_to_install(server, client):
    server.answer("404 page not found\n", 404)
    with pytest.raises(NotFoundError, match="Install the operator's chart") as caught:
        await client.list(JOBS, "ns")
    assert str(caught.value).startswith("list batchaijobs: ")


async def test_a_proxys_html_is_an_error_too(server, client):
    server.answer("<html>Bad gateway</html>", 502)
    with pytest.raises(UnavailableError, match="Bad gateway"):
        await client.get(PODS, "p", "ns")


async def test_an_answer_that_does_not_come_is_unavailable(server):
    released = asyncio.Event()
    server.before_answer = released.wait
    server.answer({})
    async with KubeClient(server.access(), timeout=0.5) as client:
        with pytest.raises(UnavailableError, match="in time"):
            await client.get(PODS, "p", "ns")
    released.set()


async def test_no_server_is_unavailable(server):
    access = server.access()
    access.configuration.host = "http://127.0.0.1:9"
    async with KubeClient(access, timeout=60) as client:
        with pytest.raises(UnavailableError, match="get pods p"):
            await client.get(PODS, "p", "ns")


async def test_a_repeated_event_counts_up_instead_of_adding_one(server, client):
    job = {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAIJob",
        "metadata": {"name": "j", "namespace": "ns", "uid": "u"},
    }
    server.answer({})
    await client.record(job, "Warning", "Stuck", "x" * 2000)
    server.answer(_status("AlreadyExists", "exists"), 409)
    server.answer({"count": 4})
    server.answer({})
    await client.record(job, "Warning", "Stuck", "x" * 2000)
    first, again, _, counted = server.asked
    assert first.body["metadata"]["name"] == again.body["metadata"]["name"]
    assert len(first.body["message"]) == 1024
    assert first.body["involvedObject"]["uid"] == "u"
    assert counted.method == "PATCH"
    assert counted.body["count"] == 5
