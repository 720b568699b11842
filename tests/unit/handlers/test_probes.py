"""Probes and metrics: each fact that matters turns the right one red, and no other does."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from batchai_operator.engine.reconcile.health import Health
from batchai_operator.engine.reconcile.queue import Counts
from batchai_operator.handlers.metrics import render
from batchai_operator.handlers.probes import (
    DEAF_SECONDS,
    LEASE_SILENT_SECONDS,
    STUCK_SECONDS,
    Probes,
    Standing,
    complaints,
    doubts,
)

GOOD = Health(
    synced=True,
    resync_age=10,
    event_age=5,
    echo_age=0,
    queue_depth=0,
    queue_oldest=0,
    retrying=0,
    delayed=0,
    counts=Counts(done=3, failed=1),
    known={"pods": 2},
)
LEADER = Standing(leading=True, seen=True, silence=1)
STANDBY = Standing(leading=False, seen=True, silence=1)


@dataclass
class Leadership:
    leading: bool
    seen: datetime | None


def test_a_healthy_leader_and_a_healthy_standby_are_well_and_ready():
    for standing in (LEADER, STANDBY):
        assert complaints(GOOD, standing) == []
        assert doubts(GOOD, standing) == []


@pytest.mark.parametrize(
    ("health", "standing", "words"),
    [
        (replace(GOOD, queue_oldest=STUCK_SECONDS + 1), LEADER, "a task"),
        (replace(GOOD, echo_age=DEAF_SECONDS + 1), LEADER, "by its watch"),
        (GOOD, replace(LEADER, silence=LEASE_SILENT_SECONDS + 1), "Lease"),
    ],
)
def test_what_only_a_new_start_heals_is_unhealthy(health, standing, words):
    (complaint,) = complaints(health, standing)
    assert words in complaint


def test_an_api_server_that_is_away_is_no_reason_to_start_again():
    busy = replace(GOOD, retrying=500, queue_depth=100, queue_oldest=30, event_age=9999)
    assert complaints(busy, STANDBY) == []
    assert complaints(busy, replace(STANDBY, silence=9999)) == []


@pytest.mark.parametrize(
    ("health", "standing", "ready"),
    [
        (replace(GOOD, synced=False), LEADER, False),
        (replace(GOOD, synced=False), STANDBY, True),
        (GOOD, Standing(leading=False, seen=False, silence=1), False),
        (GOOD, replace(STANDBY, silence=LEASE_SILENT_SECONDS + 1), False),
    ],
)
def test_ready_means_working_or_able_to_take_over(health, standing, ready):
    assert (doubts(health, standing) == []) is ready


async def test_the_three_routes_answer():
    health = [GOOD]
    leadership = Leadership(leading=True, seen=datetime.now(UTC))
    probes = Probes(lambda: health[0], leadership, lambda: {("create", "pods"): 4})
    async with TestClient(TestServer(probes.app())) as client:
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/readyz")).status == 200
        text = await (await client.get("/metrics")).text()
        assert "batchai_operator_leader 1\n" in text
        health[0] = replace(GOOD, queue_oldest=STUCK_SECONDS + 1)
        answer = await client.get("/healthz")
        assert answer.status == 500
        assert (await answer.json())["problems"]
        health[0] = GOOD
        leadership.seen = datetime.now(UTC) - timedelta(seconds=LEASE_SILENT_SECONDS + 5)
        assert (await client.get("/readyz")).status == 500


async def test_the_server_starts_and_stops_without_complaint():
    leadership = Leadership(leading=True, seen=datetime.now(UTC))
    probes = Probes(lambda: GOOD, leadership, dict)
    # pytest turns a warning of aiohttp's into a failure.
    await probes.start(0)
    await probes.stop()


def test_metrics_are_in_prometheus_form():
    text = render(GOOD, {("create", "pods"): 4}, leading=False, lease_age=1.5)
    lines = text.splitlines()
    assert 'batchai_operator_api_requests_total{verb="create",resource="pods"} 4' in lines
    assert 'batchai_operator_objects{resource="pods"} 2' in lines
    assert "batchai_operator_lease_age_seconds 1.5" in lines
    assert "batchai_operator_passes_total 3" in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    for name in names:
        assert any(line.startswith((f"{name} ", f"{name}{{")) for line in lines)


def test_what_is_not_known_yet_is_left_out():
    text = render(replace(GOOD, resync_age=None, event_age=None), {}, leading=False, lease_age=0)
    assert "resync_age" not in text
    assert "event_age" not in text
