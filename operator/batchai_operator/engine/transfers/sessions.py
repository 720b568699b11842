"""A place behind conversations with a launcher in a Pod: a few at a time, kept and used again.

Made by the command line, for a transfer Pod (pods.py) or wherever a job's files can be read now
(files/readers.py). It never tries again; copying.py does, and then another conversation is opened,
in another Pod if need be.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

from batchai_operator.engine.files.ownpods import Source
from batchai_operator.engine.ports import Commands
from batchai_operator.engine.transfers.conversation import Conversation
from batchai_operator.engine.transfers.place import Entry
from batchai_operator.errors import UnavailableError
from batchai_operator.names import SIDECAR_CONTAINER


class Sources(Protocol):
    """Finds the container to talk to."""

    async def find(self) -> Source:
        """Return where the launcher can be run now."""
        ...

    async def forget(self, source: Source) -> None:
        """Give up a source that does not answer, unless it is known to be well."""
        ...

    async def close(self) -> None:
        """Clear up."""
        ...


class SessionPlace:
    """A `Place`. Use it as an asynchronous context manager, so that Pods are removed.

    Args:
        kube: runs commands.
        sources: finds the container.
        command: of the launcher, such as `transfer serve`.
        limit: conversations at a time.
    """

    def __init__(
        self, kube: Commands, sources: Sources, command: Sequence[str], *, limit: int
    ) -> None:
        self._kube = kube
        self._sources = sources
        self._command = ["/launcher", *command]
        self._limit = asyncio.Semaphore(limit)
        self._finding = asyncio.Lock()
        self._idle: list[Conversation] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for conversation in self._idle:
            await conversation.close()
        await self._sources.close()

    async def tree(self, path: str) -> list[Entry]:
        """List everything below a folder (see `Place`)."""
        async with self._conversation() as talk:
            return [_entry(line) for line in await talk.listing(do="tree", path=path)]

    async def entries(self, path: str) -> list[Entry]:
        """List one level (see `Place`)."""
        async with self._conversation() as talk:
            return [_entry(line) for line in await talk.listing(do="list", path=path)]

    async def md5(self, path: str, length: int) -> str:
        """Sum up a file (see `Place`)."""
        async with self._conversation() as talk:
            return str((await talk.ask(do="hash", path=path, length=length))["md5"])

    async def read(self, path: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield bytes (see `Place`)."""
        async with self._conversation() as talk:
            async for piece in talk.content(do="read", path=path, offset=offset, length=length):
                yield piece

    async def partial(self, path: str, key: str) -> int:
        """Tell what an interrupted `write` left (see `Place`)."""
        async with self._conversation() as talk:
            return int((await talk.ask(do="partial", path=path, key=key))["size"])

    async def write(
        self, path: str, key: str, offset: int, length: int, pieces: Iterable[bytes]
    ) -> None:
        """Put bytes there (see `Place`)."""
        async with self._conversation() as talk:
            await talk.ask(pieces, do="write", path=path, key=key, offset=offset, length=length)

    async def commit(self, path: str, key: str, length: int, md5: str, modified: int) -> None:
        """Compare and name (see `Place`)."""
        async with self._conversation() as talk:
            await talk.ask(
                do="commit", path=path, key=key, length=length, md5=md5, modified=modified
            )

    async def make_folder(self, path: str) -> None:
        """Make a folder (see `Place`)."""
        async with self._conversation() as talk:
            await talk.ask(do="folder", path=path)

    @asynccontextmanager
    async def _conversation(self) -> AsyncIterator[Conversation]:
        async with self._limit:
            talk = self._idle.pop() if self._idle else await self._open()
            try:
                yield talk
            finally:
                if talk.is_whole:
                    self._idle.append(talk)
                else:
                    await talk.close()

    async def _open(self) -> Conversation:
        async with self._finding:
            source = await self._sources.find()
        talk = Conversation(
            self._kube.exec(
                source.namespace, source.pod, SIDECAR_CONTAINER, self._command, stdin=True
            )
        )
        try:
            await talk.open()
        except UnavailableError:
            async with self._finding:
                await self._sources.forget(source)
            raise
        return talk


def _entry(line: dict[str, Any]) -> Entry:
    is_text = "raw" not in line
    return Entry(line["name"], line["directory"], line["size"], line["modified"], is_text)
