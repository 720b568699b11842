"""The base of all models: how fields are named, described and checked.

Used by every module of this package. It knows no Batch AI field.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import override

from batchai_operator.model.rules import Rule

_LIST_KEYS = "x-kubernetes-list-map-keys"


class Model(BaseModel):
    """A frozen object with camelCase names on the wire.

    Unknown members are dropped, as the API server prunes them; who wants to name them compares
    before validating. Error texts never contain the input, which may hold a secret.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=False,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Conditions on the object as a whole, held by the API server and by this class."""

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Add the rules for the API server."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.as_schema() for rule in cls.rules]
        return schema

    @model_validator(mode="before")
    @classmethod
    def _read_as_the_server_does(cls, value: object) -> object:
        """Take a member that is null as absent, and 2.0 as the integer that it is."""
        if not isinstance(value, dict):
            return value
        return {name: _whole(member) for name, member in value.items() if member is not None}

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        for rule in self.rules:
            if rule.check is not None and not rule.check(self):
                where = f"{rule.on}: " if rule.on else ""
                raise ValueError(where + rule.explain(self))
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and isinstance(keys := extra.get(_LIST_KEYS), list):
                _hold_unique(str(field.alias), getattr(self, name), str(keys[0]))
        return self


def _whole(value: object) -> object:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _hold_unique(name: str, items: Iterable["Model"], key: str) -> None:
    """Refuse two entries of a list under one key, as the API server does."""
    seen: set[object] = set()
    for item in items:
        value = getattr(item, to_snake(key))
        if value in seen:
            raise ValueError(f"{name}: {key} {value} stands twice; each entry needs its own")
        seen.add(value)


def to_wire(model: Model) -> dict[str, Any]:
    """Return a model as it stands in an object: camelCase, without what is not set."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
