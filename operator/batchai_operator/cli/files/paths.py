"""`batchai file list` and `batchai file stream`: files of a volume by path, without a job.

For what a job left behind when its object is gone. The volume is one of a cluster, of a job file,
or named by the storage flags; the path is that of the folder on it, such as a job's
`jobOutputDirectoryPathSegment` with `/stdouterr` behind it.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

import click
from pydantic import ValidationError

from batchai_operator.cli import options
from batchai_operator.cli.account import chosen_account
from batchai_operator.cli.documents.completion import ExtraMounts, complete_volumes
from batchai_operator.cli.documents.jobfile import read_document
from batchai_operator.cli.files.output import (
    COLUMNS,
    listed,
    map_pages,
    replaced,
    run_stream,
    show_pages,
    write_bytes,
)
from batchai_operator.cli.session import Session, say
from batchai_operator.engine.commands.clusters import find_cluster
from batchai_operator.engine.commands.clusterspecs import read_cluster
from batchai_operator.engine.files.podfacts import Containers
from batchai_operator.engine.files.readers import known_settings
from batchai_operator.engine.files.straight import DEFAULT_MINUTES, Straight
from batchai_operator.engine.files.volumefiles import VolumeFiles, known_place
from batchai_operator.engine.ports import Cluster
from batchai_operator.errors import InvalidSpecError, NotFoundError
from batchai_operator.names import JOB_KIND
from batchai_operator.planner.files.volumereader import volume_folder
from batchai_operator.planner.reasons import explain
from batchai_operator.settings import Settings


@click.group("file")
def path_group() -> None:
    """Files of a volume by path, also when their job is gone."""


def _volume_options(command: Any) -> Any:  # noqa: ANN401 (any click command)
    for option in (
        click.option("--volume", metavar="PATH", help="relativeMountPath of the volume."),
        options.storage_options,
        click.option(
            "-f", "--config-file", metavar="FILE", help="job.json with the volume; - for stdin."
        ),
        click.option("-c", "--cluster", metavar="NAME", help="Cluster that mounts the volume."),
        options.group_option,
    ):
        command = option(command)
    return command


@path_group.command("list")
@click.option(
    "-p", "--path", default=".", show_default=True, metavar="PATH", help="Folder on the volume."
)
@_volume_options
@options.expiry_option
@options.output_option
@click.pass_obj
def list_by_path(
    session: Session, /, *, path: str, expiry: int, form: str, **where: str | None
) -> None:
    """List files and folders of a folder on a volume, one level deep.

    The volume is the only one of --cluster, --config-file and the storage flags, or --volume says
    which; a path may also begin with a mount root, as in a job file.
    """

    async def work(cluster: Cluster) -> None:
        async with await _files(session, cluster, path, where, expiry) as files:
            await show_pages(map_pages(listed, files.list_pages()), form, COLUMNS)

    session.run(work)


@path_group.command("stream")
@click.option("-p", "--path", required=True, metavar="PATH", help="File on the volume.")
@_volume_options
@click.pass_obj
def stream_by_path(session: Session, /, *, path: str, **where: str | None) -> None:
    """Print a file of a volume as it is now."""
    folder, name = posixpath.split(path)
    absent = f'The file "{path}" not found.'

    async def work(cluster: Cluster) -> bool:
        async with await _files(session, cluster, folder or ".", where) as files:
            if not await files.stream(name, write_bytes, replaced(name)):
                raise NotFoundError(absent)
            return True

    run_stream(session, work, absent)


async def _files(
    session: Session,
    kube: Cluster,
    path: str,
    where: Mapping[str, str | None],
    minutes: int = DEFAULT_MINUTES,
) -> VolumeFiles:
    try:
        return await _found(session, kube, path, where, minutes)
    except ValidationError as error:
        raise InvalidSpecError(explain(error)) from error


async def _found(
    session: Session, kube: Cluster, path: str, where: Mapping[str, str | None], minutes: int
) -> VolumeFiles:
    namespace = where["group"] or kube.default_namespace
    called = where["cluster"]
    found = await find_cluster(kube, namespace, called) if called else None
    setup = read_cluster(found) if found else None
    volumes = _volumes(where, namespace)
    if not volumes and setup is None:
        raise InvalidSpecError(
            "Say where the volume is: --cluster, --config-file, or the flags --afs-name, "
            "--bfs-name, --nfs."
        )
    section = setup.node_setup.mount_volumes if setup and setup.node_setup else None
    accounts = {
        share.account_name for share in (section.azure_blob_file_systems if section else ())
    }
    given = (volumes or {}).get("azureBlobFileSystems") or []
    accounts |= {each["accountName"] for each in given if isinstance(each, dict)}
    settings = await known_settings(kube, namespace, Settings(), Containers(sorted(accounts)))
    place = await known_place(kube, namespace, volumes, found)
    folder = volume_folder(volumes, setup, path, settings, volume=where["volume"], place=place)
    straight = Straight(kube, session.open_container, say, minutes, must_exist=True)
    return VolumeFiles(kube, namespace, folder, say, straight)


def _volumes(where: Mapping[str, str | None], namespace: str) -> dict[str, Any] | None:
    """Return the volumes of file and flags; keys in a file are for `job create` to keep."""
    section = None
    if where["config_file"]:
        section = read_document(where["config_file"], JOB_KIND).properties.get("mountVolumes")
    account = chosen_account(where["storage_account_name"], where["storage_account_key"])
    mounts = ExtraMounts(
        where["afs_name"],
        where["afs_mount_path"] or "afs",
        where["bfs_name"],
        where["bfs_mount_path"] or "bfs",
        where["nfs"],
        where["nfs_mount_path"] or "nfs",
    )
    volumes, _, _ = complete_volumes(section, account, mounts, namespace=namespace)
    return volumes
