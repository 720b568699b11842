"""`batchai cluster …`: create, show, list, delete, resize, auto-scale."""

from collections.abc import Mapping
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.account import chosen_account
from batchai_operator.cli.documents.clusterfile import ClusterFlags, build_cluster
from batchai_operator.cli.documents.completion import ExtraMounts
from batchai_operator.cli.documents.jobfile import NOTHING, read_document
from batchai_operator.cli.documents.oldshape import cluster_view, id_segment
from batchai_operator.cli.files.clusters import cluster_file_group
from batchai_operator.cli.managing import Given, Kind, manage, namespace_of
from batchai_operator.cli.missingkeys import warn_of_missing_keys
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.retired import OldClusterGroup
from batchai_operator.cli.session import Session, warn
from batchai_operator.engine.commands import clusters as commands
from batchai_operator.engine.commands.objects import list_by_name
from batchai_operator.engine.commands.secrets import put_secrets
from batchai_operator.engine.ports import CLUSTERS, Cluster, Object
from batchai_operator.names import CLUSTER_KIND

_NOT_SEEN = "The cluster is stored, but no operator has looked at it yet. Is it running?"


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


async def _find(kube: Cluster, given: Given) -> Object:
    return await commands.find_cluster(kube, namespace_of(kube, given), given["name"])


async def _list(kube: Cluster, given: Given) -> list[Object]:
    return await list_by_name(kube, CLUSTERS, namespace_of(kube, given))


KIND = Kind(
    CLUSTERS,
    cluster_view,
    COLUMNS,
    naming=options.object_options("Cluster"),
    listing=options.stack(options.group_option, options.ignored_workspace_option),
    find=_find,
    list=_list,
    words={
        "show": "Show a cluster.",
        "list": "List clusters.",
        "delete": "Delete a cluster. Its jobs stay.",
    },
)


@click.group("cluster", cls=OldClusterGroup)
def cluster_group() -> None:
    """Clusters."""


cluster_group.add_command(cluster_file_group)
manage(cluster_group, KIND)


@cluster_group.command("create")
@options.group_option
@options.workspace_option
@options.name_option("Cluster")
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
@options.login_options
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
    options.check_names(w=workspace, n=name)
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
        document = read_document(config_file, CLUSTER_KIND) if config_file else NOTHING
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
            made = await commands.until_accepted(kube, made)
            if not made.get("status"):
                warn(_NOT_SEEN)
            return made
        made = await commands.until_storage_told(kube, made)
        told = commands.storage_condition(made)
        if told is None:
            warn(_NOT_SEEN)
        elif told["status"] != "True":
            warn(f"No job can start yet: {told['message']}")
        return made

    KIND.show(session.run(work), form)


@cluster_group.command("resize")
@KIND.naming
@click.option("-t", "--target", type=click.IntRange(min=0), required=True, help="Number of nodes.")
@options.output_option
@click.pass_obj
def resize(session: Session, /, *, target: int, form: str, **given: object) -> None:
    """Set the number of nodes; turns autoscale off."""
    _scale(session, given, {"manual": {"targetNodeCount": target}}, form)


@cluster_group.command("auto-scale")
@KIND.naming
@click.option("--min", "minimum", type=click.IntRange(min=0), required=True, help="Fewest nodes.")
@click.option("--max", "maximum", type=click.IntRange(min=0), required=True, help="Most nodes.")
@options.output_option
@click.pass_obj
def auto_scale(
    session: Session, /, *, minimum: int, maximum: int, form: str, **given: object
) -> None:
    """Let the number of nodes follow the need."""
    scale = {"autoScale": {"minimumNodeCount": minimum, "maximumNodeCount": maximum}}
    _scale(session, given, scale, form)


def _scale(session: Session, given: Given, scale: dict[str, Any], form: str) -> None:
    async def work(kube: Cluster) -> Object:
        return await commands.scale_cluster(kube, await _find(kube, given), scale)

    KIND.show(session.run(work), form)
