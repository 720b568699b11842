"""The operator of this checkout as a process of this machine, so that /proc tells what it costs.

Used by the benchmarks that measure the operator. It runs with the settings of the installed chart
and the rights of its ServiceAccount; the chart's own Pod is scaled to nothing meanwhile (stage.py).
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from batchai_devcluster.paths import REPOSITORY
from benchmarks.waiting import until

_TICKS = os.sysconf("SC_CLK_TCK")


class Operator:
    """One operator process.

    Args:
        settings: `BATCHAI_OPERATOR_*`, complete.
        log: file that gets what it says.
    """

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._settings = settings
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self.started_at = 0.0

    @property
    def pid(self) -> int:
        """Id of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; `until_ready` waits."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY / "operator"),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            # Compiled once, as in the image.
            "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "batchai-bench-pycache"),
            **self._settings,
            "BATCHAI_OPERATOR_HEALTH_PORT": str(self._port),
        }
        profiler = os.environ.get("BENCH_PROFILE")
        command = [sys.executable, "-m", "batchai_operator.main"]
        if profiler:
            # For people who look where the time goes: a file for pstats at the end of the process.
            command = [sys.executable, "-m", "cProfile", "-o", profiler, *command[1:]]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.started_at = time.perf_counter()

    async def until_ready(self, seconds: float = 60) -> None:
        """Wait until it leads and has listed everything.

        Raises:
            RuntimeError: it ended.
            TimeoutError: it is not ready in time.
        """

        async def is_synced() -> bool:
            return (await self.metrics()).get("synced") == 1

        await until(is_synced, seconds, "the operator to be ready", pause=0.02)

    async def until_idle(self, seconds: float = 300, quiet: float = 1.0) -> None:
        """Wait until nothing waits for a worker, and no pass was made for a moment."""
        before, since = -1.0, time.perf_counter()
        async with asyncio.timeout(seconds):
            while time.perf_counter() - since < quiet:
                now = await self.metrics()
                busy = now.get("queue_depth", 1) or now.get("queue_retrying", 1)
                if busy or now.get("passes_total") != before:
                    before, since = now.get("passes_total", -1.0), time.perf_counter()
                await asyncio.sleep(0.1)

    async def metrics(self) -> dict[str, float]:
        """Return its figures without the prefix; none while it does not answer."""
        assert self._process is not None
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"the operator has ended:\n{tail}")
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self._port}/metrics") as answer,
            ):
                text = await answer.text()
        except aiohttp.ClientError:
            return {}
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name.removeprefix("batchai_operator_"): float(value) for name, value in pairs}

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        return cpu_seconds(self.pid)

    def resident(self) -> float:
        """Return its resident memory in MB now."""
        return self._kilobytes("VmRSS") / 1000

    def peak(self) -> float:
        """Return the most it has ever had in memory, in MB."""
        return self._kilobytes("VmHWM") / 1000

    def open_files(self) -> int:
        """Return the number of its open files."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Return the number of its threads."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def stop(self) -> None:
        """End it in order, so that it gives the Lease back; kill it when it does not end."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _kilobytes(self, name: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return float(line.split()[1])
        raise ValueError(name)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
