"""Output files of a job: list them, follow one while it grows, read a part of one.

Called by the command line (and later other fronts). The files are read where they are mounted: in
the sidecar of a running job's node 0, afterwards in a reader Pod (design 5); those of a container
straight from storage where the caller may read its Secret. It needs only the rights of its caller,
opens no port, and never writes to a volume.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from batchai_operator.engine.files.blobfiles import BlobFolder
from batchai_operator.engine.files.ownpods import Source
from batchai_operator.engine.files.podfacts import may_use_containers
from batchai_operator.engine.files.progress import Progress
from batchai_operator.engine.files.readers import Absence, Readers
from batchai_operator.engine.files.reading import Reading
from batchai_operator.engine.files.straight import Straight
from batchai_operator.engine.ports import JOBS, Cluster
from batchai_operator.engine.reconcile.keys import is_finished
from batchai_operator.errors import InvalidSpecError, NotFoundError
from batchai_operator.names import STDOUTERR_ID

if TYPE_CHECKING:
    from batchai_operator.planner.files.blobplaces import BlobPlace


def check_directory(job: Mapping[str, Any], directory_id: str) -> None:
    """Refuse an output directory that a job does not have, so that any other is worth a wait.

    Raises:
        NotFoundError: no such directory id.
    """
    own = [str(each.get("id")) for each in job["spec"].get("outputDirectories") or ()]
    if directory_id not in {STDOUTERR_ID, *own}:
        known = ", ".join((STDOUTERR_ID, *own))
        raise NotFoundError(f'The job has no folder with the id "{directory_id}"; it has {known}.')


class OutputFiles:
    """Reads the output files of jobs.

    Use it as an asynchronous context manager, so that reader Pods are removed.

    Args:
        kube: the API server.
        readers: finds the container to read in.
        announce: told what the user is waiting for.
        straight: blob storage itself; None to read through Pods only.
    """

    def __init__(
        self,
        kube: Cluster,
        readers: Readers,
        announce: Callable[[str], None],
        straight: Straight | None = None,
    ) -> None:
        self._kube = kube
        self._readers = readers
        self._straight = straight or Straight(kube, None, announce)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._readers.close()
        finally:
            await self._straight.close()

    def list_pages(
        self, job: Mapping[str, Any], directory_id: str, path: str
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield one level of an output directory, some items at a time (spec 2.12).

        Args:
            job: the BatchAIJob, freshly read.
            directory_id: id of an output directory, or `stdouterr`.
            path: folder inside it, `.` for the top.

        Yields:
            Items with `name`, `fileType`, and for files `contentLength`, `lastModified`, on blob
            storage `downloadUrl` too; none while the job is queued, because the folder does not
            exist yet.

        Raises:
            NotFoundError: no such directory id or folder.
            RejectedError: the path leaves the directory.
            UnavailableError: the files could not be reached.
        """
        return self._reading(job, directory_id, path).pages()

    async def list_files(
        self, job: Mapping[str, Any], directory_id: str, path: str
    ) -> list[dict[str, Any]]:
        """Return all pages of `list_pages` at once."""
        return [item async for page in self.list_pages(job, directory_id, path) for item in page]

    async def stream(
        self,
        job: Mapping[str, Any],
        directory_id: str,
        path: str,
        write: Callable[[bytes], object],
        replaced: Callable[[], object] = lambda: None,
    ) -> bool:
        """Hand over a file's bytes as they come, until the job has ended and all are through.

        Interrupted connections are taken up where they broke; the end of the job's node leads from
        its sidecar to storage or a reader Pod. No byte is lost or handed over twice. A file that is
        replaced or becomes shorter is handed over from its beginning.

        Args:
            job: the BatchAIJob, freshly read.
            directory_id: id of an output directory, or `stdouterr`.
            path: the file inside it.
            write: takes each piece.
            replaced: called before the first piece of a file that took the place of another.

        Returns:
            Whether the file exists.

        Raises:
            NotFoundError: no such directory id, or the job is gone.
            RejectedError: the path leaves the directory.
            UnavailableError: the job has ended and its files cannot be reached, or its logs are
                not known to be complete; what there is was handed over before.
        """
        return await self._reading(job, directory_id, path).follow(Progress(write, replaced))

    async def read(
        self,
        job: Mapping[str, Any],
        directory_id: str,
        path: str,
        write: Callable[[bytes], object],
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> None:
        """Hand over a range of a file as it is now; a range beyond its end is empty.

        Raises:
            NotFoundError: no such directory id or file.
            RejectedError: the path leaves the directory.
            UnavailableError: the file cannot be reached.
        """
        await self._reading(job, directory_id, path).read(offset, length, write)

    def _reading(self, job: Mapping[str, Any], directory_id: str, path: str) -> Reading:
        check_directory(job, directory_id)
        origin = JobOrigin(self._kube, self._readers, self._straight, job)
        return Reading(self._kube, origin, directory_id, path)


class JobOrigin:
    """Where the files of one job are (`origin.Origin`)."""

    def __init__(
        self, kube: Cluster, readers: Readers, straight: Straight, job: Mapping[str, Any]
    ) -> None:
        self._kube, self._readers, self.straight = kube, readers, straight
        self._job = job
        self._is_fresh = True
        self._places: dict[str, BlobPlace | None] = {}

    @property
    def is_growing(self) -> bool:
        """Whether the job runs or will."""
        return not is_finished(dict(self._job))

    @property
    def ends_alone(self) -> bool:
        """Whether the job has one node only."""
        return bool(self._job["spec"].get("nodeCount", 1) == 1)

    async def live(self) -> Source | Absence | None:
        """Read the job again; one of the same name that came after it is not the same job.

        The first time it is the one that the caller has just read.
        """
        if self._is_fresh:
            self._is_fresh = False
            return await self._readers.live(self._job)
        metadata = self._job["metadata"]
        now = await self._kube.get(JOBS, metadata["name"], metadata["namespace"])
        if now["metadata"]["uid"] != metadata["uid"]:
            raise NotFoundError("The job was deleted, and another of its name was created.")
        self._job = now
        return await self._readers.live(now)

    async def reader(self, directory_id: str) -> Source:
        """Return the job's reader Pod, made when there is none."""
        return await self._readers.reader(self._job, directory_id)

    async def folder(self, directory_id: str) -> BlobFolder | None:
        """Return an output directory in storage itself, if the caller may have it."""
        if directory_id not in self._places:
            self._places[directory_id] = await self._place(directory_id)
        namespace = self._job["metadata"]["namespace"]
        return await self.straight.folder(namespace, self._places[directory_id])

    def shortfall(self, directory_id: str) -> str:
        """Return what may be missing of the job's logs; nobody knows of other files."""
        return self._readers.shortfall if directory_id == STDOUTERR_ID else ""

    async def news(self) -> str:
        """Return the message of a job that has not started, such as an image that is not there."""
        metadata = self._job["metadata"]
        now = await self._kube.get(JOBS, metadata["name"], metadata["namespace"])
        status = now.get("status") or {}
        is_meant = now["metadata"]["uid"] == metadata["uid"]
        is_queued = status.get("executionState", "queued") == "queued"
        return str(status.get("message") or "") if is_meant and is_queued else ""

    async def forget(self, source: Source) -> None:
        """Give up a source that no longer answers."""
        await self._readers.forget(source)

    async def _place(self, directory_id: str) -> "BlobPlace | None":
        status = self._job.get("status") or {}
        if not status.get("jobOutputDirectoryPathSegment") or not self.straight.is_possible:
            return None
        # Most volumes are no containers, and to know that takes no models, which take long to load.
        if not may_use_containers(self._job, await self._readers.cluster(self._job)):
            return None
        from pydantic import ValidationError  # noqa: PLC0415

        from batchai_operator.planner.files.blobplaces import output_place  # noqa: PLC0415
        from batchai_operator.planner.files.reader import reader_build  # noqa: PLC0415

        cluster, settings, _ = await self._readers.facts(self._job)
        own = self._readers.settings.blob_endpoint
        if own:  # How storage is reached from here, which need not be how Pods reach it.
            settings = settings.model_copy(update={"blob_endpoint": own})
        try:
            build = reader_build(dict(self._job), cluster, settings)
        except (ValidationError, InvalidSpecError):
            return None  # A reader Pod will say what is wrong.
        return output_place(build, directory_id)
