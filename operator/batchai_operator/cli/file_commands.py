"""`batchai job file list` and `batchai job file stream`."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.download_commands import download_output
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.session import EXIT_INTERRUPTED, Session, say, show
from batchai_operator.engine.commands import JobKey, find_job
from batchai_operator.engine.outputs import OutputFiles
from batchai_operator.engine.ports import Cluster
from batchai_operator.engine.readers import Readers
from batchai_operator.settings import Settings

COLUMNS = (
    Column("Name", lambda item: item["name"]),
    Column("Type", lambda item: item["fileType"]),
    Column("Size", lambda item: item["contentLength"]),
    Column("Modified", lambda item: item["lastModified"]),
)


@click.group("file")
def file_group() -> None:
    """Output files of jobs."""


file_group.add_command(download_output)


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
    expiry: int | None,
    form: str,
) -> None:
    """List files and folders of an output directory, one level deep."""
    del expiry

    async def work(cluster: Cluster) -> list[dict[str, Any]]:
        key = JobKey(group or cluster.default_namespace, workspace, experiment, name)
        job = await find_job(cluster, key)
        async with _files(cluster) as files:
            return await files.list_files(job, directory, path)

    show([_listed(item) for item in session.run(work)], form, COLUMNS)


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
        async with _files(cluster) as files:
            return await files.stream(job, directory, whole, _write)

    try:
        if not session.run(work):
            say(f'The file "{file_name}" not found for the completed job.')
    except SystemExit as ended:
        if ended.code != EXIT_INTERRUPTED:
            raise
    except BrokenPipeError:
        # The reader, such as `head`, has had enough. What is left in the buffer cannot be written
        # any more, and the interpreter must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _files(cluster: Cluster) -> OutputFiles:
    return OutputFiles(cluster, Readers(cluster, Settings(), say), say)


def _write(piece: bytes) -> None:
    """Hand bytes through untouched: characters may be cut anywhere, and files need not be text."""
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """The members of spec 2.12; a link exists only where storage itself could be asked for one."""
    is_file = item["fileType"] == "file"
    return {
        "name": item["name"],
        "fileType": item["fileType"],
        "downloadUrl": None,
        "contentLength": item.get("contentLength") if is_file else None,
        "lastModified": item.get("lastModified") if is_file else None,
    }
