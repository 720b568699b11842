"""(d) The way of output: 200 MB through launcher and sidecar, and how late a line arrives.

The same program writes the same bytes to the share itself, in turns. The end is when the last byte
is in the folder behind the share.
"""

import asyncio
import time
from pathlib import Path

from benchmarks import real
from benchmarks.stage import Stage
from benchmarks.tables import Row, show
from benchmarks.waiting import until

BYTES = 200_000_000
ROUNDS = 4
LINES = 1000
PAUSE = 0.02
_BIG = (
    "python3 -c \"import os; b = (b'x' * 99 + b'\\n') * 640\n"
    f'for _ in range({BYTES // 64_000}): os.write(1, b)"'
)
_SLOW = (
    f'python3 -u -c "import time\nfor _ in range({LINES}): print(time.time()); time.sleep({PAUSE})"'
)


async def run(stage: Stage) -> None:
    """Measure and print."""
    through, direct = [], []
    async with real.place(stage) as place:
        like = await place.pod_of("warm")
        for number in range(ROUNDS):
            begin = place.share / f"{place.namespace}-{number}.begin"
            mounted = f"$AZ_BATCHAI_JOB_MOUNT_ROOT/bench/{begin.name}"
            await place.create_job(f"j{number}", f"date +%s.%N > {mounted}; {_BIG}")
            log = await place.log_of(f"j{number}")
            through.append(BYTES / 1e6 / (await _filled(log) - float(begin.read_text())))
            await place.reach(f"j{number}", "succeeded")
            log.unlink()
            big = begin.with_suffix(".big")
            script = f"date +%s.%N > /share/{begin.name}; {_BIG} > /share/{big.name}"
            await place.create_pod(like, f"p{number}", script)
            direct.append(BYTES / 1e6 / (await _filled(big) - float(begin.read_text())))
            await place.until_pod_ended(f"p{number}")
            big.unlink()
            begin.unlink()
        await place.create_job("slow", _SLOW)
        delays = await _delays(await place.log_of("slow"))
        await place.reach("slow", "succeeded")
    rows = [
        Row("written to the share by the program itself", direct, "MB/s", direct),
        Row("through launcher and sidecar", through, "MB/s", direct, aim="0.70"),
    ]
    show("d. 200 MB of output", rows, ratio="of direct")
    delays.sort()
    late = [delays[int(len(delays) * 0.99)]]
    rows = [
        Row("line printed to line on the share", delays, "s"),
        Row("the same, 99th of 100", late, "s", aim="0.3"),
    ]
    show(f"d. Delay of a line, {LINES} lines", rows)


async def _filled(file: Path, seconds: float = 180) -> float:
    """Wait until a file has all its bytes; return when."""

    async def is_full() -> bool:
        return file.exists() and file.stat().st_size >= BYTES

    await until(is_full, seconds, f"{file.name} to be full", pause=0.005)
    return time.time()


async def _delays(file: Path, seconds: float = 180) -> list[float]:
    """Follow a file of times; return how late each line came."""
    delays: list[float] = []
    offset, rest = 0, b""
    async with asyncio.timeout(seconds):
        while len(delays) < LINES:
            if file.exists() and file.stat().st_size > offset:
                with file.open("rb") as content:
                    content.seek(offset)
                    fresh = content.read()
                now = time.time()
                offset += len(fresh)
                *lines, rest = (rest + fresh).split(b"\n")
                delays += [now - float(line) for line in lines]
            await asyncio.sleep(0.002)
    return delays
