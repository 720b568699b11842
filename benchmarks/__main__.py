"""The menu of benchmarks: `python -m benchmarks [NAME,NAME…]`, or `make bench`.

Says how long each takes, runs them one after the other on one cluster, prints Markdown.
"""

import asyncio
import importlib
import sys
import time
from dataclasses import dataclass

from benchmarks.stage import prepared
from benchmarks.tables import machine


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: its module in this room, what it is about, and how long it takes."""

    module: str
    about: str
    minutes: float


BENCHMARKS = {
    "control-plane": Benchmark("control_plane", "(a) jobs accepted to last Pod", 7),
    "restart": Benchmark("restart", "(b) restart with 1000 running jobs", 3.5),
    "start": Benchmark("start_time", "(c) job created to its program's first line", 1),
    "logs": Benchmark("log_path", "(d) 200 MB of output, and the delay of a line", 1.5),
    "command": Benchmark("command_line", "(e) batchai: start, list, first byte", 2),
    "files": Benchmark("file_reading", "(f) files: first byte, throughput, memory", 2.5),
}


def main(words: list[str]) -> int:
    """Run the benchmarks that are named, or all."""
    wanted = [name for word in words for name in word.split(",") if name] or list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    for name in wanted:
        told = BENCHMARKS[name]
        print(f"{name}: {told.about}, about {told.minutes:g} min", file=sys.stderr)
    total = sum(BENCHMARKS[name].minutes for name in wanted)
    print(f"About {total:g} minutes in all, once the cluster runs.", file=sys.stderr, flush=True)
    asyncio.run(_run(wanted))
    return 0


async def _run(wanted: list[str]) -> None:
    async with prepared() as stage:
        print(f"\nMeasured {machine()}.", flush=True)
        for name in wanted:
            began = time.monotonic()
            await importlib.import_module(f"benchmarks.{BENCHMARKS[name].module}").run(stage)
            took = (time.monotonic() - began) / 60
            print(f"{name} took {took:.1f} min.", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
