"""Waiting for something that happens elsewhere, bounded, with a message that helps.

Every wait of the cluster tests goes through here; none of them sleeps for a fixed time.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    check: Callable[[], T],
    seconds: float,
    what: str,
    explain: Callable[[], str] = lambda: "",
    *,
    pause: float = 0.25,
) -> T:
    """Call `check` until it returns something true, and return that.

    Raises:
        AssertionError: it did not within `seconds`; the message has what `explain` returns.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}\n{explain()}")
        time.sleep(pause)
