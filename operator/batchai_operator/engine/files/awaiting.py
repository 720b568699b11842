"""Tells people what they wait for while a file of a job does not come.

Called by reading.py beside a follow. A job that cannot start says why in its `message`; without it
a stream would be as silent about an image that cannot be pulled as about a program that computes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from batchai_operator.engine.files.origin import Origin
from batchai_operator.engine.files.progress import Progress
from batchai_operator.errors import BatchAIError

NEWS_SECONDS = 3.0
"""How often a job that does not start is asked why."""


async def tell_while_awaited(
    origin: Origin, path: str, progress: Progress, announce: Callable[[str], None], seconds: float
) -> None:
    """Say that a file is awaited, then each message of the job that does not start, once.

    It ends when something of the file was shown, or the job does not grow it any more.

    Args:
        origin: where the files are.
        path: of the file, as it is called to the user.
        progress: of its reader.
        announce: told what the user is waiting for.
        seconds: what comes within so long is not worth a word.
    """
    await _pause(seconds)
    if origin.is_growing and not progress.is_found:
        announce(f'The file "{path}" not found. Waiting for the job to generate it.')
    told: set[str] = set()
    while origin.is_growing and not progress.offset:
        with suppress(BatchAIError):  # Whoever follows the file hears of it too.
            news = await origin.news()
            if news and news not in told:
                announce(news)
                told.add(news)
        await _pause(NEWS_SECONDS)


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
