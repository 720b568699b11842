"""(f) Files: first byte of list and stream, live and cold; throughput; memory of the client.

Throughput is set against `cat` in the job's own container over the same mount, which needs no
network at all, and against `kubectl exec … cat`, which goes the way we go; for bytes that do not
shrink, and for a log as training programs write it. What is compared takes turns.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import real
from benchmarks.command_line import timed
from benchmarks.logtext import training_log
from benchmarks.stage import Stage
from benchmarks.tables import Row, show
from benchmarks.waiting import until

BYTES = 500_000_000
ROUNDS = 5
KINDS = {"noise": "random bytes", "log": "a training log"}
_MAKE = f"head -c {BYTES} /dev/urandom >$AZ_BATCHAI_STDOUTERR_DIR/noise; echo first"
_LOG_ONCE = 20_000_000
"""Bytes of log that are made; the rest repeats them, far beyond what a packer looks back."""


async def run(stage: Stage) -> None:
    """Measure and print."""
    async with real.place(stage) as place:
        await place.create_job("ended", _MAKE)
        await place.reach("ended", "succeeded")
        await place.create_job("live", f"{_MAKE}; sleep 3600")
        await place.reach("live", "running")
        log = await place.log_of("live")
        await until(lambda: _has_text(log), 120, "its first line")
        pod = (await place.pod_of("live"))["metadata"]["name"]
        rows = []
        for name, aim in (("live", "0.5"), ("ended", "5")):
            for word in ("list", "stream"):
                samples = await _first_bytes(stage, place.namespace, name, word)
                rows.append(Row(f"`{word}`, job {name}: first byte", samples, "s", aim=aim))
        kubectl = [str(stage.paths.bin / "kubectl"), "-n", place.namespace, "exec", pod]
        await asyncio.to_thread(_write_log, log.parent / "log")
        mounted = str(log.parent).split(f"/{place.share.name}/", 1)[1]
        folder = f"/mnt/batch/tasks/shared/LS_root/jobs/default/default/live/mounts/bench/{mounted}"
        speeds: dict[tuple[str, str], list[float]] = {
            (kind, way): [] for kind in KINDS for way in ("cat", "kubectl", "stream")
        }
        memory: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for _ in range(ROUNDS):
            for kind in KINDS:
                cat = [*kubectl, "-c", "job", "--", "cat", f"{folder}/{kind}"]
                inside = [*cat[:-2], "bash", "-c", f"time cat {folder}/{kind} >/dev/null"]
                speeds[kind, "cat"].append(BYTES / 1e6 / await _inside(stage, inside))
                speeds[kind, "kubectl"].append((await _speed(stage, cat))[0])
                words = _words(place.namespace, "live", "stream", kind)
                speed, peak = await _speed(stage, words)
                speeds[kind, "stream"].append(speed)
                memory[kind].append(peak)
    for kind, what in KINDS.items():
        cats = speeds[kind, "cat"]
        rows += [
            Row(f"{what}: `cat` in the container, to nowhere", cats, "MB/s", cats),
            Row(f"{what}: `kubectl exec … cat`", speeds[kind, "kubectl"], "MB/s", cats),
            Row(f"{what}: `job file stream`", speeds[kind, "stream"], "MB/s", cats, aim="0.50"),
            Row(f"{what}: memory of `job file stream` at most", memory[kind], "MB", aim="64"),
        ]
    show(f"f. Files, {BYTES // 10**6} MB", rows, ratio="of cat")


def _write_log(file: Path) -> None:
    once = b"".join(training_log(_LOG_ONCE))
    with file.open("wb") as out:
        for begin in range(0, BYTES, len(once)):
            out.write(once[: BYTES - begin])


def _words(namespace: str, job: str, word: str, file: str = "stdout.txt") -> list[str]:
    batchai = str(Path(sys.executable).with_name("batchai"))
    words = [batchai, "job", "file", word, "-g", namespace, "-j", job]
    return [*words, "-f", file] if word == "stream" else words


async def _first_bytes(stage: Stage, namespace: str, job: str, word: str) -> list[float]:
    command = _words(namespace, job, word)
    await timed(stage, command, first=True)  # The first run compiles what the image has compiled.
    return [await timed(stage, command, first=True) for _ in range(ROUNDS)]


async def _speed(stage: Stage, command: Sequence[str]) -> tuple[float, float]:
    """Return MB/s from the first byte to the last, and the most memory in MB."""
    environment = {**os.environ, "KUBECONFIG": str(stage.paths.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    got, began = len(await process.stdout.read(1)), time.perf_counter()
    while got < BYTES:
        piece = await process.stdout.read(1 << 20)
        if not piece:
            raise RuntimeError(f"{command} ended after {got} bytes")
        got += len(piece)
    took = time.perf_counter() - began
    status = Path(f"/proc/{process.pid}/status")
    peak = 0.0
    if status.exists() and "VmHWM:" in (text := status.read_text()):
        peak = float(text.partition("VmHWM:")[2].split()[0]) / 1000
    if process.returncode is None:
        process.terminate()
    await process.stdout.read()
    await process.wait()
    return BYTES / 1e6 / took, peak


async def _inside(stage: Stage, command: Sequence[str]) -> float:
    """Return the seconds that bash's `time` says."""
    environment = {**os.environ, "KUBECONFIG": str(stage.paths.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    words = told.decode().split()
    minutes, _, seconds = words[words.index("real") + 1].rstrip("s").partition("m")
    return float(minutes) * 60 + float(seconds)


async def _has_text(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0
