"""`batchai job file list` and `batchai job file stream`."""

from typing import TYPE_CHECKING

import click

from batchai_operator.cli import options
from batchai_operator.cli.files.output import (
    COLUMNS,
    listed,
    map_pages,
    replaced,
    run_stream,
    show_pages,
    write_bytes,
)
from batchai_operator.cli.late import Late, LateGroup
from batchai_operator.cli.session import Session, say
from batchai_operator.engine.commands.jobs import JobKey, find_job
from batchai_operator.engine.files.outputs import OutputFiles
from batchai_operator.engine.files.readers import Readers
from batchai_operator.engine.files.straight import DEFAULT_MINUTES, Straight
from batchai_operator.engine.ports import Cluster

if TYPE_CHECKING:
    from batchai_operator.settings import Settings


@click.group(
    "file",
    cls=LateGroup,
    late={
        "download": Late(
            "files.download",
            "download_output",
            "Copy an output directory, or a part of it, to this machine.",
        )
    },
)
def file_group() -> None:
    """Output files of jobs."""


@file_group.command("list")
@options.job_options("-j")
@options.directory_option
@click.option("-p", "--path", default=".", show_default=True, help="Folder in the directory.")
@options.expiry_option
@options.output_option
@click.pass_obj
def list_files(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    directory: str,
    path: str,
    expiry: int,
    form: str,
) -> None:
    """List files and folders of an output directory, one level deep."""

    async def work(cluster: Cluster) -> None:
        key = JobKey(group or cluster.default_namespace, workspace, experiment, name)
        job = await find_job(cluster, key)
        async with _files(session, cluster, expiry) as files:
            pages = files.list_pages(job, directory, path)
            await show_pages(map_pages(listed, pages), form, COLUMNS)

    session.run(work)


@file_group.command("stream")
@options.job_options("-j")
@click.option("-f", "--file-name", required=True, metavar="FILE", help="The file to stream.")
@options.directory_option
@click.option("-p", "--path", default=".", show_default=True, help="Its folder in the directory.")
@click.pass_obj
def stream_file(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    file_name: str,
    directory: str,
    path: str,
) -> None:
    """Print a file while the job writes it, until the job has ended.

    Ctrl-C ends the command with exit code 0, as it always did.
    """
    whole = file_name if path in {"", "."} else f"{path.rstrip('/')}/{file_name}"

    async def work(cluster: Cluster) -> bool:
        key = JobKey(group or cluster.default_namespace, workspace, experiment, name)
        job = await find_job(cluster, key)
        async with _files(session, cluster) as files:
            return await files.stream(job, directory, whole, write_bytes, replaced(file_name))

    run_stream(session, work, f'The file "{file_name}" not found for the completed job.')


def _files(session: Session, cluster: Cluster, minutes: int = DEFAULT_MINUTES) -> OutputFiles:
    straight = Straight(cluster, session.open_container, say, minutes)
    return OutputFiles(cluster, Readers(cluster, _settings, say), say, straight)


def _settings() -> "Settings":
    from batchai_operator.settings import Settings  # noqa: PLC0415 (a running job needs none)

    return Settings()
