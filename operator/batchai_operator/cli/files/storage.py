"""`batchai storage`: files to and from shares, containers, claims, through a Pod that mounts them.

It needs the rights to make Pods and to exec into them in one namespace, and no address of the
storage: what a job can mount, this can fill. It stands for `az storage file|blob upload[-batch]` of
the old guide.
"""

import posixpath
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from batchai_operator.cli import options
from batchai_operator.cli.documents.completion import STORAGE_SUFFIX
from batchai_operator.cli.files.progress import Progress, amount, counted
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.session import Session, fail, say, show
from batchai_operator.engine.files.podfacts import Containers
from batchai_operator.engine.files.readers import known_settings
from batchai_operator.engine.ports import Cluster
from batchai_operator.engine.transfers.copying import download, upload
from batchai_operator.engine.transfers.place import Entry
from batchai_operator.engine.transfers.pods import TransferPods
from batchai_operator.engine.transfers.sessions import SessionPlace
from batchai_operator.engine.transfers.tasks import Tally
from batchai_operator.errors import BatchAIError, InvalidSpecError
from batchai_operator.planner.files.transfer import transfer_pod
from batchai_operator.settings import Settings

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])

COLUMNS = (
    Column("Name", lambda item: item["name"]),
    Column("Type", lambda item: item["fileType"]),
    Column("Size", lambda item: item["contentLength"]),
    Column("Modified", lambda item: item["lastModified"]),
)

parallel_option = click.option(
    "--parallel",
    type=click.IntRange(1, 16),
    default=4,
    show_default=True,
    help="Files copied at a time.",
)


def _place_options(command: Command) -> Command:
    """Options that name one place; exactly one kind of volume may be given."""
    for option in reversed(
        (
            options.group_option,
            click.option("-s", "--share-name", "--share", "share", metavar="NAME", help="Share."),
            click.option(
                "-c", "--container-name", "--container", "container", metavar="NAME",
                help="Blob container.",
            ),
            click.option("--claim", metavar="NAME", help="PersistentVolumeClaim."),
            click.option(
                "--account-name",
                "--storage-account-name",
                "account",
                envvar="AZURE_BATCHAI_STORAGE_ACCOUNT",
                show_envvar=True,
                metavar="NAME",
                help="Storage account; its key is in Secret azure-storage-account-NAME-secret.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.group("storage")
def storage_group() -> None:
    """Files in shares, containers and claims.

    Files travel through a Pod that mounts the volume and is removed afterwards, so the rights to
    make Pods and to exec into them are enough.
    """


@storage_group.command("upload")
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@_place_options
@click.option(
    "-d", "--destination", default="", metavar="FOLDER", help="Folder to copy to. Default: the top."
)
@parallel_option
@click.pass_obj
def upload_files(
    session: Session, /, *, source: Path, destination: str, parallel: int, **place: str | None
) -> None:
    """Copy a file, or what is in a folder, to a share, container or claim.

    A file that is there already, of the same size and time or content, is left alone. A copy that
    was interrupted goes on where it was when the command is repeated. Every file is compared with
    what was sent before it gets its name.
    """

    async def work(there: SessionPlace) -> Tally:
        with closing(Progress()) as meter:
            return await upload(there, source, _path(destination), meter, parallel=parallel)

    tell(_in_place(session, place, parallel, work))


@storage_group.command("download")
@click.argument("source", metavar="PATH")
@_place_options
@click.option(
    "-d",
    "--destination",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of this machine to copy to.",
)
@parallel_option
@click.pass_obj
def download_files(
    session: Session, /, *, source: str, destination: Path, parallel: int, **place: str | None
) -> None:
    """Copy a file, or what is in a folder, from a share, container or claim; `.` is all of it.

    What is there is left alone, what was interrupted goes on, and all is compared, as in upload.
    """

    async def work(there: SessionPlace) -> Tally:
        with closing(Progress()) as meter:
            return await download(there, _path(source), destination, meter, parallel=parallel)

    tell(_in_place(session, place, parallel, work))


@storage_group.command("list")
@_place_options
@click.option("-p", "--path", default=".", show_default=True, help="Folder to list.")
@options.output_option
@click.pass_obj
def list_files(session: Session, /, *, path: str, form: str, **place: str | None) -> None:
    """List files and folders, one level deep."""

    async def work(there: SessionPlace) -> list[Entry]:
        return await there.entries(_path(path))

    found = _in_place(session, place, 1, work)
    show([_listed(entry, posixpath.basename(path)) for entry in found], form, COLUMNS)


@storage_group.command("make-folder")
@click.argument("path", metavar="FOLDER")
@_place_options
@click.pass_obj
def make_folder(session: Session, /, *, path: str, **place: str | None) -> None:
    """Make a folder, and those above it; as `az storage directory create` did."""

    async def work(there: SessionPlace) -> None:
        await there.make_folder(_path(path))

    _in_place(session, place, 1, work)


def tell(tally: Tally) -> None:
    """Say what came of a copy, and fail when a file is missing."""
    there = f", {tally.skipped} there already" if tally.skipped else ""
    say(f"{counted(tally.copied)} copied ({amount(tally.size)}){there}.")
    if tally.failures:
        lines = [f"{name}: {error}" for name, error in tally.failures.items()]
        fail(BatchAIError("\n  ".join([f"Not copied ({len(lines)}):", *lines])))


def _in_place(
    session: Session,
    place: dict[str, str | None],
    parallel: int,
    work: Callable[[SessionPlace], Awaitable[Result]],
) -> Result:
    volume = _volume(place["share"], place["container"], place["claim"], place["account"])

    async def connected(cluster: Cluster) -> Result:
        namespace = place["group"] or cluster.default_namespace
        accounts = [place["account"] or ""]
        settings = await known_settings(cluster, namespace, Settings(), Containers(accounts))
        try:
            body = transfer_pod(volume, namespace, settings)
        except ValidationError as error:
            messages = "; ".join(str(problem["msg"]) for problem in error.errors())
            raise InvalidSpecError(messages) from error
        pods = TransferPods(cluster, body, say)
        async with SessionPlace(cluster, pods, ["transfer", "serve"], limit=parallel) as there:
            return await work(there)

    return session.run(connected)


def _volume(
    share: str | None, container: str | None, claim: str | None, account: str | None
) -> dict[str, Any]:
    if sum(name is not None for name in (share, container, claim)) != 1:
        raise click.UsageError("Give one of --share-name, --container-name, --claim.")
    if claim is not None:
        return {"persistentVolumeClaims": [{"claimName": claim}]}
    if not account:
        raise click.UsageError(
            "Give --account-name, or set AZURE_BATCHAI_STORAGE_ACCOUNT; the account's key is "
            "taken from Secret azure-storage-account-NAME-secret."
        )
    if share is not None:
        url = f"https://{account}.file.{STORAGE_SUFFIX}/{share}"
        return {"azureFileShares": [{"azureFileUrl": url}]}
    return {"azureBlobFileSystems": [{"accountName": account, "containerName": container}]}


def _path(text: str) -> str:
    """A path in a place is relative; people and old scripts write it with or without slashes."""
    path = posixpath.normpath(text.strip("/") or ".")
    return "" if path == "." else path


def _listed(entry: Entry, name: str) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry.modified / 1e9, UTC).isoformat(timespec="milliseconds")
    is_file = not entry.is_directory
    return {
        "name": name if entry.name == "." else entry.name,
        "fileType": "file" if is_file else "directory",
        "contentLength": entry.size if is_file else None,
        "lastModified": at.replace("+00:00", "Z") if is_file else None,
    }
