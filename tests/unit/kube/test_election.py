"""The Lease: one works, the others wait, a released or expired Lease is taken, errors are survived.

The election's timing is the official client's; here its pauses are short and the API server is a
dict, so that a whole change of leaders takes milliseconds.
"""

# ruff: noqa: ARG002 (a fake takes what the real one takes)

import asyncio

import pytest

from batchai_operator.errors import ConflictError, NotFoundError, UnavailableError
from batchai_operator.kube import election as election_module
from batchai_operator.kube.election import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    REQUEST_SECONDS,
    RETRY_SECONDS,
    Election,
)
from batchai_operator.kube.lease import Lease


class Leases:
    """One Lease object with optimistic locking, on a server that can be switched off."""

    def __init__(self):
        self.lease, self.version, self.down = None, 0, False

    async def get(self, _, name, namespace):
        self._answer()
        if self.lease is None:
            raise NotFoundError(name)
        return {**self.lease, "metadata": {**self.lease["metadata"]}}

    async def create(self, _, body):
        self._answer()
        if self.lease is not None:
            raise ConflictError("exists")
        return self._store(body)

    async def replace(self, _, body):
        self._answer()
        if body["metadata"]["resourceVersion"] != str(self.version):
            raise ConflictError("changed")
        return self._store(body)

    def holder(self):
        return self.lease["spec"]["holderIdentity"]

    def _store(self, body):
        self.version += 1
        self.lease = {
            **body,
            "metadata": {**body["metadata"], "resourceVersion": str(self.version)},
        }
        return self.lease

    def _answer(self):
        if self.down:
            raise UnavailableError("down")


@pytest.fixture
def leases():
    return Leases()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    # The client refuses shorter ones in its constructor; the loops read them afterwards.
    real = election_module.Config

    def quick(lock, **times):
        config = real(lock, **times)
        config.lease_duration, config.renew_deadline, config.retry_period = 0.3, 0.15, 0.02
        return config

    monkeypatch.setattr(election_module, "Config", quick)


def _candidate(leases, name):
    made = Election(Lease(leases, "lease", "ns", name))
    return made, asyncio.ensure_future(made.run())


async def _cancel(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_two_can_never_work_at_a_time_and_a_crash_is_covered_soon():
    assert RENEW_SECONDS + 2 * REQUEST_SECONDS < LEASE_SECONDS
    assert LEASE_SECONDS + 2 * RETRY_SECONDS < 20


async def test_the_first_one_leads_and_the_second_waits(leases):
    first, running = _candidate(leases, "a")
    await asyncio.wait_for(first.elected(), 1)
    second, waiting = _candidate(leases, "b")
    await asyncio.sleep(0.5)
    assert first.leading
    assert not second.leading
    assert second.seen is not None
    assert leases.holder() == "a"
    await _cancel(running, waiting)


async def test_a_released_lease_is_taken_at_once(leases):
    first, running = _candidate(leases, "a")
    await first.elected()
    second, waiting = _candidate(leases, "b")
    await asyncio.sleep(0.05)
    await _cancel(running)
    await first.release()
    assert not first.leading
    await asyncio.wait_for(second.elected(), 0.2)
    assert leases.lease["spec"]["leaseTransitions"] == 1
    await _cancel(waiting)


async def test_a_dead_holders_lease_expires(leases):
    first, running = _candidate(leases, "a")
    await first.elected()
    await _cancel(running)
    second, waiting = _candidate(leases, "b")
    await asyncio.sleep(0.15)
    assert not second.leading
    await asyncio.wait_for(second.elected(), 1)
    await _cancel(waiting)


async def test_a_restarted_container_of_the_same_pod_goes_on_at_once(leases):
    first, running = _candidate(leases, "a")
    await first.elected()
    await _cancel(running)
    again, waiting = _candidate(leases, "a")
    await asyncio.wait_for(again.elected(), 0.1)
    await _cancel(waiting)


async def test_a_short_outage_is_survived_and_a_long_one_ends_the_leadership(leases):
    first, running = _candidate(leases, "a")
    await first.elected()
    leases.down = True
    await asyncio.sleep(0.08)
    leases.down = False
    await asyncio.sleep(0.1)
    assert first.leading
    leases.down = True
    await asyncio.wait_for(running, 1)
    assert not first.leading


async def test_a_candidate_outlives_a_server_that_is_not_there_yet(leases):
    leases.down = True
    first, running = _candidate(leases, "a")
    await asyncio.sleep(0.1)
    assert first.seen is None
    leases.down = False
    await asyncio.wait_for(first.elected(), 1)
    await _cancel(running)


async def test_what_others_hold_is_not_released(leases):
    first, running = _candidate(leases, "a")
    await first.elected()
    await _cancel(running)
    leases.lease["spec"]["holderIdentity"] = "b"
    await first.release()
    assert leases.holder() == "b"
