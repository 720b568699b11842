"""A `Place` that is a folder of this machine, with the troubles that tests want.

It keeps the launcher's contract (partial files beside, compared and named by commit); that the
launcher does is tested in its own module and on the cluster.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from batchai_operator.engine.transfers.place import Entry
from batchai_operator.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)


class Folder:
    """See above.

    Attributes:
        breaks_after: bytes of one write or read after which the connection breaks, once each.
        corrupts: bytes of the next write that arrive as something else.
        is_forbidden: nothing may be written.
        refusals: how often that was said.
        offsets: where each write and read began, by name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.breaks_after: list[int] = []
        self.corrupts = 0
        self.is_away = False
        self.is_forbidden = False
        self.refusals = 0
        self.offsets: list[tuple[str, int]] = []
        self.strangers: list[Entry] = []
        self.on_read = lambda: None

    async def tree(self, path: str) -> list[Entry]:
        self._look()
        start = self.root / path
        if start.is_file():
            return [self._entry(start, ".")]
        if not start.is_dir():
            raise NotFoundError(path)
        below = (each for each in sorted(start.rglob("*")) if not each.name.endswith("-part"))
        return [*(self._entry(it, str(it.relative_to(start))) for it in below), *self.strangers]

    async def entries(self, path: str) -> list[Entry]:
        return [entry for entry in await self.tree(path) if "/" not in entry.name]

    async def md5(self, path: str, length: int) -> str:
        self._look()
        return _md5((self.root / path).read_bytes()[:length])

    async def read(self, path: str, offset: int, length: int) -> AsyncIterator[bytes]:
        self._look()
        self.offsets.append((path, offset))
        self.on_read()
        data = (self.root / path).read_bytes()[offset : offset + length]
        for at in range(0, len(data), 1000):
            if self.breaks_after and at >= self.breaks_after[0]:
                del self.breaks_after[0]
                raise UnavailableError("the connection broke")
            yield data[at : at + 1000]

    async def partial(self, path: str, key: str) -> int:
        self._look()
        part = self._part(path, key)
        return part.stat().st_size if part.exists() else 0

    async def write(
        self, path: str, key: str, offset: int, length: int, pieces: Iterable[bytes]
    ) -> None:
        self._look(writing=True)
        self.offsets.append((path, offset))
        part = self._part(path, key)
        part.parent.mkdir(parents=True, exist_ok=True)
        before = part.read_bytes()[:offset] if offset else b""
        data = b"".join(pieces)
        assert len(data) == length
        if self.corrupts and data:
            self.corrupts -= 1
            data = b"?" + data[1:]
        if self.breaks_after and len(data) > self.breaks_after[0]:
            part.write_bytes(before + data[: self.breaks_after.pop(0)])
            raise UnavailableError("the connection broke")
        part.write_bytes(before + data)

    async def commit(self, path: str, key: str, length: int, md5: str, modified: int) -> None:
        self._look()
        part = self._part(path, key)
        data = part.read_bytes()
        if (len(data), _md5(data)) != (length, md5):
            part.unlink()
            raise ConflictError("what arrived is not what was sent")
        os.utime(part, ns=(modified, modified))
        part.rename(self.root / path)

    async def make_folder(self, path: str) -> None:
        self._look(writing=True)
        try:
            (self.root / path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RejectedError(f"{path}: {error.strerror}") from error

    def _look(self, *, writing: bool = False) -> None:
        if self.is_away:
            raise UnavailableError("away")
        if self.is_forbidden and writing:
            self.refusals += 1
            raise ForbiddenError("may not be written")

    def _part(self, path: str, key: str) -> Path:
        return (self.root / path).with_name(f".{Path(path).name}.{key}.batchai-part")

    def _entry(self, path: Path, name: str) -> Entry:
        found = path.stat()
        is_directory = path.is_dir()
        return Entry(name, is_directory, 0 if is_directory else found.st_size, found.st_mtime_ns)


class Silence:
    """A `Meter` that keeps what it is told."""

    def __init__(self) -> None:
        self.files = self.size = self.there = 0
        self.names: list[tuple[str, int, bool]] = []
        self.troubles: list[str] = []

    def begin(self, files: int, size: int) -> None:
        self.files, self.size = files, size

    def moved(self, count: int) -> None:
        self.there += count

    def troubled(self, reason: str) -> None:
        self.troubles.append(reason)

    def done(self, name: str, size: int, *, skipped: bool) -> None:
        self.names.append((name, size, skipped))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
