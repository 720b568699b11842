"""`batchai job file download`: a whole output directory of a job, while it runs or afterwards.

Registered by file_commands.py. The files are read where those of `list` and `stream` are.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.progress import Progress
from batchai_operator.cli.session import Session, say
from batchai_operator.cli.storage_commands import parallel_option, tell
from batchai_operator.engine.commands import JobKey, find_job
from batchai_operator.engine.outputs import check_directory
from batchai_operator.engine.ports import JOBS, Cluster, ObjectStore
from batchai_operator.engine.readerpods import Source
from batchai_operator.engine.readers import Absence, Readers
from batchai_operator.engine.transfers.copying import Tally, download
from batchai_operator.engine.transfers.sessions import SessionPlace
from batchai_operator.errors import NotFoundError
from batchai_operator.settings import Settings

_POLL_SECONDS = 0.5


class JobSources:
    """The `Sources` of sessions.py for a job: its sidecar, afterwards a reader Pod.

    Args:
        store: the API server.
        readers: finds the container to read in.
        job: the BatchAIJob.
        directory_id: what is copied.
    """

    def __init__(
        self, store: ObjectStore, readers: Readers, job: Mapping[str, Any], directory_id: str
    ) -> None:
        self._store = store
        self._readers = readers
        self._job = job
        self._directory_id = directory_id

    async def find(self) -> Source:
        """Return where the job's files can be read now, waiting while its nodes are ending.

        Raises:
            NotFoundError: the job has not started, or is gone.
        """
        metadata = self._job["metadata"]
        while True:
            job = await self._store.get(JOBS, metadata["name"], metadata["namespace"])
            if job["metadata"]["uid"] != metadata["uid"]:
                raise NotFoundError("The job was deleted, and another of its name was created.")
            source = await self._readers.live(job)
            if source is None:
                return await self._readers.reader(job, self._directory_id)
            if isinstance(source, Source):
                return source
            if source is Absence.NOT_STARTED:
                raise NotFoundError("The job has not started, so there are no files yet.")
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
    was interrupted goes on when the command is repeated. What a running job writes meanwhile comes
    with the next copy.
    """

    async def work(cluster: Cluster) -> Tally:
        key = JobKey(group or cluster.default_namespace, workspace, experiment, name)
        job = await find_job(cluster, key)
        check_directory(job, directory)
        sources = JobSources(cluster, Readers(cluster, Settings, say), job, directory)
        command = ["files", "session", "--id", directory]
        async with SessionPlace(cluster, sources, command, limit=parallel) as place:
            meter = Progress()
            try:
                return await download(
                    place, path.strip("/") or ".", destination, meter, parallel=parallel
                )
            finally:
                meter.close()

    tell(session.run(work))
