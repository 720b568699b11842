"""The work queue: which keys have to be looked at, when, and never one key twice at a time.

Made and fed by the controller. kopf's handlers neither retry nor persist, so this does: a key that
failed comes back later and later, a key that changed while it was worked on comes back at once. A
key that changes during its pause is looked at too, and when that fails the pause goes on: news
makes more tries, not longer pauses. It knows nothing about what a key stands for, and holds nothing
that could not be rebuilt.
"""

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from batchai_operator.errors import BatchAIError, ConflictError, StorageError, UnavailableError

logger = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

FIRST_DELAY = 0.2
"""Seconds before the first repetition after a failure; doubles each time."""

LONGEST_DELAY = 30.0
"""Longest pause between two tries."""

# Overtaken entries that the heap may hold besides twice the live ones.
_SLACK = 1000


@dataclass
class Counts:
    """What the queue has done since it started, for the metrics."""

    done: int = 0
    failed: int = 0
    conflicts: int = 0
    busy_seconds: float = 0.0


class WorkQueue(Generic[K]):
    """Keys in order of arrival, with back-off, delays and a bounded number of workers.

    Args:
        work: handles one key; returns the seconds after which to look again, or None.
    """

    def __init__(self, work: Callable[[K], Awaitable[float | None]]) -> None:
        self._work = work
        self._ready: deque[K] = deque()
        # When a ready key was first asked for; also the set of ready keys.
        self._since: dict[K, float] = {}
        self._running: dict[K, float] = {}
        self._again: set[K] = set()
        self._tries: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self.counts = Counts()

    def add(self, key: K) -> None:
        """Have a key looked at as soon as a worker is free."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = asyncio.get_running_loop().time()
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Have a key looked at after a while, unless it is looked at before that anyway."""
        due = asyncio.get_running_loop().time() + max(seconds, 0.0)
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        # The sequence number keeps keys from being compared; an entry that `_due` has overtaken is
        # skipped when it comes up.
        self._sequence += 1
        heapq.heappush(self._heap, (due, self._sequence, key))
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            # What was overtaken would lie there until its time comes, which may be days.
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._set_timer()

    def forget(self, key: K) -> None:
        """Drop delays and failures of a key whose object is gone."""
        self._tries.pop(key, None)
        self._due.pop(key, None)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ready)

    @property
    def retrying(self) -> int:
        """Keys whose last try failed."""
        return len(self._tries)

    @property
    def delayed(self) -> int:
        """Keys that are to be looked at later."""
        return len(self._due)

    def oldest_seconds(self) -> float:
        """Return for how long the oldest key has been waiting or worked on."""
        starts = [*self._running.values()]
        if self._ready:
            starts.append(self._since[self._ready[0]])
        return asyncio.get_running_loop().time() - min(starts) if starts else 0.0

    async def run(self, workers: int) -> None:
        """Work until `stop` is called or the task is cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker())

    def stop(self) -> None:
        """Take no further key; `run` returns when those at work are finished."""
        self._stopping = True
        self._wake.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def drain(self) -> None:
        """Work on what is ready now, and on what that makes ready, in this task (for tests)."""
        while self._ready:
            await self._take(self._ready.popleft())

    async def _worker(self) -> None:
        while not self._stopping:
            if not self._ready:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._take(self._ready.popleft())

    async def _take(self, key: K) -> None:
        loop = asyncio.get_running_loop()
        del self._since[key]
        due = self._due.pop(key, None)
        self._running[key] = started = loop.time()
        try:
            after = await self._work(key)
        except Exception as error:  # noqa: BLE001 (one key must not stop the others)
            after = self._delay(key, error, due)
        else:
            self._tries.pop(key, None)
        finally:
            del self._running[key]
            self.counts.done += 1
            self.counts.busy_seconds += loop.time() - started
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        if after is not None:
            self.add_after(key, after)

    def _delay(self, key: K, error: Exception, due: float | None) -> float:
        """Count a failure and return the pause before the next try.

        Args:
            key: what failed.
            error: how.
            due: until when the key was to pause, when news came before that.
        """
        left = 0.0 if due is None else due - asyncio.get_running_loop().time()
        if key in self._tries and left > 0:
            delay = left
        else:
            tries = self._tries[key] = self._tries.get(key, 0) + 1
            delay = min(FIRST_DELAY * 2.0 ** min(tries - 1, 30), LONGEST_DELAY)
        if isinstance(error, ConflictError):
            self.counts.conflicts += 1
            logger.debug("%s: %s; again in %.1f s", key, error, delay)
            return delay
        self.counts.failed += 1
        if isinstance(error, StorageError | UnavailableError) and error.retry_after is not None:
            delay = max(delay, min(error.retry_after, LONGEST_DELAY))
        # What we expect is told in a line; anything else is a bug and wants its stack.
        trace = None if isinstance(error, BatchAIError) else error
        logger.warning("%s: %s; again in %.1f s", key, error, delay, exc_info=trace)
        return delay

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap and not self._stopping:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._heap[0][0], self._release)

    def _release(self) -> None:
        """Move the keys whose time has come to the ready ones."""
        now = asyncio.get_running_loop().time()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
        self._set_timer()
