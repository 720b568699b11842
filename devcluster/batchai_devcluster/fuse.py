"""FUSE connections: whose they are, and how one is cut whose server does not answer.

Called by teardown.py and traces.py.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CONNECTIONS = Path("/sys/fs/fuse/connections")


def of_processes(processes: Iterable[int | str]) -> set[str]:
    """Return the connections (minor device numbers) whose mounts some processes see."""
    found = set()
    for process in processes:
        with suppress(OSError):
            found |= _in(Path(f"/proc/{process}/mountinfo").read_text())
    return found


def all_connections() -> set[str]:
    """Return every connection of the machine."""
    if not _CONNECTIONS.is_dir():
        return set()
    return {entry.name for entry in _CONNECTIONS.iterdir()}


def cut(connection: str) -> None:
    """End a connection: every call that waits for its server fails at once."""
    with suppress(OSError):
        (_CONNECTIONS / connection / "abort").write_text("1")


def _in(mountinfo: str) -> set[str]:
    found = set()
    for line in mountinfo.splitlines():
        fields = line.split()
        kind = fields[fields.index("-") + 1]
        if kind == "fuse" or kind.startswith(("fuse.", "fuseblk")):
            found.add(fields[2].split(":")[1])
    return found
