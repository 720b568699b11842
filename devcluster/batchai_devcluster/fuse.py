"""FUSE connections: whose they are, and how one is cut whose server does not answer.

Called by teardown.py and traces.py.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchai_devcluster.errors import CommandError
from batchai_devcluster.running import run

_CONNECTIONS = Path("/sys/fs/fuse/connections")


def of_processes(processes: Iterable[int | str]) -> set[str]:
    """Return the connections (minor device numbers) whose mounts some processes see."""
    found = set()
    for process in processes:
        # Of a process that was killed the first thread may be gone while another still waits in
        # the kernel, for a file system that it serves itself.
        for table in Path(f"/proc/{process}/task").glob("*/mountinfo"):
            with suppress(OSError):
                found |= _in(table.read_text())
                break
    return found


def all_connections() -> set[str]:
    """Return every connection of the machine."""
    if not _CONNECTIONS.is_dir():
        return set()
    return {entry.name for entry in _CONNECTIONS.iterdir()}


def cut(connection: str) -> None:
    """End a connection: every call that waits for its server fails at once."""
    with suppress(OSError, CommandError), _control():
        (_CONNECTIONS / connection / "abort").write_text("1")


@contextmanager
def _control() -> Iterator[None]:
    """Have the kernel's list of connections, which not every machine has mounted, meanwhile."""
    if any(_CONNECTIONS.iterdir()):
        yield
        return
    run(["mount", "-t", "fusectl", "fusectl", _CONNECTIONS])
    try:
        yield
    finally:
        run(["umount", _CONNECTIONS])


def _in(mountinfo: str) -> set[str]:
    found = set()
    for line in mountinfo.splitlines():
        fields = line.split()
        kind = fields[fields.index("-") + 1]
        if kind == "fuse" or kind.startswith(("fuse.", "fuseblk")):
            found.add(fields[2].split(":")[1])
    return found
