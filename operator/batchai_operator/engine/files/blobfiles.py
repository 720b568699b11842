"""Files of one folder of a blob container, straight from storage: no Pod, no mount.

Called by reading.py where the caller may read the account's Secret. Folders of blob storage are
prefixes of names; an empty blob may stand for one beside the prefix. The service then listed the
folder twice (spec 2.12); here it is shown once, as a mount shows it.
"""

from collections.abc import AsyncIterator
from typing import Any

from batchai_operator.engine.files.complaints import no_such_path
from batchai_operator.engine.files.progress import SAMPLE, Progress, sample_sum
from batchai_operator.engine.storageports import BlobContainer, BlobEntry, ContainerGoneError
from batchai_operator.errors import NotFoundError, RejectedError


class BlobFolder:
    """A folder that its reader may not leave.

    Args:
        container: where it is.
        prefix: its path in the container, without slashes at the ends.
        minutes: how long links to files work.
        must_exist: a folder without a blob in it is not there; otherwise it is empty, as that of a
            job which has written nothing.

    Attributes:
        has_answered: storage can be reached from here, whatever happens later.
    """

    def __init__(
        self, container: BlobContainer, prefix: str, minutes: int, *, must_exist: bool = False
    ) -> None:
        self._container, self._prefix, self._minutes = container, prefix, minutes
        self._must_exist = must_exist and bool(prefix)
        self.has_answered = False

    async def pages(self, path: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield a folder's items page by page (spec 2.12).

        Raises:
            NotFoundError: no such folder.
            RejectedError: the path leaves the folder.
        """
        folder = self._name(path)
        prefix = f"{folder}/" if folder else ""
        found, known = False, {folder}
        async for page in self._container.walk(prefix):
            found = found or bool(page)  # Of nothing, storage tells one empty page.
            prefixes = {entry.name.rstrip("/") for entry in page if entry.size is None}
            shown = []
            for entry in page:
                name = entry.name.rstrip("/")
                is_folder = entry.size is None or entry.marks_folder
                if name in known or (not is_folder and entry.size == 0 and name in prefixes):
                    continue
                if is_folder:
                    known.add(name)  # Blob and prefix of one name need not be neighbours.
                shown.append(self._item(entry, name, prefix, is_folder=is_folder))
            if shown:
                yield shown
        if not found and (self._must_exist or path not in {"", "."}):
            await self._check_folder(folder)

    async def follow(self, path: str, progress: Progress) -> None:
        """Hand over a file from where its reader is to its end.

        Raises:
            NotFoundError: no such file.
            RejectedError: the path leaves the folder.
        """
        name = self._name(path)
        entry = await self._container.look(name)
        self.has_answered = True
        if entry.marks_folder:
            raise NotFoundError(f"{path} is not a file.")
        if not await self._is_known(name, entry.size or 0, progress):
            progress.start_anew()
        async for piece in self._container.read(name, progress.offset):
            progress.add(piece)

    def read(self, path: str, offset: int, length: int | None) -> AsyncIterator[bytes]:
        """Yield a range of a file's bytes."""
        return self._container.read(self._name(path), offset, length)

    async def _check_folder(self, name: str) -> None:
        """Refuse a folder in which nothing is, unless an empty blob stands for it."""
        try:
            entry = await self._container.look(name)
        except ContainerGoneError:
            raise
        except NotFoundError as error:
            raise NotFoundError(no_such_path(name)) from error
        if not entry.marks_folder:
            raise NotFoundError(f"{name} is not a folder.")

    async def _is_known(self, name: str, size: int, progress: Progress) -> bool:
        """Whether a blob begins with what was handed over, as far as samples can tell."""
        offset, length = progress.offset, min(progress.offset, SAMPLE)
        if size < offset or not offset:
            return not offset
        head = await self._bytes(name, 0, length)
        tail = await self._bytes(name, offset - length, length)
        return sample_sum(head, tail) == progress.seen

    async def _bytes(self, name: str, offset: int, length: int) -> bytes:
        return b"".join([piece async for piece in self._container.read(name, offset, length)])

    def _name(self, path: str) -> str:
        parts = [part for part in path.split("/") if part not in {"", "."}]
        if path.startswith("/") or ".." in parts:
            raise RejectedError(f"The path {path} leaves the directory.")
        return "/".join([*filter(None, [self._prefix]), *parts])

    def _item(self, entry: BlobEntry, name: str, prefix: str, *, is_folder: bool) -> dict[str, Any]:
        shown = name.removeprefix(prefix)
        if is_folder:
            return {"name": shown, "fileType": "directory"}
        return {
            "name": shown,
            "fileType": "file",
            "downloadUrl": self._container.link(entry.name, self._minutes),
            "contentLength": entry.size,
            "lastModified": entry.modified,
        }
