"""`batchai cluster …`: create, show, list, delete, resize, auto-scale."""

import re
from collections.abc import Mapping
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.account import chosen_account
from batchai_operator.cli.cluster_file_commands import cluster_file_group
from batchai_operator.cli.clusterfile import ClusterFlags, build_cluster
from batchai_operator.cli.completion import ExtraMounts
from batchai_operator.cli.jobfile import Document, read_document
from batchai_operator.cli.missingkeys import warn_of_missing_keys
from batchai_operator.cli.oldshape import cluster_view, id_segment
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.retired import OldClusterGroup
from batchai_operator.cli.session import Session, show, warn
from batchai_operator.engine import cluster_commands as commands
from batchai_operator.engine.commands import put_secrets
from batchai_operator.engine.ports import CLUSTERS, Cluster, Object
from batchai_operator.names import CLUSTER_KIND


def _count(state: str) -> Column:
    return Column(
        state.capitalize(),
        lambda cluster: (cluster["nodeStateCounts"] or {}).get(f"{state}NodeCount"),
    )


def _state(cluster: Mapping[str, Any]) -> object:
    deleting = cluster["provisioningState"] == "deleting"
    return "deleting" if deleting else cluster["allocationState"]


COLUMNS = (
    Column("Name", lambda cluster: cluster["name"]),
    Column("Resource Group", lambda cluster: cluster["resourceGroup"]),
    Column("Workspace", lambda cluster: id_segment(cluster["id"], "workspaces")),
    Column("VM Size", lambda cluster: cluster["vmSize"]),
    Column("State", _state),
    *(_count(state) for state in ("idle", "running", "preparing", "leaving", "unusable")),
)

_name = click.option("-n", "--name", required=True, metavar="NAME", help="Cluster.")


@click.group("cluster", cls=OldClusterGroup)
def cluster_group() -> None:
    """Clusters."""


cluster_group.add_command(cluster_file_group)


@cluster_group.command("create")
@options.group_option
@options.workspace_option
@_name
@click.option("-f", "--config-file", metavar="FILE", help="cluster.json; - for standard input.")
@click.option("-s", "--vm-size", metavar="SIZE", help="Such as Standard_NC6.")
@click.option(
    "--vm-priority",
    type=click.Choice(["dedicated", "lowpriority"], case_sensitive=False),
    help="Whether nodes may be taken away.",
)
@click.option("-t", "--target", type=click.IntRange(min=0), help="Number of nodes.")
@click.option("--min", "minimum", type=click.IntRange(min=0), help="Fewest nodes of autoscale.")
@click.option("--max", "maximum", type=click.IntRange(min=0), help="Most nodes of autoscale.")
@click.option(
    "-i", "--image", metavar="IMAGE", help="UbuntuLTS, UbuntuDSVM or publisher:offer:sku:version."
)
@click.option("--custom-image", metavar="ID", help="Accepted with --image; without meaning here.")
@click.option(
    "--use-auto-storage",
    is_flag=True,
    help="Mount the namespace's own share and container at autoafs and autobfs.",
)
@options.storage_options
@click.option("--setup-task", metavar="LINE", help="Command that prepares each node.")
@click.option(
    "--setup-task-output",
    metavar="PATH",
    help="Where its output goes, such as $AZ_BATCHAI_MOUNT_ROOT/afs.",
)
@click.option("--subnet", metavar="ID", help="Accepted for old scripts; without meaning here.")
@click.option("-u", "--user-name", hidden=True)
@click.option("-k", "--ssh-key", hidden=True)
@click.option("-p", "--password", hidden=True)
@click.option("--generate-ssh-keys", is_flag=True, hidden=True)
@options.output_option
@click.pass_obj
def create(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    name: str,
    config_file: str | None,
    vm_size: str | None,
    vm_priority: str | None,
    target: int | None,
    minimum: int | None,
    maximum: int | None,
    image: str | None,
    custom_image: str | None,
    use_auto_storage: bool,
    storage_account_name: str | None,
    storage_account_key: str | None,
    afs_name: str | None,
    afs_mount_path: str,
    bfs_name: str | None,
    bfs_mount_path: str,
    nfs: str | None,
    nfs_mount_path: str,
    setup_task: str | None,
    setup_task_output: str | None,
    subnet: str | None,
    user_name: str | None,
    ssh_key: str | None,
    password: str | None,
    generate_ssh_keys: bool,
    form: str,
) -> None:
    """Create a cluster from a file, from flags, or from both; flags win."""
    for flag, value in (("-w", workspace), ("-n", name)):
        if not re.match(options.NAME_PATTERN, value, re.ASCII):
            raise click.BadParameter(
                f"{value!r} is not a name: letters, digits, - and _, at most 64.", param_hint=flag
            )
    if user_name or ssh_key or password or generate_ssh_keys:
        warn("Nodes have no administrator's account here; access is by `kubectl exec`.")
    flags = ClusterFlags(
        vm_size=vm_size,
        vm_priority=vm_priority,
        target=target,
        minimum=minimum,
        maximum=maximum,
        image=image,
        custom_image=custom_image,
        auto_storage=use_auto_storage,
        setup_task=setup_task,
        setup_task_output=setup_task_output,
        subnet=subnet,
    )
    account = chosen_account(storage_account_name, storage_account_key)
    mounts = ExtraMounts(afs_name, afs_mount_path, bfs_name, bfs_mount_path, nfs, nfs_mount_path)

    async def work(kube: Cluster) -> Object:
        namespace = group or kube.default_namespace
        empty = Document(properties={}, name=None, metadata={}, ignored=())
        document = read_document(config_file, CLUSTER_KIND) if config_file else empty
        built = build_cluster(
            document,
            namespace=namespace,
            workspace=workspace,
            name=name,
            flags=flags,
            account=account,
            mounts=mounts,
        )
        for warning in built.warnings:
            warn(warning)
        await commands.check_free(kube, namespace, name)
        await kube.create(CLUSTERS, built.cluster, strict=True, dry_run=True)
        volumes = (built.cluster["spec"].get("nodeSetup") or {}).get("mountVolumes")
        await warn_of_missing_keys(kube, namespace, volumes, built.secrets)
        await put_secrets(kube, namespace, built.secrets, warn)
        made = await kube.create(CLUSTERS, built.cluster, strict=True)
        if not made["spec"].get("autoStorage"):
            return made
        made = await commands.until_storage_told(kube, made)
        told = commands.storage_condition(made)
        if told is None:
            warn("The cluster is stored, but no operator has looked at it yet. Is it running?")
        elif told["status"] != "True":
            warn(f"No job can start yet: {told['message']}")
        return made

    show(cluster_view(session.run(work)), form, COLUMNS)


@cluster_group.command("show")
@options.group_option
@options.ignored_workspace_option
@_name
@options.output_option
@click.pass_obj
def show_cluster(session: Session, *, group: str | None, name: str, form: str) -> None:
    """Show a cluster."""

    async def work(kube: Cluster) -> Object:
        return await commands.find_cluster(kube, group or kube.default_namespace, name)

    show(cluster_view(session.run(work)), form, COLUMNS)


@cluster_group.command("list")
@options.group_option
@options.ignored_workspace_option
@options.output_option
@click.pass_obj
def list_clusters(session: Session, *, group: str | None, form: str) -> None:
    """List clusters."""

    async def work(kube: Cluster) -> list[Object]:
        return await commands.list_clusters(kube, group or kube.default_namespace)

    show([cluster_view(cluster) for cluster in session.run(work)], form, COLUMNS)


@cluster_group.command("resize")
@options.group_option
@options.ignored_workspace_option
@_name
@click.option("-t", "--target", type=click.IntRange(min=0), required=True, help="Number of nodes.")
@options.output_option
@click.pass_obj
def resize(session: Session, *, group: str | None, name: str, target: int, form: str) -> None:
    """Set the number of nodes; turns autoscale off."""
    _scale(session, group, name, {"manual": {"targetNodeCount": target}}, form)


@cluster_group.command("auto-scale")
@options.group_option
@options.ignored_workspace_option
@_name
@click.option("--min", "minimum", type=click.IntRange(min=0), required=True, help="Fewest nodes.")
@click.option("--max", "maximum", type=click.IntRange(min=0), required=True, help="Most nodes.")
@options.output_option
@click.pass_obj
def auto_scale(
    session: Session, *, group: str | None, name: str, minimum: int, maximum: int, form: str
) -> None:
    """Let the number of nodes follow the need."""
    scale = {"autoScale": {"minimumNodeCount": minimum, "maximumNodeCount": maximum}}
    _scale(session, group, name, scale, form)


@cluster_group.command("delete")
@options.group_option
@options.ignored_workspace_option
@_name
@options.no_wait_option
@options.yes_option
@click.pass_obj
def delete(session: Session, *, group: str | None, name: str, no_wait: bool, yes: bool) -> None:
    """Delete a cluster. Its jobs stay."""
    options.confirm(yes=yes)

    async def work(kube: Cluster) -> None:
        cluster = await commands.find_cluster(kube, group or kube.default_namespace, name)
        await commands.delete_cluster(kube, cluster, wait=not no_wait)

    session.run(work)


def _scale(
    session: Session, group: str | None, name: str, scale: dict[str, Any], form: str
) -> None:
    async def work(kube: Cluster) -> Object:
        cluster = await commands.find_cluster(kube, group or kube.default_namespace, name)
        return await commands.scale_cluster(kube, cluster, scale)

    show(cluster_view(session.run(work)), form, COLUMNS)
