"""Values: documented one by one, refused when wrong, and listed in the reference."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import CHART

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "values.md"


def leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names and defaults; a documented map such as `resources` is one value."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}{name}"
        nested = isinstance(value, dict) and value and path != "resources"
        found.update(leaves(value, f"{path}.") if nested else {path: value})
    return found


def comments() -> dict[str, str]:
    """The `# --` comment over each value, by dotted name."""
    found: dict[str, str] = {}
    comment: list[str] = []
    parents: list[tuple[int, str]] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        if match := re.match(r"\s*# (-- )?(.*)", line):
            comment = [match[2]] if match[1] else [*comment, match[2]]
        elif match := re.match(r"(\s*)([A-Za-z]+):", line):
            depth = len(match[1])
            parents = [parent for parent in parents if parent[0] < depth] + [(depth, match[2])]
            if comment:
                found[".".join(name for _, name in parents)] = " ".join(comment)
            comment = []
    return found


def reference() -> str:
    values = leaves(yaml.safe_load((CHART / "values.yaml").read_text()))
    lines = [
        "# Values of the chart",
        "",
        "Generated from `charts/batchai-operator/values.yaml` by",
        "`UPDATE_REFERENCE=1 make test-unit`; do not edit.",
        "",
        "| value | default | meaning |",
        "|---|---|---|",
    ]
    told = comments()
    lines += [
        f"| `{name}` | `{json.dumps(value)}` | {told[name]} |" for name, value in values.items()
    ]
    return "\n".join(lines) + "\n"


def test_every_value_is_documented():
    values = leaves(yaml.safe_load((CHART / "values.yaml").read_text()))
    assert set(comments()) == set(values)


def test_the_reference_is_up_to_date():
    if os.environ.get("UPDATE_REFERENCE"):
        REFERENCE.write_text(reference())
    assert REFERENCE.read_text() == reference(), "run UPDATE_REFERENCE=1 make test-unit"


def test_the_schema_knows_exactly_the_values():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("lunch=noon", "'lunch' not allowed"),
        ("scope=galaxy", "/scope"),
        ("watchNamespace=team", "/watchNamespace"),
        ("replicas=many", "/replicas"),
        ("vmSizes.standard_nc6.cpu=1", "at '/vmSizes': additional properties 'standard_nc6'"),
        ("vmSizes.STANDARD_NC6.cpu=fast", "/vmSizes/STANDARD_NC6"),
        ("nodeImages.ubuntu=x", "at '/nodeImages': additional properties 'ubuntu' not allowed"),
        ("subscriptionId=me", "/subscriptionId"),
        ("launcher.tag=1", "'tag' not allowed"),
        ("autoStorage.backend=nfs", "/autoStorage/backend"),
        ("autoStorage.backend=account", "/autoStorage/account/secret"),
        ("autoStorage.backend=storageClass", "/autoStorage/share/storageClass"),
        ("autoStorage.account.namespaces={Team}", "/autoStorage/account/namespaces"),
        ("serviceAccount.create=false", "serviceAccount.name is needed"),
    ],
)
def test_wrong_values_are_refused_by_name(refusal, value, complaint):
    assert complaint in refusal(value)
