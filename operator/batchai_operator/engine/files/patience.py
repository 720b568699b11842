"""How often and how long something that fails is tried again.

Called by reading.py. It sleeps and speaks; what is tried is none of its business.
"""

import asyncio
from collections.abc import Callable

from batchai_operator.errors import BatchAIError

PATIENCE_SECONDS = 120.0
"""How long files are asked for again that cannot be read and do not grow any more; storage that is
away for a minute is no reason to give up."""

_FIRST_DELAY, _LONGEST_DELAY, _QUEUE_DELAY = 0.25, 8.0, 1.0
_SILENT_SECONDS = 1.5
"""What passes within so long is not worth a word."""


class Patience:
    """Waits between tries, longer each time, and knows when to stop.

    Args:
        announce: told what is wrong when it does not pass at once.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._told = ""
        self.renew()

    def renew(self) -> None:
        """Begin anew, because something was read."""
        self._delay, self._slept = _FIRST_DELAY, 0.0
        self._since: float | None = None

    async def wait(self, error: BatchAIError | None, *, forever: bool = False) -> None:
        """Wait a little.

        Args:
            error: what went wrong; None when there is only nothing to read yet.
            forever: never give up.

        Raises:
            BatchAIError: `error`, when it was waited for long enough.
        """
        longest = _LONGEST_DELAY
        if error is None:
            self._slept, self._since, longest = 0.0, None, _QUEUE_DELAY
        else:
            now = asyncio.get_running_loop().time()
            self._since = now if self._since is None else self._since
            waited = max(self._slept, now - self._since)
            if not forever and waited >= PATIENCE_SECONDS:
                raise error
            if waited > _SILENT_SECONDS and str(error) != self._told:
                self._told = str(error)
                self._announce(f"{error.args[0]} (tried again)")
        self._delay = min(self._delay, longest)
        self._slept += self._delay
        await asyncio.sleep(self._delay)
        self._delay *= 2
