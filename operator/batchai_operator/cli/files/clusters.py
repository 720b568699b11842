"""`batchai cluster file list`: what the setup task of a cluster's nodes has written."""

import posixpath
from collections.abc import AsyncIterator, Mapping
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.files.output import map_pages, show_pages
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.session import Session, say
from batchai_operator.engine.commands.clusters import find_cluster
from batchai_operator.engine.commands.clusterspecs import read_cluster
from batchai_operator.engine.files.podfacts import Containers
from batchai_operator.engine.files.readers import known_settings
from batchai_operator.engine.files.straight import Straight
from batchai_operator.engine.files.volumefiles import VolumeFiles, known_place
from batchai_operator.engine.ports import Cluster
from batchai_operator.engine.storageports import ContainerGoneError
from batchai_operator.errors import NotFoundError
from batchai_operator.planner.clusters.setupfiles import setup_folder
from batchai_operator.planner.files.volumereader import volume_folder
from batchai_operator.settings import Settings

SETUP_COLUMNS = (
    Column("Name", lambda item: item["name"]),
    Column("Is directory", lambda item: "yes" if item["isDirectory"] else "no"),
    Column("Size", lambda item: item["size"]),
)
"""Of a setup task's files, as the old command line had them (spec 6.8)."""


@click.group("file")
def cluster_file_group() -> None:
    """Output files of setup tasks."""


@cluster_file_group.command("list")
@options.group_option
@options.ignored_workspace_option
@click.option("-c", "--cluster", "name", required=True, metavar="NAME", help="Cluster.")
@click.option("-p", "--path", default=".", show_default=True, help="Folder in the task's output.")
@options.expiry_option
@options.output_option
@click.pass_obj
def list_setup_files(
    session: Session, *, group: str | None, name: str, path: str, expiry: int, form: str
) -> None:
    """List the files of a cluster's setup task; none without a setup task or before it ran."""

    async def work(kube: Cluster) -> None:
        found = await find_cluster(kube, group or kube.default_namespace, name)
        pages = map_pages(_setup_item, _pages(session, kube, found, path, expiry))
        await show_pages(pages, form, SETUP_COLUMNS)

    session.run(work)


async def _pages(
    session: Session, kube: Cluster, cluster: dict[str, Any], path: str, minutes: int
) -> AsyncIterator[list[dict[str, Any]]]:
    namespace = str(cluster["metadata"]["namespace"])
    spec = read_cluster(cluster)
    section = spec.node_setup.mount_volumes if spec.node_setup else None
    accounts = [each.account_name for each in (section.azure_blob_file_systems if section else ())]
    settings = await known_settings(kube, namespace, Settings(), Containers(accounts))
    folder = setup_folder(cluster, spec)
    if folder is None:
        return
    place = await known_place(kube, namespace, cluster=cluster)
    where = volume_folder(None, spec, folder, settings, place=place)
    straight = Straight(kube, session.open_container, say, minutes, must_exist=True)
    async with VolumeFiles(kube, namespace, where, say, straight) as files:
        try:
            async for page in files.list_pages(path):
                yield page
        except ContainerGoneError:
            raise
        except NotFoundError:
            if posixpath.normpath(path) != ".":
                raise
            return  # The task has written nothing yet.


def _setup_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "downloadUrl": item.get("downloadUrl"),
        "isDirectory": item["fileType"] == "directory",
        "size": item.get("contentLength"),
    }
