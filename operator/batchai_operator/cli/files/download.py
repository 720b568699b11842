"""`batchai job file download`: a whole output directory of a job, while it runs or afterwards.

Registered by jobs.py. The files are read where those of `list` and `stream` are.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.files.progress import Progress
from batchai_operator.cli.files.storage import parallel_option, tell
from batchai_operator.cli.session import Session, fail, say
from batchai_operator.engine.commands.jobs import JobKey, find_job
from batchai_operator.engine.files.outputs import check_directory
from batchai_operator.engine.files.ownpods import Source
from batchai_operator.engine.files.readers import Absence, Readers
from batchai_operator.engine.ports import JOBS, Cluster, ObjectStore
from batchai_operator.engine.transfers.copying import download
from batchai_operator.engine.transfers.sessions import SessionPlace
from batchai_operator.engine.transfers.tasks import Tally
from batchai_operator.errors import NotFoundError, UnavailableError
from batchai_operator.names import STDOUTERR_ID
from batchai_operator.settings import Settings

_POLL_SECONDS = 0.5


class JobSources:
    """The `Sources` of sessions.py for a job: its sidecar, afterwards a reader Pod.

    Args:
        store: the API server.
        readers: finds the container to read in.
        job: the BatchAIJob.
        directory_id: what is copied.
        announce: told what the user is waiting for.
    """

    def __init__(
        self,
        store: ObjectStore,
        readers: Readers,
        job: Mapping[str, Any],
        directory_id: str,
        announce: Callable[[str], None],
    ) -> None:
        self._store = store
        self._readers = readers
        self._job = job
        self._directory_id = directory_id
        self._announce = announce
        self._has_told = False

    async def find(self) -> Source:
        """Return where the job's files can be read now, waiting while nodes start or end.

        Raises:
            NotFoundError: the job is gone, or ended without files.
        """
        metadata = self._job["metadata"]
        while True:
            job = await self._store.get(JOBS, metadata["name"], metadata["namespace"])
            if job["metadata"]["uid"] != metadata["uid"]:
                raise NotFoundError("The job was deleted, and another of its name was created.")
            source = await self._readers.live(job)
            if source is None:
                return await self._readers.reader(job, self._directory_id)
            if isinstance(source, Source) and not source.is_preparing:
                return source
            if source is Absence.NOT_STARTED and not self._has_told:
                self._has_told = True
                self._announce("The job has not started. Waiting for it.")
            await asyncio.sleep(_POLL_SECONDS)

    async def forget(self, source: Source) -> None:
        """Give up a reader that does not answer."""
        await self._readers.forget(source)

    async def close(self) -> None:
        """Remove the reader, if one was made."""
        await self._readers.close()


@click.command("download")
@options.job_options("-j")
@options.directory_option
@click.option(
    "-p", "--path", default=".", show_default=True, help="Folder or file in the directory."
)
@click.option(
    "--destination",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of this machine to copy to.",
)
@parallel_option
@click.pass_obj
def download_output(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    directory: str,
    path: str,
    destination: Path,
    parallel: int,
) -> None:
    """Copy an output directory, or a part of it, to this machine.

    A file that is there already, of the same size and time or content, is left alone; a copy that
    was interrupted goes on when the command is repeated. A job that has not started is waited for.
    What a running job writes meanwhile comes with the next copy.
    """

    async def work(cluster: Cluster) -> tuple[Tally, str]:
        key = JobKey(group or cluster.default_namespace, workspace, experiment, name)
        job = await find_job(cluster, key)
        check_directory(job, directory)
        readers = Readers(cluster, Settings, say)
        sources = JobSources(cluster, readers, job, directory, say)
        command = ["files", "session", "--id", directory]
        async with SessionPlace(cluster, sources, command, limit=parallel) as place:
            with closing(Progress()) as meter:
                tally = await download(
                    place, path.strip("/") or ".", destination, meter, parallel=parallel
                )
        return tally, readers.shortfall if directory == STDOUTERR_ID else ""

    tally, lost = session.run(work)
    tell(tally)
    if lost:
        fail(UnavailableError(f"The end of some files may be missing. {lost}"))
