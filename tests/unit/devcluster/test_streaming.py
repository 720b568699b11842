"""Long programs where control groups cannot be made, as for everybody but root and on macOS."""

import os
import sys
from pathlib import Path

import pytest

from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.streaming import stream
from support.waiting import wait_until


class Refused(Cgroups):
    """What the kernel says to somebody without the right."""

    def __init__(self, error: Exception) -> None:
        super().__init__("batchai-test")
        self.error = error

    def make(self, group: str) -> Path:  # noqa: ARG002 - the signature of the real one
        raise self.error


REFUSALS = [
    PermissionError(13, "Permission denied"),
    FileNotFoundError(2, "/proc/mounts"),
    DevclusterError("This machine has neither"),
]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_program_runs_without_a_control_group(error):
    lines: list[str] = []
    command = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"]
    stream(command, lines.append, cgroups=Refused(error))
    assert sorted(lines) == ["err", "out"]
    with pytest.raises(CommandError, match="code 3"):
        stream(["/bin/sh", "-c", "exit 3"], lines.append, cgroups=Refused(error))


def test_a_program_that_fails_leaves_no_pipe_open():
    before = sorted(Path("/proc/self/fd").iterdir())
    # The error holds the frame, so that nothing is closed by chance.
    with pytest.raises(CommandError) as kept:
        stream(["/bin/sh", "-c", "exit 3"], print, cgroups=Refused(REFUSALS[0]))
    assert sorted(Path("/proc/self/fd").iterdir()) == before, kept


def test_an_interruption_ends_what_the_program_started():
    """The grandchild sleeps for an hour; who interrupts must not leave it behind."""

    def interrupt(line: str) -> None:
        started.append(int(line))
        raise KeyboardInterrupt

    started: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        stream(
            ["/bin/sh", "-c", "sleep 3600 & echo $!; wait"], interrupt, cgroups=Refused(REFUSALS[0])
        )
    wait_until(lambda: not _runs(started[0]), 60, "the end of the grandchild")


def _runs(process: int) -> bool:
    """A killed process may stay a zombie for a while, when whoever inherits it does not look."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
