"""Asks model, API server and planner about the same object, and compares what they say.

Used by the tests of any input. Where the three may differ on purpose stands in `expected_of_server`
and nowhere else.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from batchai_operator.cli.documents.unknown import drop_unknown
from batchai_operator.planner.clusters.cluster import plan_cluster
from batchai_operator.planner.facts import ClusterFacts, Object, SecretFacts
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.secrets import secrets_needed
from batchai_operator.planner.reasons import explain
from support.api import ApiError
from support.crd_server import Server
from support.planning import NOW, SETTINGS, a_cluster, a_job, facts
from support.strategies.objects import MODELS, Spec, schema_of

AT_A_TIME = 8


@dataclass(frozen=True)
class Verdict:
    """What somebody says about an object: the words of a refusal, or nothing."""

    refusal: str = ""
    children: tuple[Object, ...] = ()

    @property
    def accepts(self) -> bool:
        return not self.refusal


def ask_model(kind: str, spec: Spec, *, strict: bool = True) -> Verdict:
    """What our own code says: unknown members by name when `strict`, and the model."""
    known, unknown = drop_unknown(MODELS[kind], spec)
    try:
        MODELS[kind].model_validate(known)
    except ValidationError as error:
        return Verdict(explain(error))
    return Verdict(f"{unknown[0]}: unknown" if unknown and strict else "")


def ask_planner(
    kind: str, spec: Spec, cluster: Spec | None = None, *, namespace: str = "ns"
) -> Verdict:
    """What becomes of an object whose cluster, nodes and Secrets are all there."""
    if kind == "cluster":
        whole = {**a_cluster(), "spec": spec}
        plan = plan_cluster(ClusterFacts(cluster=whole, jobs=(), settings=SETTINGS, now=NOW))
        status = plan.status or {}
        return Verdict(status["message"] if status["provisioningState"] == "failed" else "")
    # What a person stops is no matter of validity.
    going = {n: v for n, v in spec.items() if n not in {"terminate", "suspend"} or v is not True}
    job = {**a_job("any"), "spec": going}
    job["metadata"] = {**job["metadata"], "namespace": namespace}
    there = a_cluster(nodes=1000)
    if cluster is not None:
        there["spec"] = {**cluster, "vmSize": "STANDARD_D2"}
    made = plan_job(facts(job, cluster=there, secrets=_all_secrets(job, there)))
    info = (made.status or {}).get("executionInfo") or {}
    return Verdict(json.dumps(info["errors"]) if info.get("errors") else "", made.create)


def _all_secrets(job: Object, cluster: Object) -> dict[str, SecretFacts | None]:
    keys = {"azurestorageaccountname", "azurestorageaccountkey", ".dockerconfigjson"}
    given = job["spec"].get("secrets") if isinstance(job["spec"], dict) else ()
    for entry in given if isinstance(given, list) else ():
        reference = entry.get("secretKeyRef") if isinstance(entry, dict) else None
        if isinstance(reference, dict) and isinstance(reference.get("key"), str):
            keys.add(reference["key"])
    return {name: SecretFacts(name, frozenset(keys)) for name in secrets_needed(job, cluster)}


def expected_of_server(kind: str, model_says: Verdict, spec: Spec) -> bool:
    """Whether the server should accept: what the model accepts, but for the differences named here.

    - A member that nobody knows and that is null: the service's own files are full of members that
      say nothing, and whoever reads them drops these; the server's strict reading names them.
    - A bound of autoScale written as `2.0`: the server takes it for the integer that it is, and
      then cannot evaluate the rule that compares the two.
    """
    return model_says.accepts and not _has_unknown_null(kind, spec) and not _compares_points(spec)


def _has_unknown_null(kind: str, spec: Spec) -> bool:
    def filled(value: object) -> Any:
        if isinstance(value, dict):
            return {name: filled(member) for name, member in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return 0 if value is None else value

    return bool(drop_unknown(MODELS[kind], filled(spec))[1])


def _compares_points(spec: Spec) -> bool:
    scale = spec.get("scaleSettings")
    auto = scale.get("autoScale") if isinstance(scale, dict) else None
    bounds = ("minimumNodeCount", "maximumNodeCount")
    return isinstance(auto, dict) and any(isinstance(auto.get(name), float) for name in bounds)


@cache
def _field_names(kind: str) -> frozenset[str]:
    found: set[str] = set()

    def collect(schema: dict[str, Any]) -> None:
        for name, child in schema.get("properties", {}).items():
            found.add(name)
            collect(child)
        if isinstance(schema.get("items"), dict):
            collect(schema["items"])

    collect(schema_of(kind))
    return frozenset(found)


def names_a_field(kind: str, refusal: str) -> bool:
    """Whether a refusal says where to look: a field of the schema, or the unknown one."""
    if "unknown" in refusal:
        return True
    return bool(set(re.findall(r"\w+", refusal)) & _field_names(kind))


def ask_server(server: Server, kind: str, spec: Spec) -> Verdict:
    """What the real API server says to a creation; anything but yes and no is an error."""
    try:
        server.create(kind, spec, name="any")
    except ApiError as error:
        if error.code in (400, 422):
            return Verdict(error.message)
        raise
    return Verdict()


def ask_server_all(server: Server, kind: str, specs: Sequence[Spec]) -> list[Verdict]:
    """Ask about many specs, several at a time over connections that are kept."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda spec: ask_server(server, kind, spec), specs))


def smallest(spec: Spec, still: Callable[[Spec], bool], most: int = 300) -> Spec:
    """Return the spec without all that does not matter to what `still` looks at."""
    tries, changed = 0, True
    while changed:
        changed = False
        for smaller in _smaller(spec):
            tries += 1
            if tries > most:
                return spec
            if still(smaller):
                spec, changed = smaller, True
                break
    return spec


def _smaller(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key in value:
            yield {name: child for name, child in value.items() if name != key}
        for key, child in value.items():
            yield from ({**value, key: less} for less in _smaller(child))
    elif isinstance(value, list):
        if len(value) > 2:
            yield value[: len(value) // 2]
        for at, child in enumerate(value):
            yield value[:at] + value[at + 1 :]
            yield from ([*value[:at], less, *value[at + 1 :]] for less in _smaller(child))
    elif isinstance(value, str) and len(value) > 1:
        half = len(value) // 2
        yield from (value[:half], value[half:])
