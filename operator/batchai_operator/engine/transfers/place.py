"""Where files are copied to and from, as a protocol.

copying.py is written against it; sessions.py implements it by conversations with the launcher.
Paths are relative to the place, with `/`, and never leave it.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """A file or folder of a place.

    Attributes:
        name: path relative to what was listed; `.` when that is a file itself.
        is_directory: whether it is a folder.
        size: bytes; 0 for folders.
        modified: nanoseconds since 1970.
        is_text: whether the name is UTF-8; otherwise `name` only spells it (launcher.md, Sessions),
            and nothing can be asked for by it.
    """

    name: str
    is_directory: bool
    size: int
    modified: int
    is_text: bool = True


class Place(Protocol):
    """A folder somewhere else.

    Every method may raise `UnavailableError` (worth trying again), `NotFoundError`, `RejectedError`
    (the path leaves the place, the volume is full or not to be written) and `ForbiddenError`.
    """

    async def tree(self, path: str) -> list[Entry]:
        """List everything below a folder, or a file."""
        ...

    async def entries(self, path: str) -> list[Entry]:
        """List one level of a folder, or a file."""
        ...

    async def md5(self, path: str, length: int) -> str:
        """Sum up the first `length` bytes of a file, in hexadecimal."""
        ...

    def read(self, path: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield bytes of a file; fewer than `length` where it ends before."""
        ...

    async def partial(self, path: str, key: str) -> int:
        """Tell how many bytes of a file an interrupted `write` with the same key has left there."""
        ...

    async def write(
        self, path: str, key: str, offset: int, length: int, pieces: Iterable[bytes]
    ) -> None:
        """Put bytes behind those that are there; the file has no name before `commit`.

        Args:
            path: the file.
            key: hexadecimal digits for the source of the bytes, so that two who send different
                files under one name at a time are not in each other's way.
            offset: of the first byte.
            length: number of bytes.
            pieces: the bytes.
        """
        ...

    async def commit(self, path: str, key: str, length: int, md5: str, modified: int) -> None:
        """Compare what arrived with what was sent, and give the file its name.

        Raises:
            ConflictError: it is not the same; nothing is kept.
        """
        ...

    async def make_folder(self, path: str) -> None:
        """Make a folder, and those above it; one that exists is left alone."""
        ...
