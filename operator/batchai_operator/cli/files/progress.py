"""Shows how a copy goes: a bar on a terminal, lines elsewhere.

The `Meter` of copying.py for the commands that copy. Everything goes to standard error.
"""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from batchai_operator.cli.rendering import harmless

_BAR, _BETWEEN_SECONDS, _LINE_SECONDS, _SPAN_SECONDS = 24, 0.1, 10.0, 10.0
_UNITS = ("B", "KB", "MB", "GB", "TB")


class Progress:
    """Bytes, rate and time left of one copy.

    Args:
        stream: where to; standard error unless a test says otherwise.
        clock: seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._is_terminal = self._stream.isatty()
        self._files = self._done = self._size = self._there = 0
        self._last = self._began = clock()
        self._seen: list[tuple[float, int]] = [(self._began, 0)]
        self._width = 0
        self._trouble = ""

    def begin(self, files: int, size: int) -> None:
        """Learn how much there is (see `Meter`)."""
        self._files, self._size = files, size
        self._last = self._began = self._clock()
        self._seen = [(self._began, 0)]

    def moved(self, count: int) -> None:
        """Learn that bytes were copied (see `Meter`)."""
        self._there += count
        now = self._clock()
        if now - self._last < (_BETWEEN_SECONDS if self._is_terminal else _LINE_SECONDS):
            return
        self._last = now
        self._seen.append((now, self._there))
        # The rate is that of the last seconds, not of the time before a pause.
        while len(self._seen) > 2 and now - self._seen[1][0] > _SPAN_SECONDS:
            del self._seen[0]
        self._show(self._line(now))

    def done(self, name: str, size: int, *, skipped: bool) -> None:
        """Learn that a file is there (see `Meter`)."""
        self._done += 1
        if not self._is_terminal:
            how = "is there already" if skipped else "copied"
            self._stream.write(harmless(f"{name}  {amount(size)}  {how}") + "\n")
            self._stream.flush()

    def troubled(self, reason: str) -> None:
        """Say once why something is tried again (see `Meter`)."""
        if reason == self._trouble:
            return
        self._trouble = reason
        self.close()
        self._stream.write(harmless(f"{reason} (tried again)") + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Remove the bar, so that other text may follow."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def _line(self, now: float) -> str:
        before, count = self._seen[0]
        rate = (self._there - count) / (now - before) if now > before else 0.0
        left = (self._size - self._there) / rate if rate > 0 else None
        share = self._there / self._size if self._size else 1.0
        filled = min(max(int(share * _BAR), 0), _BAR)
        bar = "#" * filled + "." * (_BAR - filled)
        return (
            f"[{bar}] {amount(self._there)} of {amount(self._size)}  "
            f"{self._done} of {self._files} files  {amount(rate)}/s"
            + (f"  {duration(left)} left" if left is not None else "")
        )

    def _show(self, line: str) -> None:
        if self._is_terminal:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = max(self._width, len(line))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


def amount(count: float) -> str:
    """Write a number of bytes as people say it."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def counted(files: int) -> str:
    """Write a number of files as people say it."""
    return f"{files} file" if files == 1 else f"{files} files"


def duration(seconds: float) -> str:
    """Write a time as `0:01:20`."""
    whole = int(seconds + 0.5)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
