"""The tables of good and bad objects in tests/data/crd, shared by model tests and server tests."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parents[1] / "data"
SECRET = "TOPSECRET"

KINDS = ("job", "cluster", "fileserver")


@dataclass(frozen=True)
class Case:
    """One row: a spec, and the words with which it must be refused (none = accepted)."""

    kind: str
    name: str
    spec: dict[str, Any]
    says: tuple[str, ...] = ()
    model_says: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class Change:
    """A change of an object that exists already."""

    kind: str
    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    says: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def minimal(kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = _load(f"minimal-{kind}.yaml")
    return spec


def good_cases() -> list[Case]:
    tables = [
        Case(kind, row["name"], merge(minimal(kind), row["set"]))
        for kind in KINDS
        for row in _load(f"good-{kind}s.yaml")
    ]
    return [*tables, *recipe_cases()]


def recipe_cases() -> list[Case]:
    """The recipes' own job files, with what the service's clients filled in."""
    cases = []
    for path in sorted((DATA / "recipes").glob("*/job.json")):
        text = path.read_text().replace("<AZURE_BATCHAI_STORAGE_ACCOUNT>", "myaccount")
        properties = json.loads(text)["properties"]
        cases.append(Case("job", path.parent.name, {**properties, "cluster": {"id": "nc6"}}))
    return cases


def bad_cases() -> list[Case]:
    return [
        Case(
            kind,
            row["name"],
            merge(minimal(kind), row["set"]),
            tuple(row["says"]),
            tuple(row.get("model", row["says"])),
        )
        for kind in KINDS
        for row in _load(f"bad-{kind}s.yaml")
    ]


def changes() -> list[Change]:
    rows = []
    for row in _load("updates.yaml"):
        before = merge(minimal(row["kind"]), row.get("first", {}))
        after = merge(before, row["set"])
        rows.append(Change(row["kind"], row["name"], before, after, tuple(row.get("says", ()))))
    return rows


def _load(name: str) -> Any:
    return yaml.safe_load((DATA / "crd" / name).read_text())
