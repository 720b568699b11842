"""One conversation with a launcher that serves a folder (docs/reference/launcher.md, Sessions).

Made by sessions.py. Requests and answers are lines of JSON, with raw bytes behind some. It speaks;
what is asked, and what is done about an error, is decided elsewhere.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, TypeVar

from batchai_operator.engine.files.complaints import in_words
from batchai_operator.engine.files.filecalls import MISSING, OUTSIDE, USAGE, raise_for
from batchai_operator.engine.files.frames import Frames
from batchai_operator.engine.ports import ExecStream
from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)

QUIET_SECONDS = 120.0
"""The launcher says every few seconds that it is alive; after this silence it, the volume or the
connection is not."""

_ERRORS: Mapping[str, type[BatchAIError]] = {
    "notFound": NotFoundError,
    "escapes": RejectedError,
    "readOnly": RejectedError,
    "forbidden": ForbiddenError,
    "refused": RejectedError,
    "mismatch": ConflictError,
}

_REFUSALS = frozenset({USAGE, MISSING, OUTSIDE})
"""Exit codes of a launcher that will not serve what it was started for, however often."""

Result = TypeVar("Result")


class Conversation:
    """Requests one after the other on one running `serve`.

    Attributes:
        is_whole: no request is half done, so that another may follow.
    """

    def __init__(self, opened: AbstractAsyncContextManager[ExecStream]) -> None:
        self.is_whole = False
        self._opened = opened
        self._run: ExecStream | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._buffer = bytearray()

    async def open(self) -> None:
        """Start the command.

        Raises:
            UnavailableError: the Pod is not there (any more), or does not answer.
        """
        try:
            self._run = await _patiently(self._opened.__aenter__())
        except (NotFoundError, ConflictError) as error:
            raise UnavailableError(str(error)) from error
        self._pieces = aiter(self._run)
        self.is_whole = True

    async def close(self) -> None:
        """Hang up."""
        self.is_whole = False
        if self._run is not None:
            self._run = None
            await self._opened.__aexit__(None, None, None)

    async def ask(self, pieces: Iterable[bytes] = (), **request: object) -> dict[str, Any]:
        """Make a request, send the bytes that belong to it, and return the answer."""
        await self._say(request)
        for piece in pieces:
            await self._send(piece)
        return await self._answer()

    async def listing(self, **request: object) -> list[dict[str, Any]]:
        """Make a request that is answered by many lines, and return all but the last."""
        await self._say(request)
        found = []
        while "name" in (line := await self._line()):
            found.append(line)
        self._end(line)
        return found

    async def content(self, **request: object) -> AsyncIterator[bytes]:
        """Make a request that is answered by bytes, packed where that pays, and yield them."""
        await self._say({**request, "packed": True})
        answer = await self._answer()
        left = int(answer["size"])
        self.is_whole = left == 0
        if answer.get("packed"):
            async for piece in self._unpacked(left):
                yield piece
            return
        # A launcher that an older operator brought sends them as they are.
        while left:
            if not self._buffer:
                await self._fill()
            piece = bytes(self._buffer[:left])
            del self._buffer[: len(piece)]
            left -= len(piece)
            self.is_whole = left == 0
            yield piece

    async def _unpacked(self, left: int) -> AsyncIterator[bytes]:
        frames = Frames(_check_header)
        while left or not frames.is_between:
            if not self._buffer:
                await self._fill()
            sent = bytes(self._buffer)
            self._buffer.clear()
            for piece in frames.contents(sent):
                left -= len(piece)
                yield piece
            if left < 0:
                raise UnavailableError("The Pod's launcher sent more than it said.")
        self.is_whole = True

    async def _say(self, request: Mapping[str, object]) -> None:
        self.is_whole = False
        await self._send(json.dumps(request).encode() + b"\n")

    async def _send(self, data: bytes) -> None:
        if self._run is None:
            raise UnavailableError("The conversation is over.")
        await _patiently(self._run.send(data))

    async def _answer(self) -> dict[str, Any]:
        while (line := await self._line()).get("working"):
            pass
        self._end(line)
        return line

    def _end(self, line: Mapping[str, Any]) -> None:
        self.is_whole = True
        if not line["ok"]:
            error = _ERRORS.get(str(line.get("kind")), UnavailableError)
            raise error(in_words(str(line.get("error"))))

    async def _line(self) -> dict[str, Any]:
        while (end := self._buffer.find(b"\n")) < 0:
            await self._fill()
        line: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    async def _fill(self) -> None:
        if self._pieces is None:
            raise UnavailableError("The conversation is over.")
        try:
            self._buffer += await _patiently(anext(self._pieces))
        except StopAsyncIteration:
            self._hung_up()
        except ConflictError as error:
            raise UnavailableError(str(error)) from error

    def _hung_up(self) -> NoReturn:
        reason = self._run.stderr.strip() if self._run else ""
        if self._run and self._run.exit_code in _REFUSALS:
            raise_for(self._run.exit_code, reason)
        raise UnavailableError(reason or "The launcher ended the conversation.")


def _check_header(offset: int) -> None:
    if offset < 0:
        raise UnavailableError("The Pod's launcher does not speak as this program does.")


async def _patiently(doing: Awaitable[Result]) -> Result:
    try:
        async with asyncio.timeout(QUIET_SECONDS):
            return await doing
    except TimeoutError as error:
        raise UnavailableError(f"Nothing was heard for {QUIET_SECONDS:.0f} s.") from error
