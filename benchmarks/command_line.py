"""(e) The command: how long `batchai` takes to start, to list 1000 jobs, to show a first byte.

Against kubectl for the same question, in turns, each as a process of its own.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from batchai_devcluster.paths import REPOSITORY
from benchmarks import real
from benchmarks.control_plane import finished_jobs
from benchmarks.stage import Stage
from benchmarks.tables import Row, show
from benchmarks.waiting import until

JOBS = 1000
ROUNDS = 5


async def run(stage: Stage) -> None:
    """Measure and print."""
    kubectl = [str(stage.paths.bin / "kubectl")]
    batchai = [str(Path(sys.executable).with_name("batchai"))]
    python = [sys.executable, "-c", "pass"]
    pairs: dict[str, tuple[list[str], list[str]]] = {}
    async with stage.namespace() as many:
        await finished_jobs(stage, many, 0, JOBS)
        async with real.place(stage) as place:
            await place.create_job("talk", "echo first; sleep 600")
            await place.reach("talk", "running")
            log = await place.log_of("talk")
            await until(lambda: _has_text(log), 60, "its first line")
            pod = (await place.pod_of("talk"))["metadata"]["name"]
            here = ["-n", place.namespace]
            pairs = {
                "start (`--help`; against `python -c pass`)": (["--help"], python),
                f"`job list -o table`, {JOBS} jobs (against `kubectl get`)": (
                    ["job", "list", "-g", many, "-o", "table"],
                    [*kubectl, "get", "batchaijobs", "-n", many],
                ),
                "`job file stream`, first byte (against `kubectl logs -f`)": (
                    [*f"job file stream -g {place.namespace} -j talk -f stdout.txt".split()],
                    [*kubectl, "logs", "-f", *here, pod, "-c", "job"],
                ),
            }
            rows = []
            for name, (ours, theirs) in pairs.items():
                fast: list[float] = []
                slow: list[float] = []
                first = "first byte" in name
                # The first run compiles what the image has compiled already.
                await timed(stage, [*batchai, *ours], first=first)
                for _ in range(ROUNDS):
                    slow.append(await timed(stage, [*batchai, *ours], first=first))
                    fast.append(await timed(stage, theirs, first=first))
                rows += [Row(name, slow, "s", fast), Row("what it is against", fast, "s", fast)]
    show("e. The command", rows, ratio="of the other")


async def _has_text(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


async def timed(stage: Stage, command: Sequence[str], *, first: bool) -> float:
    """Return how long a command takes, or how long until it has printed something."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
        "KUBECONFIG": str(stage.paths.kubeconfig),
        "PYTHONPATH": str(REPOSITORY / "operator"),
        "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "batchai-bench-pycache"),
    }
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    if first:
        got = await process.stdout.read(1)
        took = time.perf_counter() - began
        process.terminate()
        await process.stdout.read()
        code = await process.wait()
        if not got:
            raise RuntimeError(f"{command} printed nothing and ended with {code}")
        return took
    await process.stdout.read()
    if code := await process.wait():
        raise RuntimeError(f"{command} ended with {code}")
    return time.perf_counter() - began
