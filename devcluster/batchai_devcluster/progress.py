"""What a person sees while something takes long: a bar on a terminal, lines elsewhere.

Everything goes to standard error, because some verbs print a result on standard output.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BAR = 28
#: Seconds between two lines where there is no terminal.
_PAUSE = 10.0


class Progress:
    """Counts from nothing to a total.

    Attributes:
        title: what is being done.
        total: how many steps it takes; 0 when nobody can know.
    """

    def __init__(self, title: str, total: int = 0) -> None:
        """Start the clock and show the title."""
        self.title = title
        self.total = total
        self.done = 0
        self._began = time.monotonic()
        self._shown = 0.0
        self._terminal = sys.stderr.isatty()
        self._show(force=True)

    def step(self, note: str = "") -> None:
        """Count one step."""
        self.done += 1
        self._show(note)

    def note(self, note: str) -> None:
        """Show what is going on without counting a step."""
        self._show(note)

    def finish(self, note: str = "done") -> None:
        """Show the end and how long it took."""
        line = f"{self.title}: {note} ({_duration(time.monotonic() - self._began)})"
        print(("\r\x1b[K" if self._terminal else "") + line, file=sys.stderr, flush=True)

    def abandon(self) -> None:
        """End the line of a bar that does not come to its end."""
        if self._terminal:
            print(file=sys.stderr, flush=True)

    def _show(self, note: str = "", *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._shown < (0.1 if self._terminal else _PAUSE):
            return
        self._shown = now
        if self._terminal:
            print(f"\r\x1b[K{self._line(now)} {note[:40]}", end="", file=sys.stderr, flush=True)
        else:
            print(f"{self._line(now)} {note}".rstrip(), file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        elapsed = now - self._began
        if not self.total:
            return f"{self.title} ... {self.done or ''} {_duration(elapsed)}"
        share = min(self.done / self.total, 1.0)
        filled = round(_BAR * share)
        left = f", about {_duration(elapsed / share - elapsed)} left" if share > 0.01 else ""
        return (
            f"{self.title} [{'#' * filled}{'.' * (_BAR - filled)}] {self.done}/{self.total}"
            f"  {_duration(elapsed)}{left} "
        )


@contextmanager
def step(title: str) -> Iterator[Progress]:
    """Show one piece of work whose length nobody can know, and how long it took."""
    progress = Progress(title)
    try:
        yield progress
    except BaseException:
        progress.abandon()
        raise
    progress.finish()


def say(text: str) -> None:
    """Print a line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
