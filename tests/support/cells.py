"""One job of the matrix of log bytes: where it stands, what it wrote, what of that arrived.

Used by tests/cluster/test_no_byte_lost.py. The job writes by streams.py, to a share that has the
cell's name; a third Pod looks at the witness and at what is on the share.
"""

from dataclasses import dataclass
from typing import Any

from support.api import Raw
from support.scene import Scene
from support.streams import SPEEDS, Speed, digest


@dataclass(frozen=True)
class Cell:
    """One job of the matrix."""

    cause: str
    speed: str

    def __str__(self) -> str:
        return f"{self.cause}-{self.speed}"

    @property
    def writing(self) -> Speed:
        return SPEEDS[self.speed]


def witness(scene: Scene, cell: Cell) -> str:
    """Where a cell's program says how far it has come, on the share `logs`."""
    return f"witness/{scene.namespace}/{cell}"


def until_written(scene: Scene, cell: Cell, size: int) -> None:
    """Wait until a program has written so much; the third Pod waits, because it is nearer."""
    file = f"/share/{witness(scene, cell)}.written"
    look = f'for _ in $(seq 400); do [ "$(cat {file} 2>/dev/null || echo 0)" -ge {size} ] '
    look += "&& exit; sleep 0.05; done; exit 1"
    scene.until(lambda: can(scene, look), 120, f"{cell} to have written {size} bytes", str(cell))


def can(scene: Scene, line: str) -> bool:
    """Tell whether the third Pod can run a shell line."""
    try:
        scene.onlooker.run("bash", "-c", line)
    except AssertionError:
        return False
    return True


def at_gate(scene: Scene, cell: Cell) -> Raw:
    """Wait until a program has come to its gate, and return its Pod."""
    (pod,) = scene.wait_until_job_runs(str(cell), seconds=240)
    until_written(scene, cell, cell.writing.gate)
    return pod


def go(scene: Scene, cell: Cell) -> None:
    scene.onlooker.run("touch", f"/share/{witness(scene, cell)}.go")


def written(scene: Scene, cell: Cell) -> int:
    """How many bytes write(2) had surely taken."""
    return int(scene.onlooker.read(f"{witness(scene, cell)}.written"))


def arrived(scene: Scene, cell: Cell) -> int:
    """Return the size of what is on the share, which must be a prefix of the stream."""
    file = f"/{cell}/{scene.folder(str(cell))}/stdout.txt"
    size = int(scene.onlooker.run("stat", "-c", "%s", file))
    found = scene.onlooker.run("sha256sum", file).decode().split()[0]
    assert found == digest(size), f"the {size} bytes of {cell} are not the stream's first"
    return size


def end(scene: Scene, cell: Cell, seconds: float = 180) -> Raw:
    """Wait until a job has ended and nothing of its Pod runs any more; return its status."""
    status = scene.finish(str(cell), seconds)

    def is_over() -> bool:
        return all(
            pod["status"]["phase"] in {"Succeeded", "Failed"} for pod in scene.pods(str(cell))
        )

    scene.until(is_over, 240, f"the Pod of {cell} to end", str(cell))
    return status


def incomplete(status: Raw) -> str | None:
    """Return the message of the condition that output is missing."""
    found = [c["message"] for c in status["conditions"] if c["type"] == "LogsIncomplete"]
    return found[0] if found else None


def error_of(status: Raw) -> tuple[str | None, Any]:
    info = status["executionInfo"]
    errors = [error["code"] for error in info.get("errors", ())]
    return (errors[0] if errors else None), info.get("exitCode")
