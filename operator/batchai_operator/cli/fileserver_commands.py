"""`batchai file-server …`: create, show, list, delete."""

import re
from collections.abc import Mapping
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.documents.jobfile import NOTHING, read_document
from batchai_operator.cli.documents.oldshape import file_server_view
from batchai_operator.cli.documents.serverfile import ServerFlags, build_file_server
from batchai_operator.cli.managing import Given, Kind, manage, namespace_of
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.session import Session, warn
from batchai_operator.engine.commands import fileservers as commands
from batchai_operator.engine.commands.objects import list_by_name
from batchai_operator.engine.ports import FILE_SERVERS, Cluster, Object
from batchai_operator.names import FILE_SERVER_KIND

_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$"


def _disks(server: Mapping[str, Any]) -> object:
    disks = server["dataDisks"]
    return f"{disks['diskCount']} x {disks['diskSizeInGb']} Gb" if disks else None


def _mount(member: str) -> Column:
    titles = {
        "fileServerPublicIp": "Public IP",
        "fileServerInternalIp": "Internal IP",
        "mountPoint": "Mount Point",
    }
    return Column(titles[member], lambda server: (server["mountSettings"] or {}).get(member))


COLUMNS = (
    Column("Name", lambda server: server["name"]),
    Column("Resource Group", lambda server: server["resourceGroup"]),
    Column("Size", lambda server: server["vmSize"]),
    Column("Disks", _disks),
    _mount("fileServerPublicIp"),
    _mount("fileServerInternalIp"),
    _mount("mountPoint"),
)


async def _find(kube: Cluster, given: Given) -> Object:
    return await commands.find_file_server(kube, namespace_of(kube, given), given["name"])


async def _list(kube: Cluster, given: Given) -> list[Object]:
    return await list_by_name(kube, FILE_SERVERS, namespace_of(kube, given))


KIND = Kind(
    FILE_SERVERS,
    file_server_view,
    COLUMNS,
    naming=options.object_options("File server"),
    listing=options.stack(options.group_option, options.ignored_workspace_option),
    find=_find,
    list=_list,
    words={
        "show": "Show a file server.",
        "list": "List file servers.",
        "delete": "Delete a file server, and its files unless they are on a claim that you named."
        "\n\nRefused while jobs use it that have not ended.",
    },
    check_deletable=commands.check_unused,
)


@click.group("file-server")
def file_server_group() -> None:
    """File servers: NFS servers that jobs mount."""


manage(file_server_group, KIND)


@file_server_group.command("create")
@options.group_option
@options.workspace_option
@options.name_option("File server")
@click.option("-f", "--config-file", metavar="FILE", help="Properties; - for standard input.")
@click.option("-s", "--vm-size", metavar="SIZE", help="Kept and shown; without meaning here.")
@click.option("--disk-count", type=click.IntRange(min=1), help="Number of disks.")
@click.option(
    "--disk-size", type=click.IntRange(min=1), help="GiB of each; all together are the claim's."
)
@click.option(
    "--caching-type",
    type=click.Choice(["none", "readonly", "readwrite"], case_sensitive=False),
    help="Kept and shown; without meaning here.",
)
@click.option(
    "--storage-sku",
    type=click.Choice(["Premium_LRS", "Standard_LRS"], case_sensitive=False),
    help="Kept and shown; without meaning here.",
)
@click.option("--subnet", metavar="ID", help="Kept and shown; without meaning here.")
@click.option("--nfs-server", metavar="HOST", help="An NFS server that exists.")
@click.option("--nfs-path", metavar="PATH", help="What it exports, such as /data.")
@click.option("--claim", metavar="NAME", help="Claim to serve, instead of one that is made.")
@click.option("--storage-class", metavar="NAME", help="StorageClass of the claim that is made.")
@options.login_options
@options.no_wait_option
@options.output_option
@click.pass_obj
def create(
    session: Session,
    /,
    *,
    group: str | None,
    workspace: str,
    name: str,
    config_file: str | None,
    user_name: str | None,
    ssh_key: str | None,
    password: str | None,
    generate_ssh_keys: bool,
    no_wait: bool,
    form: str,
    **given: Any,  # noqa: ANN401 (the fields of ServerFlags)
) -> None:
    """Create a file server from a file, from flags, or from both; flags win."""
    if not re.match(_OBJECT_NAME, name):
        raise click.BadParameter(
            f"{name!r} cannot name a file server here: small letters, digits and -, at most 52.",
            param_hint="-n",
        )
    if user_name or ssh_key or password or generate_ssh_keys:
        warn("Nobody logs in to a file server here; access is by `kubectl exec`.")
    flags = ServerFlags(**given)

    async def work(kube: Cluster) -> Object:
        namespace = group or kube.default_namespace
        document = read_document(config_file, FILE_SERVER_KIND) if config_file else NOTHING
        built = build_file_server(
            document, namespace=namespace, workspace=workspace, name=name, flags=flags
        )
        for warning in built.warnings:
            warn(warning)
        await commands.check_free(kube, namespace, name)
        made = await kube.create(FILE_SERVERS, built.server, strict=True)
        return made if no_wait else await commands.wait_until_provisioned(kube, made)

    KIND.show(session.run(work), form)
