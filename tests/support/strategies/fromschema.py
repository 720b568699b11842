"""Valid objects, made from nothing but the schema of a CustomResourceDefinition.

Used by objects.py, which adds what holds between fields. So every field that a model has is tried,
also one that is added tomorrow. Shapes of texts are read back from the CEL rules of the schema.
"""

import re
from functools import cache
from typing import Any

from hypothesis import strategies as st

from support.strategies.drawing import draw_all

Schema = dict[str, Any]

_MATCHES = re.compile(r"self\.matches\('((?:[^'\\]|\\.)*)'\)")
_WORDS = re.compile(r"self\.lowerAscii\(\) in \[([^\]]*)\]")
_NO_PLACEHOLDER = re.compile(r"<[A-Za-z][\w -]*>", re.ASCII)


_POOL = 60
"""Texts of one shape: making one by its shape costs more than the rest of an object."""

_MADE: dict[int, tuple[Schema, st.SearchStrategy[Any]]] = {}


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Return values that the schema accepts, rules between fields apart."""
    # Kept with its schema, whose identity is the key; making a strategy costs more than drawing.
    if id(schema) not in _MADE:
        _MADE[id(schema)] = (schema, _values(schema))
    return _MADE[id(schema)][1]


def _values(schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 64), texts(schema))
    match schema.get("type"):
        case "object" if "additionalProperties" in schema:
            return _maps(schema)
        case "object":
            return _objects(schema)
        case "array":
            return _lists(schema)
        case "string":
            return texts(schema)
        case "integer":
            least, most = schema.get("minimum", 0), schema.get("maximum", 2**31 - 1)
            near = st.integers(least, min(most, least + 3))
            return st.one_of(near, near, st.integers(least, most))
        case "boolean":
            return st.booleans()
        case other:
            raise AssertionError(f"a type that nobody thought of: {other}")


def is_secret(schema: Schema) -> bool:
    """Tell whether this is a field for a secret, which may only be absent."""
    return str(schema.get("description", "")).startswith("Refused")


def map_keys(schema: Schema) -> list[str]:
    """Return the fields by which the entries of a list are told apart."""
    return list(schema.get("x-kubernetes-list-map-keys", ()))


def _objects(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    parts = {
        name: values(child) for name, child in schema["properties"].items() if not is_secret(child)
    }
    required = {name: parts[name] for name in schema.get("required", ())}
    optional = {name: part for name, part in parts.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def _lists(schema: Schema) -> st.SearchStrategy[list[Any]]:
    keys = map_keys(schema)
    unique = (lambda item: tuple(item[key] for key in keys)) if keys else None
    return st.lists(
        values(schema["items"]),
        min_size=schema.get("minItems", 0),
        max_size=min(3, schema["maxItems"]),
        unique_by=unique,
    )


def _maps(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    shapes = [
        _unquoted(found)
        for rule in schema.get("x-kubernetes-validations", ())
        for found in re.findall(r"key\.matches\('((?:[^'\\]|\\.)*)'\)", rule["rule"])
    ]
    keys = _from_shape(shapes[-1]) if shapes else st.text(max_size=8)
    return st.dictionaries(keys, values(schema["additionalProperties"]), max_size=2)


def texts(schema: Schema) -> st.SearchStrategy[str]:
    """Return texts of the shape that the schema asks for."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
    rules = [rule["rule"] for rule in schema.get("x-kubernetes-validations", ())]
    for rule in rules:
        words = _WORDS.search(rule)
        if words:
            return _any_case(re.findall(r"'([^']*)'", words.group(1)))
    if "pattern" in schema:
        return _from_shape(schema["pattern"])
    shapes = [_unquoted(found) for rule in rules for found in _MATCHES.findall(rule)]
    whole = [shape for shape in shapes if shape.startswith("^")]
    if not whole:
        return st.text(min_size=least, max_size=min(most, 30))
    made = _from_shape(whole[-1]).filter(lambda text: least <= len(text) <= most)
    if any("'[1-9]'" in rule for rule in rules):
        made = made.filter(lambda text: bool(re.search("[1-9]", text)) and text[-1] != "T")
    return made.filter(lambda text: not _NO_PLACEHOLDER.search(text))


@cache
def _from_shape(shape: str) -> st.SearchStrategy[str]:
    # RE2 knows ASCII only; its `$` is the very end.
    inner = shape.removeprefix("^").removesuffix("$")
    shaped = st.from_regex(re.compile(inner, re.ASCII), fullmatch=True)
    return st.sampled_from(draw_all(shaped, _POOL))


def _any_case(words: list[str]) -> st.SearchStrategy[str]:
    spelled = [st.sampled_from((word, word.upper(), word.title(), word.lower())) for word in words]
    return st.one_of(spelled)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found.group(1) == "n" else found.group(1), text)
