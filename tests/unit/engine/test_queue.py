"""The work queue: one key at a time, back-off, delays, and nothing lost on the way."""

import asyncio
import itertools

import pytest

from batchai_operator.engine.reconcile import queue as queue_module
from batchai_operator.engine.reconcile.queue import WorkQueue
from batchai_operator.errors import ConflictError, UnavailableError


async def _settle(seconds: float = 0.05) -> None:
    await asyncio.sleep(seconds)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(queue_module, "FIRST_DELAY", 0.01)


async def _running(queue, workers=3):
    task = asyncio.ensure_future(queue.run(workers))
    await asyncio.sleep(0)
    return task


async def test_a_key_is_never_worked_on_twice_at_a_time():
    inside, most, seen = 0, 0, 0

    async def work(_):
        nonlocal inside, most, seen
        inside += 1
        seen += 1
        most = max(most, inside)
        await asyncio.sleep(0.005)
        inside -= 1

    queue = WorkQueue(work)
    task = await _running(queue)
    for _ in range(10):
        queue.add("a")
        await asyncio.sleep(0.002)
    await _settle()
    queue.stop()
    await task
    assert most == 1
    assert 2 <= seen < 10


async def test_news_during_work_is_looked_at_afterwards():
    versions, seen = {"a": 1}, []

    async def work(key):
        before = versions[key]
        if not seen:
            versions[key] = 2
            queue.add(key)
        await asyncio.sleep(0)
        seen.append(before)

    queue = WorkQueue(work)
    queue.add("a")
    await queue.drain()
    assert seen == [1, 2]


async def test_different_keys_run_side_by_side_up_to_the_number_of_workers():
    inside, most = 0, 0

    async def work(_):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.005)
        inside -= 1

    queue = WorkQueue(work)
    for key in range(12):
        queue.add(key)
    task = await _running(queue, workers=4)
    await _settle()
    queue.stop()
    await task
    assert most == 4


async def test_a_failing_key_comes_back_later_and_later_and_stops_no_other():
    times, good = [], []

    async def work(key):
        if key == "good":
            good.append(key)
            return
        times.append(asyncio.get_running_loop().time())
        if len(times) < 5:
            raise UnavailableError("no")

    queue = WorkQueue(work)
    task = await _running(queue, workers=1)
    queue.add("bad")
    queue.add("good")
    async with asyncio.timeout(5):
        while len(times) < 5 or queue.retrying:
            await _settle(0.01)
    assert good
    pauses = [b - a for a, b in itertools.pairwise(times)]
    # Lower bounds only: a busy machine may be late, never early.
    assert all(pause >= 0.01 * 2**n for n, pause in enumerate(pauses))
    assert queue.counts.failed == 4
    queue.stop()
    await task


async def test_news_during_a_pause_is_another_try_and_does_not_lengthen_the_pause():
    seen = []

    async def work(_):
        seen.append(asyncio.get_running_loop().time())
        raise UnavailableError("no")

    queue = WorkQueue(work)
    # Twenty doublings of the first pause would be hours.
    for _ in range(20):
        queue.add("a")
        await queue.drain()
    assert (len(seen), queue.counts.failed, queue.delayed) == (20, 20, 1)
    task = await _running(queue)
    async with asyncio.timeout(5):
        while len(seen) < 22:
            await _settle(0.01)
    queue.stop()
    await task


async def test_a_conflict_counts_apart_and_a_bug_is_retried_too():
    errors = [ConflictError("x"), KeyError("bug")]

    async def work(_):
        if errors:
            raise errors.pop(0)

    queue = WorkQueue(work)
    task = await _running(queue)
    queue.add("a")
    await _settle(0.1)
    assert not errors
    assert (queue.counts.conflicts, queue.counts.failed, queue.counts.done) == (1, 1, 3)
    queue.stop()
    await task


async def test_a_delay_keeps_the_earliest_time_and_work_cancels_it():
    seen = []

    async def work(key):
        seen.append((key, asyncio.get_running_loop().time()))

    queue = WorkQueue(work)
    task = await _running(queue)
    start = asyncio.get_running_loop().time()
    queue.add_after("a", 10)
    queue.add_after("a", 0.02)
    queue.add_after("a", 5)
    queue.add_after("b", 0.02)
    queue.add("b")
    await _settle(0.08)
    assert [key for key, _ in seen] == ["b", "a"]
    assert seen[1][1] - start >= 0.02
    assert queue.delayed == 0
    queue.stop()
    await task


async def test_stop_finishes_what_is_at_work():
    done = []

    async def work(key):
        await asyncio.sleep(0.02)
        done.append(key)

    queue = WorkQueue(work)
    task = await _running(queue, workers=1)
    queue.add("first")
    queue.add("second")
    await asyncio.sleep(0.005)
    queue.stop()
    await asyncio.wait_for(task, 1)
    assert done == ["first"]


async def test_the_age_of_the_oldest_task_is_told():
    release = asyncio.Event()

    async def work(_):
        await release.wait()

    queue = WorkQueue(work)
    assert queue.oldest_seconds() == 0
    task = await _running(queue)
    queue.add("a")
    await asyncio.sleep(0.03)
    assert queue.oldest_seconds() >= 0.025
    release.set()
    await _settle(0.01)
    assert queue.oldest_seconds() == 0
    queue.stop()
    await task


async def test_overtaken_delays_do_not_pile_up():
    queue = WorkQueue(lambda _: asyncio.sleep(0))
    for turn in range(100):
        for key in range(50):
            queue.add_after(key, 600_000 - turn)
    assert queue.delayed == 50
    assert len(queue._heap) < 1_200
