"""How much of a followed file has been handed over, read from the launcher's frames. No I/O.

Called by reading.py. A frame is a line `OFFSET LENGTH` and so many bytes, or `OFFSET LENGTH PACKED`
and so many bytes of deflate, which become LENGTH bytes of the file. An offset of 0 behind the
beginning means that the file was replaced: what follows is the new one. The sum of samples tells
the next launcher, or storage, whether a file is still the one that was shown.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator

from typing_extensions import Buffer

from batchai_operator.errors import UnavailableError

SAMPLE = 4096
"""Bytes of a file's beginning and of its last ones by which it is known again, as launcher has."""

_LONGEST_HEADER = 48
_UNPACKED_BYTES = 1 << 18
"""Unpacked at a time, so that no frame, whatever it claims, can fill our memory."""


class Progress:
    """The place of one reader in one file.

    Args:
        write: takes each piece.
        replaced: called before the pieces of a file that took the place of the one shown so far.

    Attributes:
        offset: bytes handed over so far.
        may_pack: whether the launcher is asked for packed frames; older ones know none.
    """

    def __init__(
        self, write: Callable[[bytes], object], replaced: Callable[[], object] = lambda: None
    ) -> None:
        self._write, self._replaced = write, replaced
        self._header = bytearray()
        self._left = 0
        self._packed: _Packed | None = None
        self._head, self._tail = b"", b""
        self.offset = 0
        self.may_pack = True

    def connect(self) -> None:
        """Begin to read the frames of another connection; the last one may have broken anywhere."""
        self._header.clear()
        self._left = 0
        self._packed = None

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
                if self._packed is None:
                    self.add(bytes(content))
                    continue
                for unpacked in self._packed.unpack(content, is_last=not self._left):
                    self.add(unpacked)
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
            offset, length, *packed = map(int, bytes(self._header).split())
        except ValueError:
            offset, length, packed = -1, 0, []
        self._header.clear()
        if offset == 0 < self.offset:
            self.start_anew()
        if offset != self.offset:
            raise UnavailableError("The Pod's launcher went on at another place of the file.")
        self._packed = _Packed(length) if packed else None
        self._left = packed[0] if packed else length


class _Packed:
    """What one packed frame becomes.

    Args:
        length: bytes that it must become.
    """

    def __init__(self, length: int) -> None:
        self._left = length
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def unpack(self, content: Buffer, *, is_last: bool) -> Iterator[bytes]:
        """Yield what more of the frame becomes.

        Raises:
            UnavailableError: it is broken.
        """
        try:
            while True:
                unpacked = self._inflate.decompress(content, _UNPACKED_BYTES)
                self._left -= len(unpacked)
                if self._left < 0:
                    break
                if unpacked:
                    yield unpacked
                content = self._inflate.unconsumed_tail
                if not content and len(unpacked) < _UNPACKED_BYTES:
                    break
        except zlib.error:
            self._left = -1
        if self._left < 0 or (is_last and (self._left or not self._inflate.eof)):
            raise UnavailableError("What the Pod's launcher sent cannot be unpacked.")


def sample_sum(head: bytes, tail: bytes) -> str:
    """Return the sum by which a file is known again, from its samples."""
    return hashlib.sha256(head + tail).hexdigest()
