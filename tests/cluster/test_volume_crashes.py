"""The operator is killed right after each write of jobs with claims, which come and go as ever.

Like test_crash_at_every_write.py, for the writes that only PersistentVolumes cost (ADR 0006): two
for a volume that is made, two for one that goes. The last kill leaves a PersistentVolume without a
claim, and an operator that knows nothing of it.
"""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from support.api import Raw
from support.crash_ground import Ground, Run
from support.objects import a_cluster, a_job
from support.waiting import wait_until

AT_A_TIME = 3
JOBS = ("a", "b")


def volumes_of(run: Run) -> list[Raw]:
    """Return the PersistentVolumes for the run's namespace."""
    found = run.scene.api.list("persistentvolumes", "")
    mine = run.scene.namespace
    return [one for one in found if (one["spec"].get("claimRef") or {}).get("namespace") == mine]


def play(run: Run) -> None:
    """Two jobs share a claim; both end and go."""
    api, namespace = run.scene.api, run.scene.namespace
    run.scene.submit(a_cluster("d2", namespace))
    for name in JOBS:
        kubernetes = {"volumeMode": "PersistentVolume"}
        run.scene.submit(a_job(name, namespace, "echo alive", kubernetes=kubernetes))
    for name in JOBS:
        run.scene.succeed(name, 300)
        assert len(run.scene.pods(name)) == 1
        assert run.scene.status(name)["volumeClaims"]
    assert len(volumes_of(run)) == 1
    for name in JOBS:
        api.delete("batchaijobs", name, namespace)
    wait_until(
        lambda: not volumes_of(run) and not api.list("persistentvolumeclaims", namespace),
        300,
        "the claim and its volume to be gone",
        lambda: f"{volumes_of(run)}\n{run.explain()}",
    )


def killed(ground: Ground, number: int) -> str:
    """Play with a kill after write `number` (0: none); return what is wrong, for 0 the writes."""
    with ground.run(f"volume{number}") as run:
        run.proxy.kill_after(number, run.operator.kill)
        try:
            play(run)
            # The last write may be the end of the play, and the death a moment later.
            ends = [-signal.SIGKILL] * (0 < number <= len(run.proxy.writes))
            wait_until(lambda: run.operator.exits == ends, 30, f"the operator to end {ends}")
        except AssertionError as error:
            return f"killed after {number}: {error}\n{run.explain()}"
        if number == 0:
            return "\n".join(str(write) for write in run.proxy.writes)
    return ""


def test_killed_after_every_write(
    ground: Ground, full: bool, tell: Callable[[object], None]
) -> None:
    undisturbed = killed(ground, 0)
    tell(f"\n{undisturbed}")
    writes = undisturbed.splitlines()
    ours = [number for number, write in enumerate(writes, 1) if "persistentvolume" in write]
    assert len(ours) == 4, undisturbed
    numbers = range(1, len(writes) + 1) if full else ours
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        problems = list(pool.map(partial(killed, ground), numbers))
    assert not any(problems), "\n".join(filter(None, problems))
