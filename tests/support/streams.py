"""A program that writes a known stream and says how far it has come, and what ought to arrive.

Used by the tests of log bytes. The program is a job's task: it writes numbered lines of 64 bytes to
its standard output and, after each write(2) that has returned, how many bytes that were to a file
on the healthy share `logs`, the witness. It stops at a gate until a file appears, so that what a
test does to it surely happens while output flows.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

LINE = 64

PROGRAM = r"""
import os, time
size, gate, lines, pause = (int(os.environ[n]) for n in ("SIZE", "GATE", "LINES", "PAUSE_MS"))
base = os.environ["WITNESS"]
os.makedirs(os.path.dirname(base), exist_ok=True)
witness = os.open(base + ".written", os.O_CREAT | os.O_WRONLY)
number = done = 0
while done < size:
    data = b"".join(b"%063d\n" % each for each in range(number, number + lines))
    number += lines
    while data:
        count = os.write(1, data)
        data = data[count:]
        done += count
        os.pwrite(witness, b"%020d" % done, 0)
    if done >= gate > 0:
        gate = 0
        while not os.path.exists(base + ".go"):
            time.sleep(0.05)
    time.sleep(pause / 1000)
"""


@dataclass(frozen=True)
class Speed:
    """How a stream is written.

    Attributes:
        size: bytes of the whole stream.
        gate: bytes before the gate.
        lines: lines of one write(2).
        pause: milliseconds between two writes.
    """

    size: int
    gate: int
    lines: int
    pause: int = 0

    @property
    def piece(self) -> int:
        """Bytes of one write(2): so far the witness may lag behind a writer that is killed."""
        return self.lines * LINE


SPEEDS = {
    "slow": Speed(size=400 * LINE, gate=20 * LINE, lines=1, pause=50),
    "fast": Speed(size=3072 << 16, gate=16 << 16, lines=1024),
    # More than half of the spool, which is what one of two outputs may take: it must be waited for.
    "blocked": Speed(size=8192 << 16, gate=16 << 16, lines=1024),
    "brief": Speed(size=80 * LINE, gate=20 * LINE, lines=1, pause=50),
}


def writer(speed: Speed, witness: str) -> dict[str, Any]:
    """Return the properties of a job whose one task is the program.

    Args:
        speed: how it writes.
        witness: path of its files on the share `logs`, without ending.
    """
    values = {
        "SIZE": speed.size,
        "GATE": speed.gate,
        "LINES": speed.lines,
        "PAUSE_MS": speed.pause,
        "WITNESS": f"$AZ_BATCHAI_JOB_MOUNT_ROOT/logs/{witness}",
        "PROGRAM": PROGRAM,
    }
    return {
        "command": 'exec python3 -c "$PROGRAM"',
        "environmentVariables": [{"name": k, "value": str(v)} for k, v in values.items()],
        # They wait at their gates most of the time.
        "kubernetes": {"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}}},
    }


def digest(size: int) -> str:
    """Return the SHA-256 of the first bytes of the stream."""
    found, lines = hashlib.sha256(), 4096
    for first in range(0, size // LINE + 1, lines):
        piece = b"".join(b"%063d\n" % each for each in range(first, first + lines))
        found.update(piece[: size - first * LINE])
    return found.hexdigest()
