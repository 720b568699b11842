"""The process: in which order it starts and stops, and what its exit says.

Election, controller, probes and kopf are faked; that the real ones start, take over and stop is
tested on the real cluster.
"""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from batchai_operator import main
from batchai_operator.errors import UnavailableError
from batchai_operator.settings import Settings

SETTINGS = Settings(health_port=0, namespace="ns")


class Fake:
    """All parts in one, noting what happens to them."""

    def __init__(self):
        self.log = []
        self.won, self.lost = asyncio.Event(), asyncio.Event()
        self.stopped, self.crash = asyncio.Event(), asyncio.Event()
        self.release_error = None

    # Probes.

    async def start(self, _):
        self.log.append("probes")

    # Election.

    async def run_election(self):
        await self.lost.wait()

    async def elected(self):
        await self.won.wait()

    async def release(self):
        self.log.append("release")
        if self.release_error:
            raise self.release_error

    # Controller.

    async def first_sync(self):
        self.log.append("sync")

    async def run_controller(self):
        self.log.append("work")
        done = [asyncio.ensure_future(event.wait()) for event in (self.stopped, self.crash)]
        try:
            await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in done:
                task.cancel()
        if self.crash.is_set():
            raise KeyError("bug")
        self.log.append("finished")

    def stop_controller(self):
        self.stopped.set()

    # kopf.

    async def operator(self, *, ready_flag, **options):
        self.log.append(f"watch {options['namespaces']} {options['clusterwide']}")
        ready_flag.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append("watch ends")


@pytest.fixture
async def fake(monkeypatch):
    made = Fake()
    parts = SimpleNamespace(
        controller=SimpleNamespace(
            first_sync=made.first_sync,
            run=made.run_controller,
            stop=made.stop_controller,
            deliver=None,
        ),
        election=SimpleNamespace(run=made.run_election, elected=made.elected, release=made.release),
        probes=SimpleNamespace(start=made.start, stop=_nothing),
        login=None,
    )

    @asynccontextmanager
    async def operator(_):
        yield parts

    monkeypatch.setattr(main.process, "operator", operator)
    monkeypatch.setattr(main.kopf, "operator", made.operator)
    # The signal arrives as a call, so that no test can end the test run.
    monkeypatch.setattr(main, "_on_signals", lambda stop: setattr(made, "stop", stop))
    return made


async def _nothing():
    pass


async def _started():
    task = asyncio.ensure_future(main.run(SETTINGS))
    await asyncio.sleep(0.02)
    return task


async def test_work_is_finished_before_watches_end_and_the_lease_is_given_back(fake):
    task = await _started()
    assert fake.log == ["probes"]
    fake.won.set()
    await asyncio.sleep(0.02)
    fake.stop.set()
    assert await asyncio.wait_for(task, 2) is True
    assert fake.log == [
        "probes", "sync", "work", "watch ['ns'] False", "finished", "watch ends", "release",
    ]  # fmt: skip


async def test_a_standby_that_is_told_to_stop_releases_nothing(fake):
    task = await _started()
    fake.stop.set()
    assert await asyncio.wait_for(task, 2) is True
    assert fake.log == ["probes"]


async def test_a_lost_lease_ends_the_process_at_once_and_is_not_touched_again(fake):
    task = await _started()
    fake.won.set()
    await asyncio.sleep(0.02)
    fake.stop_controller = lambda: None
    fake.lost.set()
    assert await asyncio.wait_for(task, 2) is False
    assert "release" not in fake.log
    assert "watch ends" in fake.log


async def test_a_part_that_fails_ends_the_process_and_says_so(fake, caplog):
    task = await _started()
    fake.won.set()
    await asyncio.sleep(0.02)
    fake.crash.set()
    assert await asyncio.wait_for(task, 2) is False
    assert "The controller failed." in caplog.text
    assert fake.log[-1] == "release"


async def test_a_lease_that_cannot_be_given_back_is_only_logged(fake, caplog):
    fake.release_error = UnavailableError("gone")
    task = await _started()
    fake.won.set()
    await asyncio.sleep(0.02)
    fake.stop.set()
    assert await asyncio.wait_for(task, 2) is True
    assert "could not be given back" in caplog.text
