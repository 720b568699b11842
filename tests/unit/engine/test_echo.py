"""Our own writes come back through a watch, or somebody is deaf."""

import asyncio

from batchai_operator.engine.ports import JOBS
from batchai_operator.engine.reconcile.echo import Echo
from unit.engine.world import World


def _obj(version, uid="u"):
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


async def test_a_write_is_waited_for_until_its_version_is_heard():
    echo = Echo()
    assert echo.oldest_seconds() == 0
    echo.wrote(_obj(5))
    await asyncio.sleep(0.01)
    echo.heard(_obj(4), gone=False)
    assert echo.oldest_seconds() >= 0.01
    echo.heard(_obj(5), gone=False)
    assert echo.oldest_seconds() == 0


async def test_the_age_counts_from_the_first_write_and_a_deletion_ends_it():
    echo = Echo()
    echo.wrote(_obj(5))
    await asyncio.sleep(0.02)
    echo.wrote(_obj(6))
    assert echo.oldest_seconds() >= 0.02
    echo.heard(_obj(6), gone=True)
    assert echo.oldest_seconds() == 0


async def test_a_deaf_operator_knows_it_and_a_hearing_one_is_not_suspected():
    world = World()
    world.cluster()
    await world.start()
    world.job()
    await world.settle()
    assert world.controller.health().echo_age == 0
    world.run_pods()
    world.store.watchers = []
    await world.settle()
    assert world.controller.health().echo_age > 0


async def test_a_write_that_changes_nothing_has_no_echo():
    world = World()
    await world.start()
    world.job()
    await world.settle()
    world.store.watchers = []
    world.controller._inbox.wrote(JOBS, world.store.one(JOBS, "j"))
    assert world.controller.health().echo_age == 0
