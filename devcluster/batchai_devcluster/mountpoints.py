"""The empty folders on the machine that nodes cover with folders of their own (see nodes.py).

Most do not exist on a machine without Kubernetes. The ones that `up` makes carry a mark, so that
the last cluster to go can remove exactly those.
"""

from contextlib import suppress
from pathlib import Path

_MARK = ".made-by-batchai-devcluster"


def make(paths: list[str]) -> None:
    """Create the folders that are missing, with a mark in each."""
    for path in map(Path, paths):
        if not path.exists():
            path.mkdir(parents=True)
            (path / _MARK).touch()


def remove(paths: list[str]) -> None:
    """Remove the folders that carry the mark and nothing else.

    Only for the last cluster: a folder that another cluster's nodes cover must stay, since removing
    it would take their mounts away.
    """
    for path in map(Path, paths):
        mark = path / _MARK
        if mark.exists() and [entry.name for entry in path.iterdir()] == [_MARK]:
            mark.unlink()
            with suppress(OSError):
                path.rmdir()


def left(paths: list[str]) -> list[str]:
    """Return the folders that still carry the mark."""
    return [path for path in paths if (Path(path) / _MARK).exists()]
