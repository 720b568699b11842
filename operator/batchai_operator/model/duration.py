"""Time spans in the two notations that the service's clients used (spec 2.5).

Used by job.py as the type of a field.
"""

import re
from datetime import timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from batchai_operator.model.rules import quote


class Duration:
    """A time span, written as ISO 8601 (`P7D`) or as the service's clients did (`7.00:00:00`).

    The numbers of digits keep it below 292 years, which is what a clock in nanoseconds can count.
    """

    _ISO = (
        r"P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?"
        r"(?:(\d{1,9})(?:\.\d{1,9})?S)?)?)"
    )
    _DOTTED = r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d{1,9})?"
    _REMEDY = (
        "must be a time span above zero, as ISO 8601 (P7D, PT1H30M) or d.hh:mm:ss (7.00:00:00)"
    )

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept text, and a `timedelta` as it is."""
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(_iso)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both notations; a span needs at least one digit other than zero."""
        shape = quote(f"^(?:{self._ISO}|{self._DOTTED})$")
        rule = f"self.matches({shape}) && self.matches('[1-9]') && !self.endsWith('T')"
        return {
            "type": "string",
            "maxLength": 64,
            "x-kubernetes-validations": [{"rule": rule, "message": self._REMEDY}],
        }

    def _read(self, value: object) -> timedelta:
        if isinstance(value, timedelta):
            return value
        if not isinstance(value, str):
            raise ValueError(self._REMEDY)  # noqa: TRY004 - pydantic turns it into its own error
        iso = re.fullmatch(self._ISO, value, re.ASCII)
        dotted = re.fullmatch(self._DOTTED, value, re.ASCII)
        if iso and not value.endswith("T"):
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        elif dotted:
            weeks = 0
            days, hours, minutes, seconds = (int(part or 0) for part in dotted.groups())
        else:
            raise ValueError(self._REMEDY)
        if not re.search("[1-9]", value):
            raise ValueError(self._REMEDY)
        span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        # Fractions are dropped: the limit is enforced by whole seconds, one at least.
        return max(span, timedelta(seconds=1))


def _iso(span: timedelta) -> str:
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    time = "".join(
        f"{number}{unit}"
        for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S"))
        if number
    )
    days = f"{span.days}D" if span.days else ""
    return f"P{days}{'T' + time if time else ''}" if days or time else "PT0S"
