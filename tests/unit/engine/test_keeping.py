"""What the cache keeps: all that the planner reads, little else, and equal words once."""

import copy
import json

import pytest

from batchai_operator.engine.ports import PODS
from batchai_operator.engine.reconcile import table as table_module
from batchai_operator.engine.reconcile.keeping import kept, kept_job, kept_pod
from batchai_operator.engine.reconcile.table import Table
from unit.engine.world import World


async def _made():
    world = World()
    world.cluster()
    await world.start()
    world.job()
    await world.settle()
    return world


async def test_a_pod_is_kept_without_what_it_runs():
    world = await _made()
    (made,) = world.store.all(PODS)
    before = copy.deepcopy(made)
    small = kept_pod(made)
    assert made == before
    assert len(json.dumps(small)) < len(json.dumps(made)) / 2
    (container,) = small["spec"]["containers"]
    assert container == {"name": "job", "image": "node:1"}
    assert "BATCHAI_PLAN" not in json.dumps(small)
    # A second time changes nothing, so what came from the cache may go in again.
    assert kept_pod(small) == small


async def test_the_planner_sees_no_difference():
    """The same life on what is kept and on whole objects ends with equal statuses."""
    ends = []
    for keep in (None, lambda obj: obj):
        world = World()
        if keep is not None:
            for table in (world.controller.cache.jobs, world.controller.cache.pods):
                table._keep = keep
        world.cluster()
        await world.start()
        world.job(nodes=2)
        await world.settle()
        world.run_pods()
        await world.settle()
        world.end_pods(7)
        await world.settle()
        ends.append(world.status())
    assert ends[0] == ends[1]
    assert ends[0]["executionInfo"]["exitCode"] == 7


def test_an_ended_job_keeps_what_outlasts_its_end():
    spec = {"nodeCount": 2, "kubernetes": {"ttlSecondsAfterFinished": 5}, "mountVolumes": {}}
    job = {"metadata": {"uid": "a"}, "spec": spec, "status": {"executionState": "running"}}
    assert kept_job(job)["spec"] == spec
    ended = {**job, "status": {"executionState": "failed"}}
    assert kept_job(ended)["spec"] == {
        "nodeCount": 2,
        "kubernetes": {"ttlSecondsAfterFinished": 5},
    }


def test_equal_words_of_two_objects_are_one():
    texts = [json.loads('{"metadata": {"uid": "u", "labels": {"a-label": "x.y"}}}') for _ in "ab"]
    first, second = (kept(text)["metadata"]["labels"] for text in texts)
    assert next(iter(first)) is next(iter(second))
    assert first["a-label"] is second["a-label"]


def test_the_dead_are_remembered_for_a_while_and_not_for_ever(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(table_module.time, "monotonic", lambda: now[0])
    table = Table(lambda _: None)
    table.drop("early")
    late = {"metadata": {"uid": "early", "name": "x", "resourceVersion": "1"}}
    assert not table.put(late)
    for number in range(1000):
        now[0] += 1.0
        table.drop(f"d{number}")
    assert len(table._dead) <= 302
    assert table.put(late)


@pytest.mark.parametrize("field", ["metadata", "status"])
async def test_what_the_server_keeps_for_itself_is_dropped(field):
    obj = {"metadata": {"uid": "u", "managedFields": [{}]}, "status": {"phase": "Running"}}
    small = kept(obj)
    assert field in small
    assert "managedFields" not in small["metadata"]
