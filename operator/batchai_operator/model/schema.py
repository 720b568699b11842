"""From a model to the structural schema that Kubernetes wants in a CustomResourceDefinition.

Called by kinds.py. The rules of the transformation were measured on a real API server (platform
guide 4.2). Whatever a model says that is not known to work is an error here, so that it is noticed
when the CRDs are generated and not when they are installed.
"""

import re
from typing import Any

from batchai_operator.model.base import Model

_KEPT = frozenset(
    {
        "description",
        "enum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "required",
        "type",
    }
)
_DROPPED = frozenset({"additionalProperties", "propertyNames", "title"})
_VALIDATIONS = "x-kubernetes-validations"
_INT_OR_STRING = "x-kubernetes-int-or-string"


class SchemaError(Exception):
    """A model says something that a CustomResourceDefinition cannot express."""


def structural_schema(model: type[Model]) -> dict[str, Any]:
    """Return the structural schema of a model.

    Args:
        model: the model of `spec` or `status`.

    Returns:
        A schema without references, unions of null, titles and null defaults.

    Raises:
        SchemaError: the model uses a keyword that Kubernetes refuses.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _transform(schema, schema.get("$defs", {}), model.__name__)


def _transform(node: dict[str, Any], defs: dict[str, Any], where: str) -> dict[str, Any]:
    node = _without_references(node, defs)
    result: dict[str, Any] = {}
    for keyword, value in node.items():
        result.update(_transform_keyword(keyword, value, defs, where))
    rules = [*_key_rules(node.get("propertyNames")), *node.get(_VALIDATIONS, [])]
    if rules:
        result[_VALIDATIONS] = rules
    return _as_int_or_string(result) if _INT_OR_STRING in result else result


def _transform_keyword(
    keyword: str,
    value: Any,  # noqa: ANN401 - JSON of any type
    defs: dict[str, Any],
    where: str,
) -> dict[str, Any]:
    match keyword:
        case "description":
            return {keyword: " ".join(value.split())}
        case "const":
            return {"enum": [value]}
        case "default" if value in (None, [], {}):
            return {}
        case "default":
            # Nested defaults apply by themselves once their parent exists.
            return {keyword: {} if isinstance(value, dict) else value}
        case "properties":
            return {
                keyword: {
                    name: _transform(child, defs, f"{where}.{name}")
                    for name, child in value.items()
                }
            }
        case "items" | "additionalProperties" if isinstance(value, dict):
            return {keyword: _transform(value, defs, f"{where}[]")}
        case _ if keyword in _KEPT or keyword.startswith("x-kubernetes-"):
            return {keyword: value}
        case _ if keyword in _DROPPED:
            return {}
        case _:
            raise SchemaError(f"{where}: a CRD cannot express {keyword}")


def _without_references(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Put a definition, or the other half of a union with null, in place of the reference to it.

    What stands beside the reference wins: the field's own description is the better one.
    """
    node = {keyword: value for keyword, value in node.items() if keyword != "$defs"}
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            target = defs[node.pop("$ref").rsplit("/", maxsplit=1)[-1]]
        else:
            choices = [choice for choice in node.pop("anyOf") if choice != {"type": "null"}]
            if len(choices) != 1:
                raise SchemaError("a CRD cannot express a union of types")
            (target,) = choices
        node = {**target, **node}
    return node


def _key_rules(names: dict[str, Any] | None) -> list[dict[str, str]]:
    """Turn conditions on the keys of a map, which a CRD does not have, into rules on the map."""
    if names is None:
        return []
    most = names["maxLength"]
    rules = [
        {
            "rule": f"self.all(key, key.size() <= {most})",
            "message": f"names must have at most {most} characters",
        }
    ]
    for rule in names.get(_VALIDATIONS, []):
        condition = re.sub(r"\bself\b", "key", rule["rule"])
        rules.append({"rule": f"self.all(key, {condition})", "message": f"names {rule['message']}"})
    return rules


def _as_int_or_string(schema: dict[str, Any]) -> dict[str, Any]:
    """Accept numbers beside text, as Kubernetes does for quantities."""
    rules = [
        # No more digits than a quantity that is written as text.
        {**rule, "rule": f"type(self) == int ? self >= 0 && self < {10**18} : ({rule['rule']})"}
        for rule in schema.get(_VALIDATIONS, [])
    ]
    kept = {key: value for key, value in schema.items() if key not in ("type", "minLength")}
    return {
        **kept,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        **({_VALIDATIONS: rules} if rules else {}),
    }
