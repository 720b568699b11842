"""Output files of a job: list them, follow one while it grows.

Called by the command line (and later other fronts). The files are read where they are mounted: in
the sidecar of a running job's node 0, afterwards in a reader Pod (design 5). It needs only the
rights of its caller, opens no port, and never writes to a volume.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from batchai_operator.engine.keys import is_finished
from batchai_operator.engine.ports import JOBS, Cluster, Object
from batchai_operator.engine.readers import Absence, Readers, Source
from batchai_operator.errors import (
    ConflictError,
    InvalidSpecError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from batchai_operator.names import SIDECAR_CONTAINER

LAUNCHER = "/launcher"
"""The launcher's program in its own image."""

QUIET_SECONDS = 60.0
"""A connection that brings nothing for so long is opened again at the same offset: a broken one
looks no different from a quiet program, and asking again costs nothing."""

LATE_SECONDS = 1.0
"""After so long without a byte the user is told that the file is awaited."""

_FIRST_DELAY, _LONGEST_DELAY, _GIVE_UP_DELAY = 0.25, 8.0, 16.0
_MISSING_PATIENCE = 4
"""A node that has just started may not have made its folders; after so many tries they are
missing."""

_OK, _USAGE, _MISSING, _OUTSIDE = 0, 2, 3, 4
"""Exit codes of `/launcher files`."""


class OutputFiles:
    """Reads the output files of jobs.

    Use it as an asynchronous context manager, so that reader Pods are removed.

    Args:
        kube: the API server.
        readers: finds the container to read in.
        announce: told what the user is waiting for.
    """

    def __init__(self, kube: Cluster, readers: Readers, announce: Callable[[str], None]) -> None:
        self._kube = kube
        self._readers = readers
        self._announce = announce

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._readers.close()

    async def list_files(
        self, job: Mapping[str, Any], directory_id: str, path: str
    ) -> list[dict[str, Any]]:
        """List one level of an output directory (spec 2.12).

        Args:
            job: the BatchAIJob.
            directory_id: id of an output directory, or `stdouterr`.
            path: folder inside it, `.` for the top.

        Returns:
            Items with `name`, `fileType`, `contentLength`, `lastModified`; empty while the job is
            queued, because the folder does not exist yet.

        Raises:
            NotFoundError: no such directory id or folder.
            RejectedError: the path leaves the directory.
            UnavailableError: the files could not be reached.
        """
        delay = _FIRST_DELAY
        while True:
            job = await self._again(job)
            source = await self._readers.find(job)
            if source is Absence.NOT_STARTED:
                self._announce("The job has not started, so there are no files yet.")
                return []
            if isinstance(source, Absence):
                await asyncio.sleep(_FIRST_DELAY)
                continue
            try:
                return await self._list_in(source, directory_id, path)
            except UnavailableError:
                if delay > _LONGEST_DELAY:
                    raise
                await self._readers.forget(source)
                await asyncio.sleep(delay)
                delay *= 2

    async def _list_in(self, source: Source, directory_id: str, path: str) -> list[dict[str, Any]]:
        output = bytearray()
        argv = ["list", "--id", directory_id, "--path", path]
        code, complaint = await self._run(source, argv, output.extend)
        _raise_for(code, complaint)
        return [json.loads(line) for line in output.splitlines() if line]

    async def stream(
        self,
        job: Mapping[str, Any],
        directory_id: str,
        path: str,
        write: Callable[[bytes], object],
    ) -> bool:
        """Hand over a file's bytes as they come, until the job has ended and all are through.

        Interrupted connections are taken up where they broke; the end of the job's node leads from
        its sidecar to a reader Pod. No byte is lost or handed over twice.

        Args:
            job: the BatchAIJob.
            directory_id: id of an output directory, or `stdouterr`.
            path: the file inside it.
            write: takes each piece.

        Returns:
            Whether the file exists.

        Raises:
            NotFoundError: no such directory id, or the job is gone.
            RejectedError: the path leaves the directory.
            UnavailableError: the job has ended and its files cannot be reached.
        """
        progress = _Progress(write)
        late = asyncio.get_running_loop().call_later(
            LATE_SECONDS, self._announce_late, path, progress
        )
        try:
            return await self._follow(job, directory_id, path, progress)
        finally:
            late.cancel()

    async def _follow(
        self, job: Mapping[str, Any], directory_id: str, path: str, progress: "_Progress"
    ) -> bool:
        delay, missing = _FIRST_DELAY, 0
        while True:
            job = await self._again(job)
            progress.is_growing = not is_finished(job)
            source, before = await self._readers.find(job), progress.offset
            if isinstance(source, Source):
                code, complaint = await self._follow_in(source, directory_id, path, progress)
                missing = missing + 1 if code == _MISSING else 0
                # With several nodes the last output of another may come after the sidecar of the
                # first is done; then a reader has the last word.
                if code == _OK and (source.is_reader or job["spec"].get("nodeCount", 1) == 1):
                    return True
                if code == _MISSING and source.is_reader:
                    return False
                if code in {_USAGE, _OUTSIDE} or missing > _MISSING_PATIENCE:
                    _raise_for(code, complaint)
                if code is None and source.is_reader and delay > _LONGEST_DELAY:
                    raise UnavailableError(complaint)
            delay = _FIRST_DELAY if progress.offset > before else min(delay * 2, _GIVE_UP_DELAY)
            await asyncio.sleep(min(delay, _LONGEST_DELAY))

    async def _follow_in(
        self, source: Source, directory_id: str, path: str, progress: "_Progress"
    ) -> tuple[int | None, str]:
        """Follow in one container; None as exit code means to go on elsewhere or later."""
        argv = ["follow", "--id", directory_id, "--path", path, "--offset", str(progress.offset)]
        try:
            code, complaint = await self._run(source, argv, progress.take)
        except UnavailableError as error:
            # The Pod may be ending; the next look tells where to go on.
            await self._readers.forget(source)
            return None, str(error)
        return (code if code in {_OK, _USAGE, _MISSING, _OUTSIDE} else None), complaint

    async def _run(
        self, source: Source, argv: Sequence[str], take: Callable[[bytes], object]
    ) -> tuple[int, str]:
        """Run `/launcher files`; return its exit code and what it said on stderr.

        Raises:
            UnavailableError: the connection broke, or the Pod is not there (any more).
        """
        command = [LAUNCHER, "files", *argv]
        loop = asyncio.get_running_loop()
        try:
            async with (
                asyncio.timeout(QUIET_SECONDS) as quiet,
                self._kube.exec(source.namespace, source.pod, SIDECAR_CONTAINER, command) as run,
            ):
                async for piece in run:
                    take(piece)
                    quiet.reschedule(loop.time() + QUIET_SECONDS)
        except TimeoutError as error:
            raise UnavailableError(f"Pod {source.pod} was silent.") from error
        except (NotFoundError, ConflictError) as error:
            raise UnavailableError(str(error)) from error
        return run.exit_code, run.stderr.strip()

    async def _again(self, job: Mapping[str, Any]) -> Object:
        """Read a job again; one of the same name that came after it is not the same job."""
        metadata = job["metadata"]
        now = await self._kube.get(JOBS, metadata["name"], metadata["namespace"])
        if now["metadata"]["uid"] != metadata["uid"]:
            raise NotFoundError("The job was deleted, and another of its name was created.")
        return now

    def _announce_late(self, path: str, progress: "_Progress") -> None:
        if progress.is_growing and not progress.offset:
            self._announce(f'The file "{path}" not found. Waiting for the job to generate it.')


class _Progress:
    """How much of a file has been handed over, and whether there may be more."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.offset = 0
        self.is_growing = False

    def take(self, piece: bytes) -> None:
        self._write(piece)
        self.offset += len(piece)


def _raise_for(code: int | None, complaint: str) -> None:
    """Turn an exit code of `/launcher files` into an error of ours."""
    match code:
        case 0:
            return
        case 2:
            raise InvalidSpecError(complaint or "The launcher did not understand the request.")
        case 3:
            raise NotFoundError(complaint or "No such file or directory id.")
        case 4:
            raise RejectedError(complaint or "The path leaves the output directory.")
        case _:
            raise UnavailableError(complaint or "The connection to the job's Pod broke.")
