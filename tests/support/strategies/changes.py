"""Changes of an accepted object, with what design section 2 says about each.

Used by the tests of any input. The statement is written here once more, apart from the rules of the
models, so that a rule which is forgotten there is noticed.
"""

import copy
from typing import Any

from hypothesis import strategies as st

from support.strategies.fromschema import values
from support.strategies.objects import Spec, schema_of, valid_specs

FREE = {"job": ("terminate", "suspend"), "cluster": ("scaleSettings",)}
"""Fields of a spec that may change; besides, `kubernetes.ttlSecondsAfterFinished` of a job."""

_DEFAULTED = {
    "workspace": "default",
    "experiment": "default",
    "schedulingPriority": "normal",
    "vmPriority": "dedicated",
    "constraints": {"maxWallClockTime": "P7D"},
}
"""What the API server writes where nothing is given, so that it can neither come nor go."""


@st.composite
def changed_specs(draw: st.DrawFn, kind: str) -> tuple[Spec, Spec, bool]:
    """Draw (spec before, spec after, whether that may be)."""
    before = draw(valid_specs(kind))
    other = draw(valid_specs(kind))
    after = copy.deepcopy(before)
    for name in draw(st.lists(st.sampled_from(_groups(kind)), min_size=1, max_size=2)):
        _take(after, other, name)
    if kind == "job" and draw(st.booleans()):
        _new_lifetime(draw, after)
    return before, after, _may(kind, before, after)


def _groups(kind: str) -> list[str]:
    """Names of fields; the toolkits change as one, so that the spec stays valid."""
    names = [name for name in schema_of(kind)["properties"] if not _is_bound(name)]
    free = [*FREE[kind]] * 6
    return [*names, *free]


def _is_bound(name: str) -> bool:
    # A toolkit or nodeCount alone might make the spec invalid, whatever the rules on changes say.
    is_toolkit = name.endswith("Settings") and name not in {
        "containerSettings",
        "scaleSettings",
        "userAccountSettings",
    }
    return is_toolkit or name in {"nodeCount", "kubernetes"}


def _take(after: Spec, other: Spec, name: str) -> None:
    after.pop(name, None)
    if name in other:
        after[name] = copy.deepcopy(other[name])


def _new_lifetime(draw: st.DrawFn, after: Spec) -> None:
    schema = schema_of("job")["properties"]["kubernetes"]["properties"]
    kubernetes = after.setdefault("kubernetes", {})
    kubernetes["ttlSecondsAfterFinished"] = draw(values(schema["ttlSecondsAfterFinished"]))


def _may(kind: str, before: Spec, after: Spec) -> bool:
    if before.get("terminate") and not after.get("terminate"):
        return False
    return _fixed(kind, before) == _fixed(kind, after)


def _fixed(kind: str, spec: Spec) -> Any:
    known = set(schema_of(kind)["properties"])
    defaults = {name: value for name, value in _DEFAULTED.items() if name in known}
    kept = {name: value for name, value in spec.items() if name not in FREE[kind]}
    kept = {**copy.deepcopy(defaults), **copy.deepcopy(kept)}
    if kept.get("constraints") == {}:
        kept["constraints"] = defaults["constraints"]
    if kind == "job":
        kubernetes = kept.pop("kubernetes", {})
        kubernetes.pop("ttlSecondsAfterFinished", None)
        kept["kubernetes"] = kubernetes
    _write_defaults(schema_of(kind), kept)
    return kept


def _write_defaults(schema: dict[str, Any], value: Any) -> None:
    """Write what the API server writes into an object that is there."""
    if isinstance(value, list):
        for item in value:
            _write_defaults(schema["items"], item)
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if "default" in child:
                value.setdefault(name, copy.deepcopy(child["default"]))
            if name in value:
                _write_defaults(child, value[name])
