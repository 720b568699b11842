"""A reader Pod is removed, even when its command is killed while it does so."""

import asyncio

import pytest

from batchai_operator.engine.files.readerpods import ReaderPod
from batchai_operator.engine.ports import PODS

from .fakes import FakeStore


async def test_a_kill_during_the_removal_waits_for_it():
    store = FakeStore()
    pod = {"metadata": {"name": "reader", "namespace": "ns", "labels": {}}}
    pod["status"] = {
        "containerStatuses": [{"name": "batchai-sidecar", "state": {"running": {}}}],
    }
    reader = ReaderPod(store, lambda _: None)
    await reader.make(pod)
    closing = asyncio.ensure_future(reader.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert store.all(PODS) == []
