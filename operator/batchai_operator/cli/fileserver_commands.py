"""`batchai file-server …`: create, show, list, delete."""

import re
from collections.abc import Mapping
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.documents.jobfile import Document, read_document
from batchai_operator.cli.documents.oldshape import file_server_view
from batchai_operator.cli.documents.serverfile import ServerFlags, build_file_server
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.session import Session, show, warn
from batchai_operator.engine.commands import fileservers as commands
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

_name = click.option("-n", "--name", required=True, metavar="NAME", help="File server.")


@click.group("file-server")
def file_server_group() -> None:
    """File servers: NFS servers that jobs mount."""


@file_server_group.command("create")
@options.group_option
@options.workspace_option
@_name
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
@click.option("-u", "--user-name", hidden=True)
@click.option("-k", "--ssh-key", hidden=True)
@click.option("-p", "--password", hidden=True)
@click.option("--generate-ssh-keys", is_flag=True, hidden=True)
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
        empty = Document(properties={}, name=None, metadata={}, ignored=())
        document = read_document(config_file, FILE_SERVER_KIND) if config_file else empty
        built = build_file_server(
            document, namespace=namespace, workspace=workspace, name=name, flags=flags
        )
        for warning in built.warnings:
            warn(warning)
        await commands.check_free(kube, namespace, name)
        made = await kube.create(FILE_SERVERS, built.server, strict=True)
        return made if no_wait else await commands.wait_until_provisioned(kube, made)

    show(file_server_view(session.run(work)), form, COLUMNS)


@file_server_group.command("show")
@options.group_option
@options.ignored_workspace_option
@_name
@options.output_option
@click.pass_obj
def show_file_server(session: Session, *, group: str | None, name: str, form: str) -> None:
    """Show a file server."""

    async def work(kube: Cluster) -> Object:
        return await commands.find_file_server(kube, group or kube.default_namespace, name)

    show(file_server_view(session.run(work)), form, COLUMNS)


@file_server_group.command("list")
@options.group_option
@options.ignored_workspace_option
@options.output_option
@click.pass_obj
def list_file_servers(session: Session, *, group: str | None, form: str) -> None:
    """List file servers."""

    async def work(kube: Cluster) -> list[Object]:
        return await commands.list_file_servers(kube, group or kube.default_namespace)

    show([file_server_view(server) for server in session.run(work)], form, COLUMNS)


@file_server_group.command("delete")
@options.group_option
@options.ignored_workspace_option
@_name
@options.no_wait_option
@options.yes_option
@click.pass_obj
def delete(session: Session, *, group: str | None, name: str, no_wait: bool, yes: bool) -> None:
    """Delete a file server, and its files unless they are on a claim that you named.

    Refused while jobs use it that have not ended.
    """
    options.confirm(yes=yes)

    async def work(kube: Cluster) -> None:
        server = await commands.find_file_server(kube, group or kube.default_namespace, name)
        await commands.check_unused(kube, server)
        await commands.delete_file_server(kube, server, wait=not no_wait)

    session.run(work)
