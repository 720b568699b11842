"""Files of this machine, as copying.py needs them: surveyed, and read from an offset.

localwriting.py writes them. It knows nothing of places. Names that come from elsewhere are made by
jobs, so none may lead out of the folder that the user named.
"""

import asyncio
import hashlib
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from batchai_operator.errors import ConflictError, NotFoundError, RejectedError

PIECE_BYTES = 256 << 10
_PARTIAL = ".{}.batchai-part"
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Local:
    """A file of this machine.

    Attributes:
        path: where it is.
        name: path relative to what is copied, with `/`.
        size: bytes.
        modified: nanoseconds since 1970.
    """

    path: Path
    name: str
    size: int
    modified: int

    @property
    def key(self) -> str:
        """What tells this state of this file on this machine from all others; hexadecimal."""
        facts = f"{socket.gethostname()}\0{self.path.absolute()}\0{self.size}\0{self.modified}"
        return hashlib.sha256(facts.encode(errors="surrogateescape")).hexdigest()[:16]


def survey(source: Path) -> tuple[Sequence[Local], Sequence[str]]:
    """Return the files below a folder (or the one file) and the names of its folders.

    A link to a folder that it lies in is left out, for it has no end.

    Raises:
        NotFoundError: there is no such file or folder.
        RejectedError: a folder cannot be read.
    """
    if not source.is_dir():
        found = look(source)
        if found is None:
            raise NotFoundError(f"There is no file or folder {source}.")
        return (found,), ()
    files, folders = [], []
    above: dict[str, frozenset[tuple[int, int]]] = {str(source): _identity(source)}
    for folder, names, file_names in os.walk(source, onerror=_unreadable, followlinks=True):
        here = above.pop(folder)
        inside = {name: _identity(Path(folder, name)) for name in sorted(names)}
        names[:] = [name for name, own in inside.items() if own and not own <= here]
        above |= {os.path.join(folder, name): here | inside[name] for name in names}  # noqa: PTH118 (as os.walk)
        relative = PurePosixPath(Path(folder).relative_to(source).as_posix())
        folders += [str(relative / name) for name in names]
        for name in sorted(file_names):
            local = look(Path(folder, name))
            if local is not None and not is_partial(name):
                files.append(Local(local.path, str(relative / name), local.size, local.modified))
    return files, folders


def _identity(folder: Path) -> frozenset[tuple[int, int]]:
    """Return what tells a folder from all others; empty when it has gone."""
    try:
        found = folder.stat()
    except OSError:
        return frozenset()
    return frozenset({(found.st_dev, found.st_ino)})


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # What has gone meanwhile is nobody's trouble.
        raise RejectedError(f"{error.filename}: {error.strerror}") from error


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what this machine says about one file into an error of ours, which names it."""
    try:
        yield
    except OSError as error:
        raise RejectedError(f"{path}: {error.strerror}") from error


def look(path: Path) -> Local | None:
    """Return a regular file as it is now, None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Local(path, path.name, found.st_size, found.st_mtime_ns) if path.is_file() else None


def below(folder: Path, name: str) -> Path:
    """Return the path of something in a folder.

    Raises:
        RejectedError: the name leads out of it.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\0" in name:
        raise RejectedError(f"{name} leads out of {folder}.")
    return folder.joinpath(*parts.parts)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it.

    Raises:
        RejectedError: it cannot be made.
    """
    with told(path):
        path.mkdir(parents=True, exist_ok=True)


async def md5(path: Path) -> str:
    """Sum up a file, in a thread: a large one takes a while.

    Raises:
        RejectedError: it cannot be read.
    """

    def sum_up() -> str:
        with told(path), path.open("rb") as file:
            return hashlib.file_digest(file, new_md5).hexdigest()

    return await asyncio.to_thread(sum_up)


class Reading:
    """A file's bytes from an offset on, and the sum of all of them."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._path, self._offset, self._size = path, offset, size
        self._sum = new_md5()

    @property
    def md5(self) -> str:
        """Sum of what has been read, the bytes before the offset included."""
        return self._sum.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes from the offset to the size that the file had at first.

        Raises:
            ConflictError: the file became shorter.
            RejectedError: it cannot be read, or is not there any more.
        """
        at = 0
        with told(self._path):
            opened = self._path.open("rb")
        with opened as file:
            while at < self._size:
                limit = self._offset - at if at < self._offset else self._size - at
                with told(self._path):
                    piece = file.read(min(PIECE_BYTES, limit))
                if not piece:
                    raise ConflictError(f"{self._path} became shorter while it was read.")
                self._sum.update(piece)
                if at >= self._offset:
                    yield piece
                at += len(piece)


def is_text(name: str) -> bool:
    """Tell whether a name is UTF-8; others would be changed on the way, two to one perhaps."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def partial_name(name: str) -> str:
    """Return how a file is called until its bytes are all there; long names are summed up."""
    partial = _PARTIAL.format(name)
    if len(os.fsencode(partial)) <= _LONGEST_NAME:
        return partial
    return _PARTIAL.format(hashlib.sha256(os.fsencode(name)).hexdigest())


def is_partial(name: str) -> bool:
    """Tell whether a name is one of `partial_name`."""
    before, after = _PARTIAL.split("{}")
    return name.startswith(before) and name.endswith(after)


def new_md5() -> "hashlib._Hash":
    """Return an empty sum."""
    # The storage services' own check of content, not a signature.
    return hashlib.md5(usedforsecurity=False)
