"""Rules that the API server (as CEL) and the models (as Python) hold in the same words.

Used by the models, which declare rules, by base.py, which checks them, and by schema.py, which
writes them into the CRDs. A rule must never put the value of a secret into its message.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from batchai_operator.names import KEY_VARIABLE, PLAN_VARIABLE

_PLACE = re.compile(r"\{([A-Za-z0-9.]+)\}")


@dataclass(frozen=True)
class Rule:
    """A condition on an object.

    Attributes:
        cel: condition that must hold, on `self`.
        message: what is wrong and what to do; `{a.b}` stands for the value of that field, which
            must be present, and no secret, whenever the rule fails.
        check: the same condition in Python; None for a rule on changes, which only the API server
            can see.
        on: field to which the message is attached, such as `workerCount`; empty = the object.
        tells: fields of which the message says at its end which are given.
    """

    cel: str
    message: str
    check: Callable[[Any], bool] | None
    on: str = ""
    tells: tuple[str, ...] = ()

    def explain(self, value: BaseModel) -> str:
        """Return the message with the values of the object that breaks the rule."""
        text = _PLACE.sub(lambda place: str(_look_up(value, place.group(1))), self.message)
        given = [name for name in self.tells if _look_up(value, name) is not None]
        return f"{text}; given: {' '.join(given) or 'none'}" if self.tells else text

    def as_schema(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": _without_values(self.message)}
        if _PLACE.search(self.message) or self.tells:
            entry["messageExpression"] = self._message_expression()
        if self.on:
            entry["fieldPath"] = f".{self.on}"
        return entry

    def _message_expression(self) -> str:
        """Return the message as CEL; `format` is what the API server can estimate the cost of."""
        template = _PLACE.sub("%s", self.message.replace("%", "%%"))
        places = ", ".join(f"self.{path}" for path in _PLACE.findall(self.message))
        if not self.tells:
            return f"{quote(template)}.format([{places}])"
        # Joining a list would cost more than the API server allows for a message.
        given = [f"has(self.{name}) ? ' {name}' : ''" for name in self.tells]
        none = f"{' || '.join(f'has(self.{name})' for name in self.tells)} ? '' : ' none'"
        template += f"; given:{'%s' * (len(given) + 1)}"
        return f"{quote(template)}.format([{', '.join([*filter(None, [places]), *given, none])}])"


def _without_values(message: str) -> str:
    """Return the message that stands where no values can: in the reference, or on an error."""
    return re.sub(r" ?\{[A-Za-z0-9.]+\}", "", message)


def _look_up(value: object, path: str) -> object:
    for name in path.split("."):
        fields = type(value).model_fields if isinstance(value, BaseModel) else {}
        value = getattr(value, next(key for key, field in fields.items() if field.alias == name))
    return value


def quote(text: str) -> str:
    """Return a text as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def frozen_field(name: str, kind: str) -> Rule:
    """Return the rule that a field never changes, comes or goes after creation.

    Args:
        name: the field, as on the wire.
        kind: `job` or `cluster`, for the message.
    """
    return Rule(
        cel=f"has(self.{name}) == has(oldSelf.{name}) && "
        f"(!has(self.{name}) || self.{name} == oldSelf.{name})",
        message=f"{name} cannot be changed after creation; delete the {kind} and create it anew",
        check=None,
        on=name,
    )


def exactly_one(names: tuple[str, ...], message: str) -> Rule:
    """Return the rule that exactly one of some optional fields is given.

    Args:
        names: the fields, as on the wire.
        message: what to do.
    """
    return Rule(
        cel="[" + ", ".join(f"has(self.{name})" for name in names) + "].exists_one(x, x)",
        message=message,
        check=lambda value: sum(_look_up(value, name) is not None for name in names) == 1,
        tells=names,
    )


def at_most_one(names: tuple[str, ...], message: str) -> Rule:
    """Return the rule that at most one of some optional fields is given.

    Args:
        names: the fields, as on the wire.
        message: what to do.
    """
    return Rule(
        cel="[" + ", ".join(f"has(self.{name})" for name in names) + "].filter(x, x).size() < 2",
        message=message,
        check=lambda value: sum(_look_up(value, name) is not None for name in names) < 2,
    )


def refused_secret(name: str, remedy: str) -> Rule:
    """Return the rule that a secret does not stand in the object.

    It stands on the parent, because the API server prints the value of a field that breaks a rule
    of its own (platform guide 4.2).

    Args:
        name: the field that would hold the secret.
        remedy: where to keep it instead.
    """
    return Rule(
        cel=f"!has(self.{name})",
        message=f"{name} must not stand in an object, where everybody who may read it sees it; "
        + remedy,
        check=lambda value: _look_up(value, name) is None,
    )


def must_match(name: str, pattern: str, message: str) -> Rule:
    """Return the rule that a required text matches somewhere, told without its value.

    Args:
        name: the field, as on the wire.
        pattern: regular expression of the kind that RE2 and Python share.
        message: what to do.
    """
    return Rule(
        cel=f"self.{name}.matches({quote(pattern)})",
        message=message,
        check=lambda value: _matches(pattern, value, name),
    )


def must_not_match(name: str, pattern: str, message: str) -> Rule:
    """Return the rule that a required text matches nowhere; see `must_match`."""
    return Rule(
        cel=f"!self.{name}.matches({quote(pattern)})",
        message=message,
        check=lambda value: not _matches(pattern, value, name),
    )


def _matches(pattern: str, value: object, name: str) -> bool:
    return re.search(pattern, str(_look_up(value, name)), re.ASCII) is not None


_OURS = (PLAN_VARIABLE, KEY_VARIABLE, "BATCHAI_POD_IP")

NOT_OURS = Rule(
    cel=f"!(self.name in [{', '.join(map(quote, _OURS))}])",
    message="name {name} is a variable of the operator's own; choose another name",
    check=lambda value: value.name not in _OURS,
)
"""A variable of a job is none of those by which its Pods are told what to do."""
