"""Lists, follows and reads files, wherever they are at the moment, until it is done.

Called by outputs.py and volumefiles.py, whose origins say where the files are. What breaks is taken
up where it broke: nothing is lost, nothing is handed over twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from batchai_operator.engine.files import filecalls
from batchai_operator.engine.files.awaiting import tell_while_awaited
from batchai_operator.engine.files.blobfiles import BlobFolder
from batchai_operator.engine.files.filecalls import Folder, LostError, SilenceError
from batchai_operator.engine.files.origin import Origin
from batchai_operator.engine.files.ownpods import Source, StartError
from batchai_operator.engine.files.patience import Patience
from batchai_operator.engine.files.progress import Progress
from batchai_operator.engine.files.readers import Absence
from batchai_operator.engine.ports import Commands
from batchai_operator.engine.storageports import ContainerGoneError
from batchai_operator.errors import ForbiddenError, NotFoundError, UnavailableError

LATE_SECONDS = 1.0
"""After so long without a byte the user is told that the file is awaited."""

_MISSING_PATIENCE = 4
"""After so many looks a folder from which something was shown is gone for good."""

_LOOKS_WHILE_PREPARING = 6
"""How often a folder is listed that the job's node is about to make; about four seconds."""

_NOT_STARTED = "The job has not started, so there are no files yet."
_PREPARING = "The job's first node has not made its folders yet, so there are no files."

Items = list[dict[str, Any]]
Result = TypeVar("Result")


class Reading:
    """One directory of one origin, for one question.

    Args:
        commands: runs the launcher.
        origin: where the files are.
        directory_id: of the directory.
        path: file or folder inside it.
    """

    def __init__(self, commands: Commands, origin: Origin, directory_id: str, path: str) -> None:
        self._commands, self._origin = commands, origin
        self._id, self._path = directory_id, path
        self._announce = origin.straight.announce

    async def pages(self) -> AsyncIterator[Items]:
        """Yield the items of a folder, page by page; see `OutputFiles.list_pages`."""
        token, looks = "", 0

        async def step(
            source: Source | Absence | None,
        ) -> tuple[AsyncIterator[Items] | Items, str] | None:
            nonlocal looks
            if source is Absence.NOT_STARTED:
                self._announce(_NOT_STARTED)
                return [], ""
            folder = None if token else await self._origin.folder(self._id)
            if folder and (pages := await self._well_begun(folder.pages(self._path))):
                return pages, ""
            page = await self._page(source, token)
            looks += page is None
            if looks < _LOOKS_WHILE_PREPARING or page is not None:
                return page
            self._announce(_PREPARING)
            return [], ""

        while True:
            found, token = await self._until_done(step)
            if isinstance(found, list):
                yield found
            else:
                async for page in found:
                    yield page
            if not token:
                return

    async def _page(self, source: Source | Absence | None, token: str) -> tuple[Items, str] | None:
        """Return items and where to go on; None when the job's folders are still being made."""
        try:
            async with self._container(source) as where:
                return await filecalls.list_page(self._commands, where, self._path, token)
        except NotFoundError:
            if isinstance(source, Source) and source.is_preparing:
                return None
            raise

    async def follow(self, progress: Progress) -> bool:
        """Hand over a file to its end; return whether it exists. See `OutputFiles.stream`."""
        missing = 0

        async def step(source: Source | Absence | None) -> bool | None:
            nonlocal missing
            if source is Absence.NOT_STARTED:
                return None
            if source is None and (folder := await self._origin.folder(self._id)) is not None:
                return await self._follow_straight(folder, progress)
            async with self._container(source) as where:
                code, complaint = await filecalls.follow(
                    self._commands, where, self._path, progress
                )
            # With several nodes the last output of another may come after the sidecar of the
            # first is done; then a reader has the last word.
            is_last = source is None
            progress.is_found = progress.is_found or code == filecalls.OK
            if code == filecalls.OK and (is_last or self._origin.ends_alone):
                return True
            if code != filecalls.MISSING:
                filecalls.raise_for(code, complaint)
            elif is_last:
                return False
            # The origin knows the directory, so a node that runs has yet to make its folders; but
            # where something was shown they were there, and somebody has removed them.
            missing = missing + 1 if code == filecalls.MISSING and progress.offset else 0
            if missing > _MISSING_PATIENCE:
                filecalls.raise_for(code, complaint)
            return None

        late = asyncio.ensure_future(
            tell_while_awaited(self._origin, self._path, progress, self._announce, LATE_SECONDS)
        )
        try:
            found = await self._until_done(step, lambda: progress.offset, is_endless=True)
        finally:
            late.cancel()
        if lost := self._origin.shortfall(self._id):
            raise UnavailableError(f'The end of "{self._path}" may be missing. {lost}')
        return found

    async def read(self, offset: int, length: int | None, write: Callable[[bytes], object]) -> None:
        """Hand over a range of a file as it is now. See `OutputFiles.read`."""
        done = 0

        def take(piece: bytes) -> None:
            nonlocal done
            write(piece)
            done += len(piece)

        async def step(source: Source | Absence | None) -> bool:
            if source is Absence.NOT_STARTED:
                raise NotFoundError(_NOT_STARTED)
            rest = None if length is None else length - done
            folder = await self._origin.folder(self._id)
            if folder is not None:
                try:
                    async for piece in folder.read(self._path, offset + done, rest):
                        take(piece)
                except ForbiddenError as error:
                    self._origin.straight.give_up(error)
                    raise UnavailableError(str(error)) from error
                return True
            async with self._container(source) as where:
                span = (offset + done, rest)
                await filecalls.read(self._commands, where, self._path, span, take)
            return True

        await self._until_done(step, lambda: done)

    async def _until_done(
        self,
        step: Callable[[Source | Absence | None], Awaitable[Result | None]],
        moved: Callable[[], int] = lambda: 0,
        *,
        is_endless: bool = False,
    ) -> Result:
        """Try a step until it gives a result.

        Args:
            step: gets where the files grow, None when they do not grow any more.
            moved: tells how far the question has come; as long as it moves there is patience.
            is_endless: what grows is waited for without end.
        """
        patience = Patience(self._announce)
        while True:
            before, is_live = moved(), False
            failed: UnavailableError | None = None
            try:
                source = await self._origin.live()
                is_live = isinstance(source, Source)
                if source is not Absence.ENDING and (result := await step(source)) is not None:
                    return result
            except StartError:
                raise
            except SilenceError as error:
                failed = None if is_live and is_endless else error
            except UnavailableError as error:
                failed = error
            if moved() != before:
                patience.renew()
            await patience.wait(failed, forever=is_live and is_endless)

    @asynccontextmanager
    async def _container(self, source: Source | Absence | None) -> AsyncIterator[Folder]:
        """Give the container to read in, and give it up when it is lost."""
        found = source if isinstance(source, Source) else await self._origin.reader(self._id)
        try:
            yield Folder(found, self._id)
        except LostError:
            # The Pod may be ending; the next look tells where to go on.
            await self._origin.forget(found)
            raise

    async def _well_begun(self, pages: AsyncIterator[Items]) -> AsyncIterator[Items] | None:
        """Return pages with their first; None, and no more of storage, when it cannot be asked."""
        try:
            first: Items = await anext(pages, [])
        except (ForbiddenError, UnavailableError) as error:
            self._origin.straight.give_up(error)
            return None

        async def joined() -> AsyncIterator[Items]:
            yield first
            async for page in pages:
                yield page

        return joined()

    async def _follow_straight(self, folder: BlobFolder, progress: Progress) -> bool:
        try:
            await folder.follow(self._path, progress)
        except ContainerGoneError:
            raise
        except NotFoundError:
            return False
        except (ForbiddenError, UnavailableError) as error:
            if isinstance(error, ForbiddenError) or not folder.has_answered:
                self._origin.straight.give_up(error)
            raise UnavailableError(str(error)) from error
        return True
