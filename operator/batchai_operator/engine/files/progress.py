"""How much of a followed file has been handed over. No I/O.

Called by reading.py with the launcher's frames, and by blobfiles.py with bytes from storage. A
frame without bytes tells that a file is there that has nothing to show yet. A frame at offset 0
behind the beginning means that the file was replaced: what follows is the new one. The sum of
samples tells the next launcher, or storage, whether a file is still the one that was shown.
"""

import hashlib
from collections.abc import Callable

from batchai_operator.engine.files.frames import Frames
from batchai_operator.errors import UnavailableError

SAMPLE = 4096
"""Bytes of a file's beginning and of its last ones by which it is known again, as launcher has."""


class Progress:
    """The place of one reader in one file.

    Args:
        write: takes each piece.
        replaced: called before the pieces of a file that took the place of the one shown so far.

    Attributes:
        offset: how many bytes of the file were handed over.
        is_found: whether it is known that the file exists.
        may_pack: whether the launcher is asked for packed frames; older ones know none.
    """

    def __init__(
        self, write: Callable[[bytes], object], replaced: Callable[[], object] = lambda: None
    ) -> None:
        self._write, self._replaced = write, replaced
        self._frames = Frames(self._start_frame)
        self._head, self._tail = b"", b""
        self.offset = 0
        self.is_found = False
        self.may_pack = True

    def connect(self) -> None:
        """Begin to read the frames of another connection; the last one may have broken anywhere."""
        self._frames = Frames(self._start_frame)

    @property
    def seen(self) -> str:
        """Sum of the samples of what was handed over; empty before the first byte."""
        return sample_sum(self._head, self._tail) if self.offset else ""

    def take(self, piece: bytes) -> None:
        """Take what came of the frames.

        Raises:
            UnavailableError: these are no frames.
        """
        for content in self._frames.contents(piece):
            self.add(content)

    def add(self, content: bytes) -> None:
        """Hand over bytes that come next in the file."""
        self.is_found = True
        self._write(content)
        self.offset += len(content)
        if len(self._head) < SAMPLE:
            self._head += content[: SAMPLE - len(self._head)]
        self._tail = (self._tail + content[-SAMPLE:])[-SAMPLE:]

    def start_anew(self) -> None:
        """Begin with a file that took the place of the one shown so far."""
        if self.offset:
            self._replaced()
        self.offset, self._head, self._tail = 0, b"", b""

    def _start_frame(self, offset: int) -> None:
        if offset == 0 < self.offset:
            self.start_anew()
        if offset != self.offset:
            raise UnavailableError("The Pod's launcher went on at another place of the file.")
        self.is_found = True


def sample_sum(head: bytes, tail: bytes) -> str:
    """Return the sum by which a file is known again, from its samples."""
    return hashlib.sha256(head + tail).hexdigest()
