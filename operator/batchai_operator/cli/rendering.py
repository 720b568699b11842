"""Output formats of the command line: json, jsonc, yaml, table, tsv.

Called by every command with what it found. It decides columns and spelling, never content.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import click

FORMATS = ("json", "jsonc", "table", "tsv", "yaml")
"""Values of `-o`, as az had them."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b)'
    r"|(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b)"
)
_COLOURS = {"key": "blue", "text": "green", "word": "cyan", "number": "magenta"}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: its heading, as the old command line had it (spec 6.8).
        value: the cell of an item; None is shown as blank.
    """

    title: str
    value: Callable[[Mapping[str, Any]], object]


def render(found: object, form: str, columns: Sequence[Column]) -> str:
    """Render one item or a list of items.

    Args:
        found: an item, a list of items, or None for nothing.
        form: one of `FORMATS`.
        columns: what `table` and `tsv` of lists show.

    Returns:
        The text, without a final newline; empty when there is nothing to show.
    """
    if found is None:
        return ""
    match form:
        case "table":
            return table(_items(found), columns)
        case "tsv":
            return "\n".join(
                "\t".join(_cell(column.value(item)) for column in columns) for item in _items(found)
            )
        case "yaml":
            return _yaml(found)
        case "jsonc":
            return _TOKEN.sub(_paint, _json(found))
        case _:
            return _json(found)


def harmless(text: str) -> str:
    """Return a text without what a terminal would obey instead of showing it.

    Names of files and messages of programs are whatever a job made them. As in JSON, which stays
    valid, such a character becomes its number.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _json(found: object) -> str:
    return harmless(json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False))


def _yaml(found: object) -> str:
    import yaml  # noqa: PLC0415 (few ask for it)

    text = yaml.safe_dump(found, sort_keys=True, allow_unicode=True)
    if _CONTROL.search(text):
        text = yaml.safe_dump(found, sort_keys=True)
    return text.rstrip("\n")


def _paint(match: re.Match[str]) -> str:
    return click.style(match.group(), fg=_COLOURS[match.lastgroup or "text"])


def _items(found: object) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", found if isinstance(found, list) else [found])


def table(
    items: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    widths: dict[int, int] | None = None,
    *,
    with_titles: bool = True,
) -> str:
    """Lay out rows below their titles; nothing for no rows.

    Args:
        items: the rows.
        columns: what each has.
        widths: of earlier pages of the same table; takes those of this one.
        with_titles: whether this is the first page.
    """
    if not items:
        return ""
    widths = {} if widths is None else widths
    rows = [[_cell(column.value(item)) for column in columns] for item in items]
    titles = [column.title for column in columns]
    for index in range(len(columns)):
        widest = max(len(row[index]) for row in [titles, *rows])
        widths[index] = max(widths.get(index, 0), widest)
    heads = [titles, ["-" * widths[index] for index in range(len(columns))]]
    return "\n".join(
        "  ".join(cell.ljust(widths[index]) for index, cell in enumerate(line)).rstrip()
        for line in [*(heads if with_titles else []), *rows]
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    # A newline or tab in a value would break the rows that scripts split.
    return harmless(str(value).replace("\t", " ").replace("\n", " "))
