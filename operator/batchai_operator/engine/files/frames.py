"""Reads the frames in which the launcher sends a file (docs/reference/launcher.md, Files). No I/O.

Used by progress.py for files that are followed, and by transfers/conversation.py for those that are
copied. A frame is a line `OFFSET LENGTH` and so many bytes, or `OFFSET LENGTH PACKED` and so many
bytes of deflate, which become LENGTH bytes of the file.
"""

import zlib
from collections.abc import Callable, Iterator

from typing_extensions import Buffer

from batchai_operator.errors import UnavailableError

_LONGEST_HEADER = 48
_UNPACKED_BYTES = 1 << 18
"""Unpacked at a time, so that no frame, whatever it claims, can fill our memory."""


class Frames:
    """The frames of one connection, cut anywhere.

    Args:
        begin: called with each frame's offset, or -1 for what is no header, before its content.
    """

    def __init__(self, begin: Callable[[int], object]) -> None:
        self._begin = begin
        self._header = bytearray()
        self._left = 0
        self._packed: _Packed | None = None

    @property
    def is_between(self) -> bool:
        """Whether the last frame is over and no other has begun."""
        return not self._left and not self._header

    def contents(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece of the connection brings of the file.

        Raises:
            UnavailableError: these are no frames.
        """
        view = memoryview(piece)
        while view:
            if self._left:
                content, view = view[: self._left], view[self._left :]
                self._left -= len(content)
                if self._packed is None:
                    yield bytes(content)
                else:
                    yield from self._packed.unpack(content, is_last=not self._left)
                continue
            end = piece.find(b"\n", len(piece) - len(view))
            rest = len(view) if end < 0 else end - (len(piece) - len(view))
            self._header += view[:rest]
            view = view[rest + 1 :]
            if len(self._header) > _LONGEST_HEADER:
                raise UnavailableError("The Pod's launcher does not speak as this program does.")
            if end >= 0:
                self._start()

    def _start(self) -> None:
        try:
            offset, length, *packed = map(int, bytes(self._header).split())
        except ValueError:
            offset, length, packed = -1, 0, []
        self._header.clear()
        self._begin(offset)
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
