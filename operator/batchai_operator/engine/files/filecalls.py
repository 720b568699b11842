"""Runs `/launcher files` in a container and reads what it prints.

Called by reading.py. It knows the launcher's words and exit codes (docs/reference/launcher.md), not
where to run them or when to try again.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from batchai_operator.engine.files.complaints import in_words
from batchai_operator.engine.files.ownpods import Source
from batchai_operator.engine.files.progress import Progress
from batchai_operator.engine.ports import Commands
from batchai_operator.errors import (
    ConflictError,
    InvalidSpecError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from batchai_operator.names import SIDECAR_CONTAINER

LAUNCHER = "/launcher"
"""The launcher's program in its own image."""

QUIET_SECONDS = 60.0
"""A connection that brings nothing for so long is opened again at the same offset: a broken one
looks no different from a quiet program, and asking again costs nothing."""

PAGE = 1000
"""Items of a listing that are asked for at a time."""

OK, FAILED, USAGE, MISSING, OUTSIDE = 0, 1, 2, 3, 4
"""Exit codes of `/launcher files`. Any other is that of a program that was killed."""


@dataclass(frozen=True)
class Folder:
    """A directory, by its id, in a container that can read it."""

    source: Source
    directory_id: str


class LostError(UnavailableError):
    """The connection broke, or the Pod is not there (any more)."""


class SilenceError(UnavailableError):
    """Nothing came for so long that the connection may be dead."""


async def list_page(
    commands: Commands, folder: Folder, path: str, token: str
) -> tuple[list[dict[str, Any]], str]:
    """Return some items of a folder, and where to go on; an empty token after the last.

    Raises:
        NotFoundError: no such directory id or folder.
        RejectedError: the path leaves the directory.
        UnavailableError: the connection broke, or the files cannot be read now.
    """
    output = bytearray()
    words = ["list", "--id", folder.directory_id, "--path", path, "--limit", str(PAGE)]
    words += ["--after", token] if token else []
    raise_for(*await _run(commands, folder.source, words, output.extend))
    items = [json.loads(line) for line in output.splitlines() if line]
    more = str(items.pop()["more"]) if items and "more" in items[-1] else ""
    return items, more


async def follow(
    commands: Commands, folder: Folder, path: str, progress: Progress
) -> tuple[int, str]:
    """Hand over what a file has and gets, from where its reader is; return how that ended.

    Raises:
        LostError: the connection broke, or the Pod is not there (any more).
        SilenceError: nothing came for a minute.
    """
    progress.connect()
    words = ["follow", "--id", folder.directory_id, "--path", path, "--framed"]
    words += ["--packed"] if progress.may_pack else []
    words += ["--offset", str(progress.offset)]
    words += ["--seen", progress.seen] if progress.offset else []
    ended = await _run(commands, folder.source, words, progress.take)
    if ended[0] == USAGE and progress.may_pack:
        # The launcher of a Pod that an older operator made knows the other words.
        progress.may_pack = False
        return await follow(commands, folder, path, progress)
    return ended


async def read(
    commands: Commands,
    folder: Folder,
    path: str,
    span: tuple[int, int | None],
    take: Callable[[bytes], object],
) -> None:
    """Hand over a range of a file: offset, and length or None for all that follows.

    Raises:
        NotFoundError: no such directory id or file.
        RejectedError: the path leaves the directory.
        UnavailableError: the connection broke, or the file cannot be read now.
    """
    offset, length = span
    words = ["read", "--id", folder.directory_id, "--path", path, "--offset", str(offset)]
    words += ["--length", str(length)] if length is not None else []
    raise_for(*await _run(commands, folder.source, words, take))


async def _run(
    commands: Commands, source: Source, words: Sequence[str], take: Callable[[bytes], object]
) -> tuple[int, str]:
    """Run the launcher; return its exit code and what it said on standard error."""
    command = [LAUNCHER, "files", *words]
    loop = asyncio.get_running_loop()
    try:
        async with (
            asyncio.timeout(QUIET_SECONDS) as quiet,
            commands.exec(source.namespace, source.pod, SIDECAR_CONTAINER, command) as run,
        ):
            async for piece in run:
                take(piece)
                quiet.reschedule(loop.time() + QUIET_SECONDS)
    except TimeoutError as error:
        raise SilenceError(f"Pod {source.pod} was silent for a minute.") from error
    except (NotFoundError, ConflictError, UnavailableError) as error:
        raise LostError(str(error)) from error
    if run.exit_code not in {OK, FAILED, USAGE, MISSING, OUTSIDE}:
        raise LostError(f"The program in Pod {source.pod} was ended.")
    return run.exit_code, run.stderr.strip()


def raise_for(code: int, complaint: str) -> None:
    """Turn an exit code of `/launcher files` into an error of ours."""
    match code:
        case 0:
            return
        case 2:
            raise InvalidSpecError(complaint or "The launcher did not understand the request.")
        case 3:
            raise NotFoundError(in_words(complaint) or "No such file or directory id.")
        case 4:
            raise RejectedError(complaint or "The path leaves the output directory.")
        case _:
            raise UnavailableError(complaint or "The files cannot be read.")
