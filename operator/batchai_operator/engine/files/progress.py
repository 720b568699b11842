"""How much of a followed file has been handed over, read from the launcher's frames. No I/O.

Called by reading.py. A frame is a line `OFFSET LENGTH` and so many bytes, none of them when a file
is there that has nothing to show yet. An offset of 0 behind the beginning means that the file was
replaced: what follows is the new one. The sum of samples tells the next launcher, or storage,
whether a file is still the one that was shown.
"""

import hashlib
from collections.abc import Callable

from batchai_operator.errors import UnavailableError

SAMPLE = 4096
"""Bytes of a file's beginning and of its last ones by which it is known again, as launcher has."""

_LONGEST_HEADER = 48


class Progress:
    """The place of one reader in one file.

    Args:
        write: takes each piece.
        replaced: called before the pieces of a file that took the place of the one shown so far.

    Attributes:
        offset: how many bytes of the file were handed over.
        is_found: whether it is known that the file exists.
    """

    def __init__(
        self, write: Callable[[bytes], object], replaced: Callable[[], object] = lambda: None
    ) -> None:
        self._write, self._replaced = write, replaced
        self._header = bytearray()
        self._left = 0
        self._head, self._tail = b"", b""
        self.offset = 0
        self.is_found = False

    def connect(self) -> None:
        """Begin to read the frames of another connection; the last one may have broken anywhere."""
        self._header.clear()
        self._left = 0

    @property
    def seen(self) -> str:
        """Sum of the samples of what was handed over; empty before the first byte."""
        return sample_sum(self._head, self._tail) if self.offset else ""

    def take(self, piece: bytes) -> None:
        """Take what came of the frames.

        Raises:
            UnavailableError: these are no frames.
        """
        view = memoryview(piece)
        while view:
            if self._left:
                content, view = view[: self._left], view[self._left :]
                self._left -= len(content)
                self.add(bytes(content))
                continue
            end = piece.find(b"\n", len(piece) - len(view))
            rest = len(view) if end < 0 else end - (len(piece) - len(view))
            self._header += view[:rest]
            view = view[rest + 1 :]
            if len(self._header) > _LONGEST_HEADER:
                raise UnavailableError("The Pod's launcher does not speak as this program does.")
            if end >= 0:
                self._start_frame()

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

    def _start_frame(self) -> None:
        try:
            offset, length = map(int, bytes(self._header).split())
        except ValueError:
            offset, length = -1, 0
        self._header.clear()
        if offset == 0 < self.offset:
            self.start_anew()
        if offset != self.offset:
            raise UnavailableError("The Pod's launcher went on at another place of the file.")
        self._left = length
        self.is_found = True


def sample_sum(head: bytes, tail: bytes) -> str:
    """Return the sum by which a file is known again, from its samples."""
    return hashlib.sha256(head + tail).hexdigest()
