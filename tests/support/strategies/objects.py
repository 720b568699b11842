"""Specs of jobs and clusters: what the schema accepts, put right where fields depend on each other.

Used by the tests of any input. What is put right here is what the rules of the models say about
several fields at once; a spec from here is nearly always accepted, one after mutations.py seldom.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.job import JobSpec
from batchai_operator.model.jobrules import TOOLKITS
from batchai_operator.model.schema import structural_schema
from support.strategies.fromschema import Schema, values
from support.strategies.mutations import mutated

Spec = dict[str, Any]

MODELS = {"job": JobSpec, "cluster": ClusterSpec}
_SUPPORTED = ("tensorFlowSettings", "customToolkitSettings")
_KINDS = (
    "azureFileShares",
    "azureBlobFileSystems",
    "fileServers",
    "unmanagedFileSystems",
    "persistentVolumeClaims",
)


@cache
def schema_of(kind: str) -> Schema:
    """Return the schema of `spec` of a kind, as the API server has it."""
    return structural_schema(MODELS[kind])


@st.composite
def valid_specs(draw: st.DrawFn, kind: str, *, plannable: bool = False) -> Spec:
    """Draw a spec that should be accepted.

    Args:
        draw: of hypothesis.
        kind: `job` or `cluster`.
        plannable: without what this version of the operator refuses to run.
    """
    spec: Spec = draw(_drawn(kind))
    if kind == "job":
        _one_toolkit(draw, spec, _SUPPORTED if plannable else TOOLKITS)
    else:
        spec.setdefault("scaleSettings", {"manual": {}})
    _repair(spec)
    if plannable:
        _only_what_is_built(spec, kind)
    return spec


@cache
def _drawn(kind: str) -> st.SearchStrategy[Spec]:
    schema = schema_of(kind)
    rest = {n: p for n, p in schema["properties"].items() if n not in TOOLKITS}
    return values({**schema, "properties": rest})


@st.composite
def any_specs(draw: st.DrawFn, kind: str) -> Spec:
    """Draw a spec that is valid or spoilt in one to three places."""
    spec = draw(valid_specs(kind))
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3)))):
        spec = draw(mutated(schema_of(kind), spec))
    return spec


def _one_toolkit(draw: st.DrawFn, spec: Spec, names: tuple[str, ...]) -> None:
    name = draw(st.sampled_from(names))
    settings = draw(values(schema_of("job")["properties"][name]))
    spec[name] = settings
    if name == "tensorFlowSettings":
        nodes = spec["nodeCount"]
        if "workerCount" in settings:
            settings["workerCount"] = min(settings["workerCount"], 4 * nodes)
        if "parameterServerCount" in settings:
            most = nodes if nodes > 1 or settings.get("workerCount", 1) > 1 else 0
            settings["parameterServerCount"] = min(settings["parameterServerCount"], most)
    if name in ("cntkSettings", "caffeSettings"):
        files = ("configFilePath", "pythonScriptFilePath")
        if not any(file in settings for file in files):
            settings[files[0]] = "a"
        if all(file in settings for file in files):
            del settings[files[0]]
        if files[1] not in settings:
            settings.pop("pythonInterpreterPath", None)
        if "languageType" in settings:
            settings["languageType"] = "Python" if files[1] in settings else "BrainScript"


def _repair(value: Any) -> None:
    """Put right what several fields say together, wherever it stands."""
    if isinstance(value, list):
        for item in value:
            _repair(item)
    if not isinstance(value, dict):
        return
    for name, child in value.items():
        _repair(child)
        if name in _REPAIRS:
            _REPAIRS[name](child)
    _one_source(value)


def _sensible_tolerations(items: list[Spec]) -> None:
    for item in items:
        if "key" not in item:
            item["operator"] = "Exists"
        if item.get("operator") == "Exists":
            item.pop("value", None)
        if "tolerationSeconds" in item:
            item["effect"] = "NoExecute"


def _sensible_profile(profile: Spec) -> None:
    profile.pop("localhostProfile", None)
    if profile["type"] == "Localhost":
        profile["localhostProfile"] = "a/b.json"


def _own_ids(items: list[Spec]) -> None:
    items[:] = [item for item in items if item["id"].lower() != "stdouterr"]


def _own_paths(volumes: Spec) -> None:
    taken: set[str] = set()
    for kind in _KINDS:
        for item in volumes.get(kind, ()):
            if item["relativeMountPath"] in taken:
                item["relativeMountPath"] = f"own{len(taken)}"
            taken.add(item["relativeMountPath"])
            if "mountCommand" in item:
                item["mountCommand"] = "mount -t nfs nas:/data"
            if "server" in item:
                item["server"] = f"{item['accountName']}.blob.core.windows.net"
            if "azureFileUrl" in item and "accountName" in item:
                item["accountName"] = item["azureFileUrl"].split("/")[2].split(".")[0].lower()


def _one_scale(scale: Spec) -> None:
    if len(scale) != 1:
        scale.pop("manual", None)
        if not scale:
            scale["manual"] = {}
    auto = scale.get("autoScale")
    if auto:
        auto["minimumNodeCount"] = min(auto["minimumNodeCount"], auto["maximumNodeCount"])


def _one_source(value: Spec) -> None:
    """Keep one of several ways to name a secret, and add one where it is needed."""
    ways = ("accountKeySecretReference", "secretRef", "workloadIdentity", "managedIdentity")
    for way in [way for way in ways if way in value][1:]:
        del value[way]
    for vault, ref in (
        ("accountKeySecretReference", "secretRef"),
        ("passwordSecretReference", "secretRef"),
        ("valueSecretReference", "secretKeyRef"),
        ("instrumentationKeySecretReference", "secretKeyRef"),
    ):
        if vault in value and ref in value:
            del value[vault]
    if "passwordSecretReference" in value:
        value.setdefault("username", "me")
    for name, entry in value.items():
        items = entry if isinstance(entry, list) else [entry]
        if name in ("secrets", "appInsightsReference"):
            for item in items:
                if not {"secretKeyRef", "valueSecretReference"} & set(item) and (
                    "instrumentationKeySecretReference" not in item
                ):
                    item["secretKeyRef"] = {"name": "a", "key": "b"}


def _only_what_is_built(spec: Spec, kind: str) -> None:
    volumes = (spec if kind == "job" else spec.get("nodeSetup", {})).get("mountVolumes", {})
    # These are waited for; the rest of them is as other volumes.
    volumes.pop("fileServers", None)
    for item in volumes.get("unmanagedFileSystems", ()):
        item["mountCommand"] = "mount -t nfs nas:/data -o ro"
        item.pop("credentials", None)
    for item in volumes.get("azureBlobFileSystems", ()):
        if item.get("protocol") == "nfs":
            item.pop("mountOptions", None)
    if kind == "job":
        spec["cluster"] = {"id": "c"}
        spec["nodeCount"] = min(spec["nodeCount"], 3)
        spec["stdOutErrPathPrefix"] = "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"
    _without_vaults(spec)


def _without_vaults(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _without_vaults(item)
    if isinstance(value, dict):
        if value.pop("valueSecretReference", None):
            value["secretKeyRef"] = {"name": "a", "key": "b"}
        value.pop("accountKeySecretReference", None)
        value.pop("managedIdentity", None)
        if value.pop("passwordSecretReference", None) or "username" in value:
            value["secretRef"] = {"name": "a"}
        for child in value.values():
            _without_vaults(child)


_REPAIRS: dict[str, Callable[[Any], None]] = {
    "mountVolumes": _own_paths,
    "scaleSettings": _one_scale,
    "outputDirectories": _own_ids,
    "tolerations": _sensible_tolerations,
    "seccompProfile": _sensible_profile,
}
"""What is put right below a field of this name, wherever it stands."""
