"""A file of this machine that is written in parts, by one command at a time.

Used by copying.py. The bytes are beside where the file will be, so that a half file is never seen
as a whole one.

Decision where nobody has said anything: of two commands that copy to one file at a time the second
is refused. On a file system without locks nobody can tell, and both go on.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from batchai_operator.engine.transfers.localfiles import (
    PIECE_BYTES,
    make_folder,
    new_md5,
    partial_name,
    told,
)
from batchai_operator.errors import RejectedError


class Writing:
    """A file that gets its bytes in parts, beside where it will be, and its name at the end.

    Attributes:
        offset: bytes that an earlier attempt left.
        size: bytes so far.
    """

    def __init__(self, target: Path, size: int) -> None:
        self._target = target
        self._partial = target.with_name(partial_name(target.name))
        self._file: BinaryIO | None = None
        self._sum = new_md5()
        self._limit = size
        self.offset = self.size = 0

    def __enter__(self) -> Self:
        make_folder(self._target.parent)
        with told(self._partial):
            self._file = self._open_alone()
            if self._file.tell() > self._limit:
                self._file.truncate(0)
            self._file.seek(0)
            while piece := self._file.read(PIECE_BYTES):
                self._sum.update(piece)
                self.size += len(piece)
        self.offset = self.size
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._file is not None:
            with told(self._partial):  # What was kept in memory is written now.
                self._file.close()

    @property
    def md5(self) -> str:
        """Sum of all bytes so far."""
        return self._sum.hexdigest()

    def take(self, piece: bytes) -> None:
        """Put bytes behind the others.

        Raises:
            RejectedError: this machine does not take them.
        """
        assert self._file is not None, "enter the context first"  # noqa: S101 (a bug of ours)
        with told(self._partial):
            self._file.write(piece)
        self._sum.update(piece)
        self.size += len(piece)

    def keep(self, modified: int) -> None:
        """Give the file its name and its time; before the context ends, for so long it is ours."""
        assert self._file is not None, "enter the context first"  # noqa: S101 (a bug of ours)
        with told(self._target):
            self._file.flush()
            os.utime(self._partial, ns=(modified, modified))
            self._partial.replace(self._target)

    def throw_away(self) -> None:
        """Remove what arrived."""
        with told(self._partial):
            self._partial.unlink(missing_ok=True)

    def _open_alone(self) -> BinaryIO:
        """Open the partial file, which nobody else writes until it is closed."""
        while True:
            file = self._partial.open("a+b")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise RejectedError(f"{self._target}: another command copies to it.") from None
            except OSError:
                return file
            if _is_at(file, self._partial):
                return file
            file.close()  # Whoever had it has just given it its name.


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
