"""One fake API server and one client per test."""

import pytest_asyncio

from batchai_operator.kube.client import KubeClient
from unit.kube.server import start


@pytest_asyncio.fixture
async def server():
    made, runner = await start()
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def client(server):
    """A client whose limit no loaded machine reaches; who measures the limit makes another."""
    async with KubeClient(server.access(token="secret"), timeout=60) as made:
        yield made
