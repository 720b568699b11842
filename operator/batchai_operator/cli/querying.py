"""`--query`: JMESPath on what a command shows, printed as az printed it.

Called by options.py, which reads the query, and session.py, which applies it. It knows no column: a
query says itself what is to be seen.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from batchai_operator.cli.rendering import Column, harmless, render, table

_KEY = "batchai.query"


class Query:
    """A compiled query; its errors are wrong usage."""

    def __init__(self, text: str) -> None:
        """Compile the text."""
        import jmespath  # noqa: PLC0415 (few queries are asked)

        try:
            self._compiled: Any = jmespath.compile(text)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--query") from None

    def search(self, found: object) -> object:
        """Return what the query finds."""
        try:
            return self._compiled.search(found)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--query") from None


def remember_query(context: click.Context, _: click.Parameter, text: str | None) -> None:
    """Compile the query before anything is done, and keep it for `show`."""
    if text:
        context.meta[_KEY] = Query(text)


def asked_query() -> Query | None:
    """Return the query of the command that runs."""
    context = click.get_current_context(silent=True)
    return context.meta.get(_KEY) if context else None


def render_queried(found: object, form: str) -> str:
    """Render what a query found.

    Args:
        found: anything that JSON can hold.
        form: one of the output formats.
    """
    if found is None:
        return ""
    rows = found if isinstance(found, list) else [found]
    if form == "tsv":
        return "\n".join("\t".join(map(_word, _values(row))) for row in rows)
    if form == "table":
        return _guessed_table(rows)
    return render(found, form, ())


def _values(row: object) -> list[object]:
    if isinstance(row, dict):
        return [row[name] for name in sorted(row)]
    return row if isinstance(row, list) else [row]


def _word(value: object) -> str:
    """Write one value of a row: az wrote `None`, small booleans, and of what is nested its size."""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (dict, list)):
        return str(len(value)) if value or isinstance(value, list) else ""
    return harmless(str(value).replace("\t", " ").replace("\n", " "))


def _guessed_table(rows: list[Any]) -> str:
    """Lay out rows with the columns they bring; what is nested has no place in a table."""
    items: list[Mapping[str, Any]] = [_members(row) for row in rows]
    names = dict.fromkeys(name for item in items for name in item)
    return table(items, [Column(name[:1].upper() + name[1:], _picker(name)) for name in names])


def _members(row: object) -> dict[str, Any]:
    if isinstance(row, list):
        return {f"Column{number}": value for number, value in enumerate(row, start=1)}
    if not isinstance(row, dict):
        return {"Result": row}
    return {name: value for name, value in row.items() if not isinstance(value, (dict, list))}


def _picker(name: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda item: item.get(name)
