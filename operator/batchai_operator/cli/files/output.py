"""How files are shown: listings page by page as they come, contents byte by byte.

Called by the commands that read files. A folder may have more files than memory should hold, so a
list is written as it arrives; the texts are those that rendering.py makes of the whole.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import click

from batchai_operator.cli.querying import asked_query
from batchai_operator.cli.rendering import Column, render, table
from batchai_operator.cli.session import EXIT_INTERRUPTED, Session, say, show
from batchai_operator.engine.ports import Cluster

Item = Mapping[str, Any]

COLUMNS = (
    Column("Name", lambda item: item["name"]),
    Column("Type", lambda item: item["fileType"]),
    Column("Size", lambda item: item["contentLength"]),
    Column("Modified", lambda item: item["lastModified"]),
)
"""Of a job's files, as the old command line had them (spec 6.8)."""


def listed(item: Item) -> dict[str, Any]:
    """Return the members of spec 2.12; a link exists only where storage itself could be asked."""
    is_file = item["fileType"] == "file"
    return {
        "name": item["name"],
        "fileType": item["fileType"],
        "downloadUrl": item.get("downloadUrl") if is_file else None,
        "contentLength": item.get("contentLength") if is_file else None,
        "lastModified": item.get("lastModified") if is_file else None,
    }


async def map_pages(
    change: Callable[[Item], Item], pages: AsyncIterator[Sequence[Item]]
) -> AsyncIterator[list[Item]]:
    """Yield pages of changed items."""
    async for page in pages:
        yield [change(item) for item in page]


async def show_pages(
    pages: AsyncIterator[Sequence[Item]], form: str, columns: Sequence[Column]
) -> None:
    """Print a list page by page; a query needs all of it at once."""
    if asked_query():
        show([item async for page in pages for item in page], form, columns)
        return
    before = ""
    width: dict[int, int] = {}
    async for page in pages:
        if page:
            click.echo(_page(page, form, columns, before, width), nl=False)
            before = before or form
    if form in {"json", "jsonc"}:
        click.echo("\n]" if before else "[]")
    elif form == "yaml" and not before:
        click.echo("[]")


def _page(
    page: Sequence[Item],
    form: str,
    columns: Sequence[Column],
    before: str,
    widths: dict[int, int],
) -> str:
    """Return the text of a page, so that all pages together are the text of the whole list."""
    text = render(list(page), form, columns)
    match form:
        case "json" | "jsonc":
            # `[`, items, `]`: the brackets stand on lines of their own.
            inner = text[text.index("\n") : text.rindex("\n")]
            return f",{inner}" if before else f"[{inner}"
        case "table":
            return table(page, columns, widths, with_titles=not before) + "\n"
        case _:
            return f"{text}\n"


def write_bytes(piece: bytes) -> None:
    """Hand bytes through untouched: characters may be cut anywhere, and files need not be text."""
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def replaced(name: str) -> Callable[[], None]:
    """Return what tells the user that a file begins anew."""
    return lambda: say(f'The file "{name}" was replaced; the new one follows from its beginning.')


def run_stream(session: Session, work: Callable[[Cluster], Awaitable[bool]], absent: str) -> None:
    """Stream; say when there is no such file, and end with 0 on Ctrl-C as it always did."""
    try:
        if not session.run(work):
            say(absent)
    except SystemExit as ended:
        if ended.code != EXIT_INTERRUPTED:
            raise
    except BrokenPipeError:
        # The reader, such as `head`, has had enough. What is left in the buffer cannot be written
        # any more, and the interpreter must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
