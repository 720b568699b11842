"""File locks between several runs of this program.

The kernel releases such a lock when its holder dies, however it dies, so no lock is ever left over.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock on `path`; when another run holds it, say so and wait.

    Args:
        path: the lock file; it is created and stays.
        doing: what the holder does, for the message to whoever waits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            print(f"Waiting for process {holder}, which is {doing} ...", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
