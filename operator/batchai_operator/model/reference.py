"""The reference pages of the kinds, written from the same schema as the CRDs.

Called by generate.py. A page has one table of fields per part of the object, in the order of the
models.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchai_operator.model.definitions import build_crd
from batchai_operator.model.kinds import Kind
from batchai_operator.names import API_VERSION

_VALIDATIONS = "x-kubernetes-validations"
_FIXED = "cannot be changed after creation"

_LEGEND = """\
Fields marked * are required. Letter case does not matter where a list of words is given.
A field that says *Refused* is known, so that old files are understood, but must be absent."""


@dataclass(frozen=True)
class _Row:
    field: str
    type: str
    required: bool
    schema: dict[str, Any]


def write_reference(kind: Kind) -> str:
    """Return the reference page of a kind, as Markdown.

    Args:
        kind: the kind.
    """
    schema = build_crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    parts = schema["properties"]
    short = ", ".join(f"`{name}`" for name in kind.short)
    lines = [
        f"# {kind.kind}",
        "",
        "<!-- Generated from the models by `make generate`; do not edit. -->",
        "",
        f"{kind.about} `apiVersion: {API_VERSION}`, short name {short}, category `batchai`.",
        "",
        f"{_sentence(schema[_VALIDATIONS][0]['message'])}",
        "",
        _LEGEND,
        "",
        "## spec",
        "",
        parts["spec"]["description"],
        "",
        *_table(parts["spec"]),
        "",
        "### Rules",
        "",
        "Held by the API server on every write, and by the `batchai` command before it sends.",
        "",
        *_rules(parts["spec"]),
        "",
        "## status",
        "",
        parts["status"]["description"],
        "",
        *_table(parts["status"]),
    ]
    return "\n".join(lines) + "\n"


def _table(schema: dict[str, Any]) -> list[str]:
    rows = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    for row in _rows(schema, ""):
        star = " *" if row.required else ""
        default = row.schema.get("default")
        shown = "" if default is None or isinstance(default, dict) else f"`{_literal(default)}`"
        meaning = row.schema.get("description", "") + _bounds(row.schema)
        rows.append(f"| `{row.field}`{star} | {row.type} | {shown} | {_cell(meaning)} |")
    return rows


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[_Row]:
    for name, child in schema.get("properties", {}).items():
        field = f"{prefix}{name}"
        yield _Row(field, _type_of(child), name in schema.get("required", ()), child)
        if child.get("type") == "array":
            yield from _rows(child["items"], f"{field}[].")
        else:
            yield from _rows(child, f"{field}.")


def _type_of(schema: dict[str, Any]) -> str:
    match schema:
        case {"type": "array", "items": items}:
            return f"list of {_type_of(items)}s"
        case {"type": "object", "additionalProperties": values}:
            return f"map of {_type_of(values)}s"
        case {"format": "date-time"}:
            return "time"
        case {"type": kind}:
            return str(kind)
        case _:
            return "quantity"


def _bounds(schema: dict[str, Any]) -> str:
    facts: list[str] = []
    if "minimum" in schema and "maximum" in schema:
        facts.append(f"{schema['minimum']} to {schema['maximum']}")
    elif "minimum" in schema:
        facts.append(f"{schema['minimum']} at least")
    if "maxItems" in schema:
        facts.append(f"{schema['maxItems']} entries at most")
    if "pattern" in schema:
        words = re.sub(r"^\(\?i\)\^\((.*)\)\$$", r"\1", schema["pattern"]).split("|")
        facts.append("one of " + ", ".join(words))
    if schema.get("type") == "string":
        facts += [rule["message"] for rule in schema.get(_VALIDATIONS, [])]
    return f" ({'; '.join(facts)})" if facts else ""


def _rules(schema: dict[str, Any]) -> Iterator[str]:
    for where, rules in _rules_of_objects(schema, "spec"):
        messages = [rule["message"] for rule in rules if _FIXED not in rule["message"]]
        fixed = [rule["fieldPath"].lstrip(".") for rule in rules if _FIXED in rule["message"]]
        for message in messages:
            yield f"- `{where}`: {message}."
        if fixed:
            yield f"- `{where}`: fixed at creation: {', '.join(f'`{name}`' for name in fixed)}."


def _rules_of_objects(
    schema: dict[str, Any], where: str
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    if schema.get("type") in ("object", "array") and schema.get(_VALIDATIONS):
        yield where, schema[_VALIDATIONS]
    for name, child in schema.get("properties", {}).items():
        yield from _rules_of_objects(child, f"{where}.{name}")
    if "items" in schema:
        yield from _rules_of_objects(schema["items"], f"{where}[]")


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
