"""(b) Restart while 1000 jobs run: the time until everything was looked at again, and the writes.

The jobs run on simulated nodes. A restart is orderly, as an upgrade is; after a kill the Lease has
to run out first, which takes up to 14 s and is not what this is about.
"""

import time

from benchmarks import objects, simulated
from benchmarks.process import Operator
from benchmarks.stage import Stage
from benchmarks.tables import Row, show
from benchmarks.waiting import until

JOBS = 1000
ROUNDS = 5
WRITES = ("create", "update", "patch", "delete", "apply")


async def run(stage: Stage) -> None:
    """Measure and print."""
    async with simulated.nodes(stage), stage.namespace() as space:
        async with stage.operator() as operator:
            await _run_jobs(stage, space)
            await operator.until_idle(quiet=3)
            before = operator.resident()
        listed, consistent, writes, memory, peak, spent = [], [], [], [], [], []
        for _ in range(ROUNDS):
            async with stage.operator() as operator:
                listed.append(time.perf_counter() - operator.started_at)
                consistent.append(await _consistent(operator))
                await operator.until_idle(quiet=6)
                writes.append(_writes(await operator.metrics()))
                memory.append(operator.resident())
                peak.append(operator.peak())
                spent.append(operator.cpu_seconds())
    rows = [
        Row("process started to everything listed", listed, "s"),
        Row("process started to every job looked at", consistent, "s", aim="2"),
        Row("writes, the Lease's apart", writes, aim="0"),
        Row("processor time", spent, "s"),
        Row("resident", memory, "MB", aim="80"),
        Row("resident at most", peak, "MB"),
        Row("resident of the process that started the jobs", [before], "MB", aim="80"),
    ]
    show(f"b. Restart with {JOBS} running jobs", rows)


async def _run_jobs(stage: Stage, space: str) -> None:
    path = f"{objects.GROUP}/{space}"
    pool = objects.a_cluster(space, size=objects.SIZE)
    await stage.api.send("POST", f"{path}/batchaiclusters", pool)
    where = objects.simulated(seconds=24 * 3600)
    names = [f"j{number:05}" for number in range(JOBS)]
    bodies = objects.encoded(objects.a_job(space, name, kubernetes=where) for name in names)
    await stage.api.all("POST", [(f"{path}/batchaijobs", body) for body in bodies])
    await wait_for_states(stage, space, "running", JOBS)


async def wait_for_states(stage: Stage, space: str, state: str, wanted: int) -> None:
    """Wait until so many jobs are in a state."""

    async def are_there() -> bool:
        jobs = (await stage.api.get(f"{objects.GROUP}/{space}/batchaijobs"))["items"]
        states = [(job.get("status") or {}).get("executionState") for job in jobs]
        return states.count(state) >= wanted

    await until(are_there, 600, f"{wanted} jobs to be {state}", pause=1)


async def _consistent(operator: Operator) -> float:
    """Return the seconds from the start of the process to the end of the first look at all jobs."""

    async def has_looked() -> bool:
        now = await operator.metrics()
        return now.get("passes_total", 0) >= JOBS and not now.get("queue_depth", 1)

    await until(has_looked, 120, "every job to be looked at", pause=0.02)
    return time.perf_counter() - operator.started_at


def _writes(figures: dict[str, float]) -> float:
    return sum(
        value
        for name, value in figures.items()
        if name.startswith("api_requests_total")
        and any(f'verb="{verb}"' in name for verb in WRITES)
        and "leases" not in name
    )
