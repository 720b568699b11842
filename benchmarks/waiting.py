"""Waiting for what happens elsewhere: asked again and again, and never for ever.

Used by all benchmarks; the pause between questions is the error of what is timed by them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    check: Callable[[], Awaitable[T]], seconds: float, what: str, *, pause: float = 0.1
) -> T:
    """Ask until the answer is something true, and return that.

    Raises:
        TimeoutError: it was not within `seconds`; the message says what was waited for.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while not (found := await check()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        await asyncio.sleep(pause)
    return found
