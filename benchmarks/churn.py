"""Flat in time: jobs are made and deleted for an hour, and nothing may have grown at the end.

Started by `make churn MINUTES=60`. Jobs of one and two nodes run on simulated nodes and end, well
or not; some are deleted while they run. Memory, open files and threads of the operator are sampled
each minute, objects of the cluster are counted before and after. Exit code 1 when something grew.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import objects, simulated
from benchmarks.process import Operator
from benchmarks.stage import Stage, prepared
from benchmarks.tables import machine
from benchmarks.waiting import until

JOBS_PER_SECOND = 1.0
"""The garbage collector deletes children at 20 requests a second; more would pile up there."""

RUN_SECONDS = 5
KEEP_SECONDS = 20
"""How long a job is kept after its creation; every tenth goes while it runs."""

MEMORY_SLACK = 3.0
"""MB between the first and the last third of the samples that are noise and no growth."""

FILES_SLACK = 4
"""Connections come and go; a leak of one in a hundred jobs would be more than this."""

COUNTED = {
    "Pods": "/api/v1/pods",
    "Services": "/api/v1/services",
    "Secrets": "/api/v1/secrets",
    "jobs": "/apis/batchai.dev/v1/batchaijobs",
    "clusters": "/apis/batchai.dev/v1/batchaiclusters",
}


@dataclass(frozen=True)
class Sample:
    """What the operator has at a moment, and what it has done."""

    minute: float
    memory: float
    files: int
    threads: int
    jobs: int
    pods: int
    passes: int
    failures: int


async def _sample(operator: Operator, began: float) -> Sample:
    figures = await operator.metrics()
    return Sample(
        minute=(time.monotonic() - began) / 60,
        memory=operator.resident(),
        files=operator.open_files(),
        threads=operator.threads(),
        jobs=int(figures['objects{resource="batchaijobs"}']),
        pods=int(figures['objects{resource="pods"}']),
        passes=int(figures["passes_total"]),
        failures=int(figures["failures_total"]),
    )


async def run(minutes: float) -> bool:
    """Churn, print a table, and return whether all stayed as it was."""
    async with prepared() as stage, simulated.nodes(stage), stage.namespace() as space:
        pool = objects.a_cluster(space, size=objects.SIZE)
        await stage.api.send("POST", f"{objects.GROUP}/{space}/batchaiclusters", pool)
        print(f"\nMeasured {machine()}.\n", flush=True)
        async with stage.operator() as operator:
            began, before = time.monotonic(), await _objects(stage)
            samples = [await _sample(operator, began)]
            _print_head(samples[0])
            churning = asyncio.ensure_future(_churn(stage, space, minutes * 60))
            while not churning.done():
                await asyncio.wait([churning], timeout=60)
                if not churning.done():
                    samples.append(await _sample(operator, began))
                    _print(samples[-1])
            made = await churning
            # Longer than connections are kept open and Pods take to be collected.
            await operator.until_idle(quiet=30)
            after = await _settled(stage, before)
            samples.append(await _sample(operator, began))
            _print(samples[-1])
    grown = [*_grown_objects(before, after), *_grown(samples)]
    print(f"\n{made} jobs made and deleted.")
    print("Grown: " + ("; ".join(grown) if grown else "nothing") + ".", flush=True)
    return not grown


async def _churn(stage: Stage, space: str, seconds: float) -> int:
    """Make and delete jobs for so long; return how many, when all are deleted."""
    path = f"{objects.GROUP}/{space}/batchaijobs"
    alive: deque[tuple[float, str]] = deque()
    began, number = time.monotonic(), 0
    while (now := time.monotonic()) - began < seconds:
        name = f"j{number:06}"
        where = objects.simulated(RUN_SECONDS, exit_code=number % 5 == 4)
        job = objects.a_job(space, name, nodes=1 + number % 2, kubernetes=where)
        await stage.api.send("POST", path, job)
        alive.append((now + (3 if number % 10 == 9 else KEEP_SECONDS), name))
        alive = deque(sorted(alive))
        number += 1
        while alive and alive[0][0] <= time.monotonic():
            await stage.api.send("DELETE", f"{path}/{alive.popleft()[1]}")
        await asyncio.sleep(max(0.0, began + number / JOBS_PER_SECOND - time.monotonic()))
    for _, name in alive:
        await stage.api.send("DELETE", f"{path}/{name}")
    return number


async def _objects(stage: Stage) -> dict[str, int]:
    return {name: await stage.api.count(path) for name, path in COUNTED.items()}


async def _settled(stage: Stage, before: dict[str, int], seconds: float = 300) -> dict[str, int]:
    """Give the garbage collector time to finish; return what there is then."""

    async def are_as_before() -> bool:
        return await _objects(stage) == before

    with contextlib.suppress(TimeoutError):
        await until(are_as_before, seconds, "the children to be collected", pause=2)
    return await _objects(stage)


def _grown_objects(before: dict[str, int], after: dict[str, int]) -> list[str]:
    return [
        f"{name} {before[name]} to {after[name]}" for name in before if after[name] > before[name]
    ]


def _grown(samples: Sequence[Sample]) -> list[str]:
    """Return what grew; the first two samples are the start itself, the last one is at rest."""
    grown = []
    first, last, busy = samples[0], samples[-1], samples[2:-1]
    third = max(1, len(busy) // 3)
    if len(busy) >= 3:
        early = statistics.median(sample.memory for sample in busy[:third])
        late = statistics.median(sample.memory for sample in busy[-third:])
        slope = (late - early) / (busy[-third].minute - busy[0].minute) * 60
        print(f"\nMemory: {early:.1f} MB at first, {late:.1f} MB at last, {slope:+.1f} MB an hour.")
        if late - early > MEMORY_SLACK:
            grown.append(f"memory {early:.1f} to {late:.1f} MB")
    if last.files > first.files + FILES_SLACK:
        grown.append(f"open files {first.files} to {last.files}")
    if last.threads > first.threads:
        grown.append(f"threads {first.threads} to {last.threads}")
    if last.jobs > first.jobs or last.pods > first.pods:
        grown.append(f"known objects {first.jobs}, {first.pods} to {last.jobs}, {last.pods}")
    return grown


def _print_head(sample: Sample) -> None:
    print("| minute | memory, MB | files | threads | jobs | Pods | passes | failed |")
    print("| ---: " * 8 + "|")
    _print(sample)


def _print(sample: Sample) -> None:
    figures = (sample.files, sample.threads, sample.jobs, sample.pods, sample.passes)
    cells = [f"{sample.minute:.1f}", f"{sample.memory:.1f}", *map(str, figures)]
    print("| " + " | ".join([*cells, str(sample.failures)]) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make churn")
    parser.add_argument("--minutes", type=float, default=60)
    chosen = parser.parse_args()
    print(f"Takes {chosen.minutes:g} minutes and about 3 more.", file=sys.stderr, flush=True)
    sys.exit(0 if asyncio.run(run(chosen.minutes)) else 1)
