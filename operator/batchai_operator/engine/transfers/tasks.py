"""Copies of single files: several at a time, tried again, counted, told of.

Used by copying.py, which knows what copying a file means; this module knows neither side of it.

Decisions where nobody has said anything: a file or folder that fails does not keep the others
from being copied, a place that is away, or that nothing may be done with, ends everything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from batchai_operator.engine.files.ownpods import StartError
from batchai_operator.errors import BatchAIError, ConflictError, ForbiddenError, UnavailableError

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 32.0

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
        failures: by name of file or folder.
    """

    copied: int = 0
    skipped: int = 0
    size: int = 0
    failures: dict[str, BatchAIError] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A file to copy.

    Attributes:
        name: of the file, for people.
        size: its bytes.
        is_there: tells whether it is there already.
        copy: copies it, from where it broke off the last time.
    """

    name: str
    size: int
    is_there: Callable[[], Awaitable[bool]]
    copy: Callable[["Counted"], Awaitable[None]]


class Counted:
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


@contextmanager
def kept(tally: Tally, name: str) -> Iterator[None]:
    """Keep the error of one file or folder for the end; one of the whole place is raised."""
    try:
        yield
    except (ForbiddenError, UnavailableError):
        raise
    except BatchAIError as error:
        tally.failures[name] = error


async def run_all(tasks: Sequence[Task], meter: Meter, parallel: int, tally: Tally) -> Tally:
    """Copy files, some at a time.

    Args:
        tasks: the files.
        meter: told how it goes.
        parallel: files at a time.
        tally: takes what comes of it, beside what it holds already.

    Raises:
        ForbiddenError: the place does not permit it, for any file.
        UnavailableError: the place went away for good.
    """
    meter.begin(len(tasks), sum(task.size for task in tasks))
    waiting = iter(tasks)
    lost: list[BatchAIError] = []

    async def work() -> None:
        for task in waiting:
            if lost:
                return
            try:
                with kept(tally, task.name):
                    await _one(task, meter, tally)
            except BatchAIError as error:  # What is not kept is of the whole place.
                lost.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(tasks))):
            group.create_task(work())
    if lost:
        raise lost[0]
    return tally


async def _one(task: Task, meter: Meter, tally: Tally) -> None:
    if await again(meter, task.is_there):
        tally.skipped += 1
        meter.moved(task.size)
        meter.done(task.name, task.size, skipped=True)
        return
    counted = Counted(meter)
    try:
        await again(meter, lambda: task.copy(counted), lambda: counted.safe)
    except ConflictError:
        # What an earlier copy left was of another file, or this one changes; from the beginning.
        counted.reset()
        await again(meter, lambda: task.copy(counted), lambda: counted.safe)
    tally.copied += 1
    tally.size += task.size
    meter.done(task.name, task.size, skipped=False)


async def again(
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
