"""Copies files and trees between this machine and a `Place`: in parallel, resumed, compared.

Called by the command line. A file that is there with the same size and time, or the same content,
is left alone; bytes that an interrupted copy left are gone on from; what arrived is compared with
what was sent before it gets its name, so that a half or wrong file is never seen as a whole one.

Decisions where nobody has said anything: symbolic links of this machine are followed, other special
files are left out; a tree's folders are made even when empty; a file that fails does not keep the
others from being copied, a place that is away ends everything.
"""

import asyncio
import posixpath
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from batchai_operator.engine.readerpods import StartError
from batchai_operator.engine.transfers import localfiles
from batchai_operator.engine.transfers.localfiles import Local
from batchai_operator.engine.transfers.localwriting import Writing
from batchai_operator.engine.transfers.place import Entry, Place
from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)

RESUMED_BYTES = 1 << 20
"""Smaller files are sent again from their beginning: asking what is there would cost as much."""

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 32.0
_SAME_TIME = 1_000_000_000
"""Nanoseconds within which two times are the same: some file systems keep whole seconds."""


Result = TypeVar("Result")


class Meter(Protocol):
    """Is told how a copy goes."""

    def begin(self, files: int, size: int) -> None:
        """Learn how much there is."""
        ...

    def moved(self, count: int) -> None:
        """Learn that bytes have been copied, or, when negative, must be copied again."""
        ...

    def done(self, name: str, size: int, *, skipped: bool) -> None:
        """Learn that a file is there."""
        ...

    def troubled(self, reason: str) -> None:
        """Learn why something is tried again."""
        ...


@dataclass
class Tally:
    """What came of a copy.

    Attributes:
        copied: files that were copied.
        skipped: files that were there already.
        size: bytes of the copied files.
        failures: by name of file.
    """

    copied: int = 0
    skipped: int = 0
    size: int = 0
    failures: dict[str, BatchAIError] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    name: str
    size: int
    is_there: Callable[[], Awaitable[bool]]
    copy: Callable[["_Counted"], Awaitable[None]]


class _Counted:
    """Tells the meter of a file's bytes, and takes them back when they must be copied again."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._count = 0
        self.safe = 0

    def reset(self, count: int = 0) -> None:
        """Say how many bytes are known to be there."""
        self._meter.moved(count - self._count)
        self._count = self.safe = count

    def add(self, count: int) -> None:
        """Say that more bytes were copied."""
        self._meter.moved(count)
        self._count += count


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
    there = {entry.name: entry for entry in await _tree(place, destination, meter)}
    # A file brings the folders above it along.
    brought = {str(above) for local in files for above in PurePosixPath(local.name).parents}
    for name in [*filter(localfiles.is_text, folders), *([] if files else ["."])]:
        if name not in brought and name not in there:
            path = posixpath.join(destination, name)
            await _again(meter, lambda path=path: place.make_folder(path))  # type: ignore[misc]
    tasks = [_sending(place, local, destination, there.get(local.name)) for local in files]
    lost = (name for name in folders if name not in brought and not localfiles.is_text(name))
    tasks += map(_refusing, lost)
    return await _run(tasks, meter, parallel)


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
    found = await _again(meter, lambda: place.tree(source))
    localfiles.make_folder(destination)
    tasks = []
    for entry in found:
        is_it = entry.name == "."
        name = posixpath.basename(source) if is_it else entry.name
        target = localfiles.below(destination, name)
        if entry.is_directory:
            localfiles.make_folder(target)
        else:
            path = source if is_it else posixpath.join(source, entry.name)
            tasks.append(_fetching(place, path, name, target, entry))
    return await _run(tasks, meter, parallel)


async def _tree(place: Place, path: str, meter: Meter) -> Sequence[Entry]:
    try:
        return await _again(meter, lambda: place.tree(path))
    except NotFoundError:
        return ()


def _sending(place: Place, local: Local, destination: str, there: Entry | None) -> _Task:
    path = posixpath.join(destination, local.name)

    async def is_there() -> bool:
        if there is None or there.is_directory or there.size != local.size:
            return False
        if abs(there.modified - local.modified) < _SAME_TIME:
            return True
        return await place.md5(path, local.size) == await localfiles.md5(local.path)

    if not localfiles.is_text(local.name):
        return _refusing(local.name)

    async def copy(counted: _Counted) -> None:
        offset = 0
        if local.size >= RESUMED_BYTES:
            offset = min(await place.partial(path, local.key), local.size)
        content = localfiles.Reading(local.path, offset, local.size)
        counted.reset(offset)
        pieces = _counting(content.pieces(), counted)
        await place.write(path, local.key, offset, local.size - offset, pieces)
        await place.commit(path, local.key, local.size, content.md5, local.modified)

    return _Task(local.name, local.size, is_there, copy)


def _refusing(name: str) -> _Task:
    """Return what fails for a name that JSON, shares and containers have no letters for."""

    async def is_there() -> bool:
        return False

    async def copy(_: _Counted) -> None:
        raise RejectedError(f"{name!r}: the name is not UTF-8; rename it.")

    return _Task(name, 0, is_there, copy)


def _fetching(place: Place, path: str, name: str, target: Path, entry: Entry) -> _Task:
    async def is_there() -> bool:
        here = localfiles.look(target)
        if here is None or here.size != entry.size:
            return False
        if abs(here.modified - entry.modified) < _SAME_TIME:
            return True
        return await place.md5(path, entry.size) == await localfiles.md5(target)

    async def copy(counted: _Counted) -> None:
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

    return _Task(name, entry.size, is_there, copy)


def _counting(pieces: Iterable[bytes], counted: _Counted) -> Iterable[bytes]:
    for piece in pieces:
        yield piece
        counted.add(len(piece))


async def _run(tasks: Sequence[_Task], meter: Meter, parallel: int) -> Tally:
    tally = Tally()
    meter.begin(len(tasks), sum(task.size for task in tasks))
    waiting = iter(tasks)
    lost: list[UnavailableError] = []

    async def work() -> None:
        for task in waiting:
            if lost:
                return
            try:
                await _one(task, meter, tally)
            except UnavailableError as error:
                lost.append(error)
            except BatchAIError as error:
                tally.failures[task.name] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(tasks))):
            group.create_task(work())
    if lost:
        raise lost[0]
    return tally


async def _one(task: _Task, meter: Meter, tally: Tally) -> None:
    if await _again(meter, task.is_there):
        tally.skipped += 1
        meter.moved(task.size)
        meter.done(task.name, task.size, skipped=True)
        return
    counted = _Counted(meter)
    try:
        await _again(meter, lambda: task.copy(counted), lambda: counted.safe)
    except ConflictError:
        # What an earlier copy left was of another file, or this one changes; from the beginning.
        counted.reset()
        await _again(meter, lambda: task.copy(counted), lambda: counted.safe)
    tally.copied += 1
    tally.size += task.size
    meter.done(task.name, task.size, skipped=False)


async def _again(
    meter: Meter, do: Callable[[], Awaitable[Result]], safe: Callable[[], int] = lambda: 0
) -> Result:
    """Do something until it works, as long as it is worth trying again.

    Args:
        meter: told why it is tried again.
        do: what to do.
        safe: bytes that were there when it was last tried; while they become more, patience has no
            end.
    """
    delay, best = _FIRST_DELAY, safe()
    while True:
        try:
            return await do()
        except StartError:
            raise  # Its Pod had all the time there is.
        except UnavailableError as error:
            if safe() > best:
                delay, best = _FIRST_DELAY, safe()
            if delay > _LONGEST_DELAY:
                raise
            meter.troubled(str(error))
        await asyncio.sleep(delay)
        delay *= 2
