"""Copies files and trees between this machine and a `Place`: in parallel, resumed, compared.

Called by the command line. A file that is there with the same size and time, or the same content,
is left alone; bytes that an interrupted copy left are gone on from; what arrived is compared with
what was sent before it gets its name, so that a half or wrong file is never seen as a whole one.

Decisions where nobody has said anything: symbolic links of this machine are followed, other special
files are left out; a tree's folders are made even when empty.
"""

import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from batchai_operator.engine.transfers import localfiles
from batchai_operator.engine.transfers.localfiles import Local
from batchai_operator.engine.transfers.localwriting import Writing
from batchai_operator.engine.transfers.place import Entry, Place
from batchai_operator.engine.transfers.tasks import (
    Counted,
    Meter,
    Tally,
    Task,
    again,
    kept,
    run_all,
)
from batchai_operator.errors import ConflictError, NotFoundError, RejectedError

RESUMED_BYTES = 1 << 20
"""Smaller files are sent again from their beginning: asking what is there would cost as much."""

_SAME_TIME = 1_000_000_000
"""Nanoseconds within which two times are the same: some file systems keep whole seconds."""


async def upload(
    place: Place, source: Path, destination: str, meter: Meter, *, parallel: int
) -> Tally:
    """Copy a file, or what is in a folder, into a folder of a place.

    Args:
        place: where to.
        source: file or folder of this machine.
        destination: folder of the place, made if need be.
        meter: told how it goes.
        parallel: files at a time.

    Raises:
        NotFoundError: there is no such file or folder.
        BatchAIError: the place cannot be listed, or went away for good.
    """
    files, folders = localfiles.survey(source)
    found = await _tree(place, destination, meter)
    there = {entry.name: entry for entry in found if entry.is_text}
    # A file brings the folders above it along.
    brought = {str(above) for local in files for above in PurePosixPath(local.name).parents}
    tally = Tally()
    for name in [*filter(localfiles.is_text, folders), *([] if files else ["."])]:
        if name not in brought and not (name in there and there[name].is_directory):
            path = posixpath.join(destination, name)
            with kept(tally, name):
                await again(meter, lambda path=path: place.make_folder(path))  # type: ignore[misc]
    tasks = [_sending(place, local, destination, there.get(local.name)) for local in files]
    lost = (name for name in folders if name not in brought and not localfiles.is_text(name))
    tasks += map(_refusing, lost)
    return await run_all(tasks, meter, parallel, tally)


async def download(
    place: Place, source: str, destination: Path, meter: Meter, *, parallel: int
) -> Tally:
    """Copy a file, or what is in a folder, of a place into a folder of this machine.

    Args:
        place: where from.
        source: file or folder of the place.
        destination: folder of this machine, made if need be.
        meter: told how it goes.
        parallel: files at a time.

    Raises:
        NotFoundError: there is no such file or folder.
        BatchAIError: the place cannot be listed, or went away for good.
    """
    found = await again(meter, lambda: place.tree(source))
    localfiles.make_folder(destination)
    tasks, tally = [], Tally()
    for entry in found:
        is_it = entry.name == "."
        name = posixpath.basename(source) if is_it else entry.name
        with kept(tally, name):
            target = localfiles.below(destination, name)
            if not entry.is_text:
                tasks.append(_refusing(name, f"'{name}'"))
            elif entry.is_directory:
                localfiles.make_folder(target)
            else:
                path = source if is_it else posixpath.join(source, entry.name)
                tasks.append(_fetching(place, path, name, target, entry))
    return await run_all(tasks, meter, parallel, tally)


async def _tree(place: Place, path: str, meter: Meter) -> Sequence[Entry]:
    try:
        return await again(meter, lambda: place.tree(path))
    except NotFoundError:
        return ()


def _sending(place: Place, local: Local, destination: str, there: Entry | None) -> Task:
    path = posixpath.join(destination, local.name)

    async def is_there() -> bool:
        if there is None or there.is_directory or there.size != local.size:
            return False
        if abs(there.modified - local.modified) < _SAME_TIME:
            return True
        return await place.md5(path, local.size) == await localfiles.md5(local.path)

    if not localfiles.is_text(local.name):
        return _refusing(local.name)

    async def copy(counted: Counted) -> None:
        offset = 0
        if local.size >= RESUMED_BYTES:
            offset = min(await place.partial(path, local.key), local.size)
        content = localfiles.Reading(local.path, offset, local.size)
        counted.reset(offset)
        pieces = _counting(content.pieces(), counted)
        await place.write(path, local.key, offset, local.size - offset, pieces)
        await place.commit(path, local.key, local.size, content.md5, local.modified)

    return Task(local.name, local.size, is_there, copy)


def _refusing(name: str, shown: str = "") -> Task:
    """Return what fails for a name that JSON, shares and containers have no letters for."""

    async def is_there() -> bool:
        return False

    async def copy(_: Counted) -> None:
        raise RejectedError(f"{shown or repr(name)}: the name is not UTF-8; rename it.")

    return Task(name, 0, is_there, copy)


def _fetching(place: Place, path: str, name: str, target: Path, entry: Entry) -> Task:
    async def is_there() -> bool:
        here = localfiles.look(target)
        if here is None or here.size != entry.size:
            return False
        if abs(here.modified - entry.modified) < _SAME_TIME:
            return True
        return await place.md5(path, entry.size) == await localfiles.md5(target)

    async def copy(counted: Counted) -> None:
        with Writing(target, entry.size) as content:
            counted.reset(content.offset)
            async for piece in place.read(path, content.offset, entry.size - content.offset):
                content.take(piece)
                counted.add(len(piece))
            theirs = await place.md5(path, entry.size)
            if content.size != entry.size or content.md5 != theirs:
                content.throw_away()
                raise ConflictError(
                    f"{name}: {content.size} bytes with MD5 {content.md5} arrived, not "
                    f"{entry.size} with {theirs}"
                )
            content.keep(entry.modified)

    return Task(name, entry.size, is_there, copy)


def _counting(pieces: Iterable[bytes], counted: Counted) -> Iterable[bytes]:
    for piece in pieces:
        yield piece
        counted.add(len(piece))
