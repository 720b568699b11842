"""What a document says that is nothing to send: members unset or unknown to the models. Pure.

Called before a document is sent. The service and its command line printed null for every member
without a value (spec 1.7) and sent none of them (spec 6.3). The old deserialiser dropped unknown
members in silence, which hid typing errors; here each one is named.
"""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel


def drop_unknown(model: type[BaseModel], data: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Remove what a model does not know and what is null, at any depth.

    Args:
        model: the model of the whole document.
        data: the document; it is not changed.

    Returns:
        The document without those members, and the paths of the unknown ones that said something,
        such as `mountVolumes.azureFileShares[0].label`.
    """
    dropped: list[str] = []
    said = {name: _without_nulls(value) for name, value in data.items() if value is not None}
    return _clean(model, said, "", dropped), dropped


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _clean(
    model: type[BaseModel], data: dict[str, Any], path: str, dropped: list[str]
) -> dict[str, Any]:
    known = {(field.alias or name): field.annotation for name, field in model.model_fields.items()}
    cleaned: dict[str, Any] = {}
    for name, value in data.items():
        where = f"{path}.{name}" if path else name
        if name in known:
            cleaned[name] = _clean_value(known[name], value, where, dropped)
        else:
            dropped.append(where)
    return cleaned


def _clean_value(annotation: object, value: object, path: str, dropped: list[str]) -> object:
    models = list(_models_in(annotation))
    # A free-form member, or a union that cannot be told apart without validating: keep it whole.
    if len(models) != 1:
        return value
    if isinstance(value, dict) and not _is_mapping(annotation):
        return _clean(models[0], value, path, dropped)
    if isinstance(value, list):
        return [
            _clean(models[0], item, f"{path}[{index}]", dropped) if isinstance(item, dict) else item
            for index, item in enumerate(value)
        ]
    return value


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _is_mapping(annotation: object) -> bool:
    """Whether the members of a dict are named by the user, as in `dict[str, Model]`."""
    origin = getattr(annotation, "__origin__", None)
    return origin is dict or any(
        getattr(argument, "__origin__", None) is dict for argument in get_args(annotation)
    )
