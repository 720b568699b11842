"""Any object: model, API server and planner agree on what is valid, and nothing crashes.

In short a few hundred objects; with `--full` 10,000 (`make anyinput`). What they disagree about is
made as small as it goes before it is shown.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.agreement import (
    AT_A_TIME,
    ask_model,
    ask_planner,
    ask_server,
    ask_server_all,
    expected_of_server,
    names_a_field,
    smallest,
)
from support.api import Api, ApiError
from support.crd_server import Server, own_definitions
from support.strategies.changes import changed_specs
from support.strategies.drawing import draw_all
from support.strategies.objects import any_specs, valid_specs

SHORT = {"job": 240, "cluster": 120}
FULL = {"job": 7000, "cluster": 3000}
MOST_SHOWN = 5


@pytest.fixture(scope="module")
def server(api: Api) -> Iterator[Server]:
    with own_definitions(api) as made:
        yield made


@pytest.fixture(scope="module", params=["job", "cluster"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_made_from_the_schema_is_valid(server: Server, kind: str, full: bool) -> None:
    """Else the objects below would all be refused for the same dull reason."""
    specs = draw_all(valid_specs(kind), (SHORT[kind] if full else SHORT[kind] // 6))
    refused = [says.refusal for says in ask_server_all(server, kind, specs) if not says.accepts]
    assert refused == []


@pytest.mark.timeout(1500)
def test_all_agree_on_what_is_valid(server: Server, kind: str, full: bool) -> None:
    specs = draw_all(any_specs(kind), FULL[kind] if full else SHORT[kind], number=1)
    answers = ask_server_all(server, kind, specs)
    found: dict[str, str] = {}
    nameless = []
    for spec, server_says in zip(specs, answers, strict=True):
        model_says = ask_model(kind, spec)
        planner_says = ask_planner(kind, spec)
        assert (
            planner_says.accepts
            or not ask_model(kind, spec, strict=False).accepts
            or (names_a_field(kind, planner_says.refusal))
        ), planner_says
        nameless += [
            says.refusal
            for says in (server_says, model_says)
            if not says.accepts and not names_a_field(kind, says.refusal)
        ]
        if (
            expected_of_server(kind, model_says, spec) != server_says.accepts
            and len(found) < MOST_SHOWN
        ):
            small = smallest(
                spec,
                lambda less, was=server_says: (  # type: ignore[misc]
                    ask_server(server, kind, less).accepts == was.accepts
                    and expected_of_server(kind, ask_model(kind, less), less) != was.accepts
                ),
            )
            found[json.dumps(small)] = (
                f"server: {ask_server(server, kind, small)}\nmodel: {ask_model(kind, small)}"
            )
    assert not nameless, nameless[:MOST_SHOWN]
    assert not found, "\n".join(f"{spec}\n{says}" for spec, says in found.items())
    accepted = sum(says.accepts for says in answers)
    # Neither side may have said the same to everything.
    assert len(specs) // 5 < accepted < len(specs) * 9 // 10, accepted


@pytest.mark.timeout(1500)
def test_changes_of_what_is_fixed_are_refused(server: Server, kind: str, full: bool) -> None:
    """Of a job, terminate (one way), suspend and TTL change; of a cluster, its scale (design 2)."""
    pairs = draw_all(changed_specs(kind), (1200 if full else 60), number=2)

    def ask(pair: tuple[int, tuple[dict[str, Any], dict[str, Any], bool]]) -> str:
        number, (before, after, allowed) = pair
        name = f"c{kind}{number}"
        made = server.create(kind, before, name=name, query="")
        try:
            server.send("PUT", server.path(kind, name) + "?dryRun=All", {**made, "spec": after})
            refusal = ""
        except ApiError as error:
            refusal = error.message
        finally:
            server.send("DELETE", server.path(kind, name))
        if bool(refusal) == (not allowed) and (not refusal or names_a_field(kind, refusal)):
            return ""
        return f"{before}\n{after}\nallowed {allowed}: {refusal}"

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        wrong = [text for text in pool.map(ask, enumerate(pairs)) if text]
    assert not wrong, "\n".join(wrong[:MOST_SHOWN])
    assert 0 < sum(pair[2] for pair in pairs) < len(pairs)


@pytest.mark.timeout(1500)
def test_pods_of_what_is_valid_are_accepted(api: Api, full: bool, namespace: str) -> None:
    """The planner makes no Pod that the API server refuses, amounts of resources apart."""
    jobs = draw_all(valid_specs("job", plannable=True), 800 if full else 60, number=3)
    clusters = draw_all(valid_specs("cluster", plannable=True), len(jobs), number=3)
    pods = []
    for job, cluster in zip(jobs, clusters, strict=True):
        kubernetes = job.get("kubernetes", {})
        for name in ("serviceAccountName", "priorityClassName"):
            # These must exist; whether they do is not what is asked here.
            kubernetes.pop(name, None)
        says = ask_planner("job", job, cluster, namespace=namespace)
        pods += [child for child in says.children if child["kind"] == "Pod"][:1]
    assert len(pods) > len(jobs) // 2

    def ask(pod: dict[str, Any]) -> str:
        path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict"
        # The owner is not there; the garbage collector is not what is asked here either.
        body = {**pod, "metadata": {**pod["metadata"], "ownerReferences": []}}
        try:
            api.request("POST", path, body)
        except ApiError as error:
            return "" if _is_about_amounts(error.message) else f"{error}\n{json.dumps(pod)[:3000]}"
        return ""

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        refused = [text for text in pool.map(ask, pods) if text]
    assert not refused, f"{len(refused)} of {len(pods)}\n" + "\n".join(refused[:MOST_SHOWN])


def _is_about_amounts(message: str) -> bool:
    """Requests over limits, parts of a GPU: the job ends with these very words."""
    parts = message.split("spec.")[1:]
    return bool(parts) and all(".resources" in part.split(":")[0] for part in parts)
