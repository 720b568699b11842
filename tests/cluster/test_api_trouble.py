"""The API server is away, falls silent, is overloaded, or loses its answers, in mid-scenario.

Each run must come out as one that nobody disturbed (support/crash_scenario.py), and the operator
must find back by itself. The runs go on at the same time; the tests only look at what came of them.
How long things took is printed, because bounds would measure the machine.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from support.crash_ground import Ground
from support.crash_scenario import GENEROUS
from support.faults import seeded
from support.objects import a_cluster, a_job

FAULTY = 0.2
"""Share of the requests that are answered wrongly."""

Runs = Mapping[str, Future[str]]


def away(ground: Ground, seconds: float) -> str:
    """Refuse and break all connections for a while, during which both acts of the user happen."""
    with ground.run("away") as run:
        back = threading.Timer(seconds, run.proxy.come_back)

        def leave() -> None:
            run.proxy.go_away()
            back.start()

        run.play(leave)
        back.join()
        # Its Lease may have run out meanwhile; then it ends, and starts again as a candidate.
        assert run.operator.exits in ([], [1]), run.explain()
        return f"away for {seconds:.0f} s: lives ended {run.operator.exits}"


def silence(ground: Ground) -> str:
    """Let all open watches die without a sign."""
    silent_since = 0.0
    with ground.run("silence") as run:

        def fall_silent() -> None:
            nonlocal silent_since
            silent_since = run.proxy.silence_watches()

        run.play(fall_silent)
        assert run.operator.exits == [], run.explain()
        again: dict[str, float] = {}
        for opened, resource in run.proxy.watches:
            if opened > silent_since:
                again.setdefault(resource, opened - silent_since)
        assert {"pods", "batchaijobs"} <= again.keys(), run.explain()
        found = ", ".join(f"{resource} {after:.0f} s" for resource, after in again.items())
        return f"silent watches were given up after: {found}"


def lost_place(ground: Ground) -> str:
    """Remove a running job's Pod while no watch tells, and have the watches lose their place."""
    with ground.run("lost") as run:
        scene = run.scene
        scene.submit(a_cluster("d2", scene.namespace))
        scene.submit(a_job("lost", scene.namespace, "sleep 3600"))
        scene.wait("lost", "running", seconds=GENEROUS)
        # The operator's own lists after its start, and kopf's between them, are over.
        scene.until(lambda: run.proxy.lists["pods"] >= 3, GENEROUS, "the second lists")
        pod = scene.pods("lost")[0]["metadata"]["name"]
        run.proxy.silence_watches()
        scene.api.delete("pods", pod, scene.namespace, gracePeriodSeconds=0)
        scene.until(lambda: not scene.pods("lost"), GENEROUS, "the Pod to be gone")
        lost_since = time.monotonic()
        run.proxy.lose_places()
        try:
            scene.fail("lost", "JobNodeLost", GENEROUS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{run.explain()}") from error
        return (
            f"a deletion that no watch told was noticed after {time.monotonic() - lost_since:.0f} s"
        )


def faulty(ground: Ground, seed: int) -> str:
    """Answer a share of all requests wrongly, by a plan that the seed repeats."""
    begun = time.monotonic()
    with ground.run(f"faulty{seed}", seeded(seed, FAULTY)) as run:
        run.play()
        assert run.operator.exits == [], run.explain()
        assert run.proxy.faults
        thrown = sorted({str(fault) for _, fault in run.proxy.faults})
        return (
            f"seed {seed}: {len(run.proxy.faults)} wrong answers of {len(thrown)} kinds, "
            f"{time.monotonic() - begun:.0f} s"
        )


@pytest.fixture(scope="module")
def runs(ground: Ground, full: bool) -> Iterator[Runs]:
    """All runs of this file, begun."""
    seeds = range(1, 9 if full else 2)
    with ThreadPoolExecutor(4) as pool:
        yield {
            "silence": pool.submit(silence, ground),
            "lost": pool.submit(lost_place, ground),
            "away": pool.submit(away, ground, 60 if full else 10),
            **{f"seed {seed}": pool.submit(faulty, ground, seed) for seed in seeds},
        }


def test_api_server_that_is_away(runs: Runs, tell: Callable[[object], None]) -> None:
    tell(f"\n{runs['away'].result()}")


def test_watches_that_die_in_silence(runs: Runs, tell: Callable[[object], None]) -> None:
    tell(f"\n{runs['silence'].result()}")


def test_watches_that_lose_their_place(runs: Runs, tell: Callable[[object], None]) -> None:
    tell(f"\n{runs['lost'].result()}")


def test_wrong_answers(runs: Runs, tell: Callable[[object], None]) -> None:
    for name, run in runs.items():
        if name.startswith("seed"):
            tell(f"\n{run.result()}")
