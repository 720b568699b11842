"""The spec of a BatchAICluster: the `properties` of a cluster of 2018-05-01 (spec 2.2, 2.3).

Used by the planner (`ClusterSpec.model_validate(obj["spec"])`), the command line, and the
generator.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from batchai_operator.model.base import Model
from batchai_operator.model.credentials import (
    AppInsightsReference,
    EnvironmentSecret,
    ResourceId,
    UserAccountSettings,
)
from batchai_operator.model.environment import BY_NAME, EnvironmentVariable
from batchai_operator.model.rules import Rule, exactly_one, frozen_field
from batchai_operator.model.text import (
    AnyText,
    BatchAIName,
    Choice,
    CommandLine,
    Flag,
    NodeCount,
    RootedPath,
    Text,
)
from batchai_operator.model.volumes import KINDS, MountVolumes
from batchai_operator.names import AUTO_CONTAINER_PATH, AUTO_SHARE_PATH, DEFAULT_WORKSPACE


class ManualScaleSettings(Model):
    """A number of nodes set by hand (spec 2.2, 7.5)."""

    target_node_count: NodeCount = 0
    """Number of nodes wanted."""

    node_deallocation_option: Annotated[
        Literal["requeue", "terminate", "waitforjobcompletion"],
        Choice("requeue", "terminate", "waitforjobcompletion"),
    ] = "requeue"
    """What happens to jobs on nodes that are removed: `requeue` (they run again), `terminate` or
    `waitforjobcompletion`. Without effect yet: jobs always run to their end."""


class AutoScaleSettings(Model):
    """A number of nodes that follows the jobs (spec 2.2, 7.6)."""

    minimum_node_count: NodeCount
    """Fewest nodes."""

    maximum_node_count: NodeCount
    """Most nodes."""

    initial_node_count: NodeCount = 0
    """Number of nodes at creation."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.minimumNodeCount <= self.maximumNodeCount",
            message="minimumNodeCount {minimumNodeCount} is more than maximumNodeCount "
            "{maximumNodeCount}; lower it or raise maximumNodeCount",
            check=lambda it: it.minimum_node_count <= it.maximum_node_count,
            on="minimumNodeCount",
        ),
    )


class ScaleSettings(Model):
    """How many nodes a cluster has: by hand or by need (spec 2.2)."""

    manual: ManualScaleSettings | None = None
    """A number of nodes set by hand."""

    auto_scale: AutoScaleSettings | None = None
    """A number of nodes that follows the jobs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one(
            ("manual", "autoScale"),
            "exactly one of manual and autoScale must be given; when changing from one to the "
            "other, remove the other",
        ),
    )


class ImageReference(Model):
    """Image of the nodes' operating system (spec 2.2)."""

    publisher: AnyText
    """Publisher, such as `Canonical`."""

    offer: AnyText
    """Offer, such as `UbuntuServer`."""

    sku: AnyText
    """SKU, such as `16.04-LTS`. The operator maps `publisher:offer:sku` to a container image for
    jobs without containerSettings."""

    version: Annotated[str, Text(1024, min_length=0)] | None = None
    """Version, such as `latest`; without meaning here."""

    virtual_machine_image_id: AnyText | None = None
    """Resource id of a custom image; without meaning here."""


class VirtualMachineConfiguration(Model):
    """What the nodes run on (spec 2.2)."""

    image_reference: ImageReference | None = None
    """Image of the operating system."""


class SetupTask(Model):
    """A command that prepares each node (spec 2.3)."""

    command_line: CommandLine
    """Line for bash, run on every node when it is allocated."""

    std_out_err_path_prefix: RootedPath
    """Where its output goes, absolute or beginning with a variable, such as
    `$AZ_BATCHAI_MOUNT_ROOT/logs`."""

    environment_variables: tuple[EnvironmentVariable, ...] = Field(
        (), max_length=256, json_schema_extra=BY_NAME
    )
    """Environment variables of the command."""

    secrets: tuple[EnvironmentSecret, ...] = Field((), max_length=128, json_schema_extra=BY_NAME)
    """Environment variables with secret values."""


class PerformanceCountersSettings(Model):
    """Where performance counters go (spec 2.2)."""

    app_insights_reference: AppInsightsReference
    """Application Insights that receives them."""


class NodeSetup(Model):
    """How nodes are prepared (spec 2.2)."""

    mount_volumes: MountVolumes | None = None
    """Volumes mounted for all jobs of the cluster, below `$AZ_BATCHAI_MOUNT_ROOT`."""

    setup_task: SetupTask | None = None
    """Command that prepares each node."""

    performance_counters_settings: PerformanceCountersSettings | None = None
    """Where performance counters go. Without effect yet: none are collected."""


_AUTO_PATHS = (AUTO_SHARE_PATH, AUTO_CONTAINER_PATH)


def _leaves_auto_paths_free(cluster: "ClusterSpec") -> bool:
    volumes = cluster.node_setup.mount_volumes if cluster.node_setup else None
    used = {volume.relative_mount_path for volume in volumes.all} if volumes else set()
    return not (cluster.auto_storage and used.intersection(_AUTO_PATHS))


def _auto_paths_rule() -> Rule:
    free = " && ".join(
        f"(!has(self.nodeSetup.mountVolumes.{kind}) || "
        f"!self.nodeSetup.mountVolumes.{kind}.exists(v, "
        f"v.relativeMountPath in ['{AUTO_SHARE_PATH}', '{AUTO_CONTAINER_PATH}']))"
        for kind in KINDS
    )
    return Rule(
        cel="!has(self.autoStorage) || !self.autoStorage || !has(self.nodeSetup) || "
        f"!has(self.nodeSetup.mountVolumes) || ({free})",
        message=f"autoStorage mounts its share at {AUTO_SHARE_PATH} and its container at "
        f"{AUTO_CONTAINER_PATH}; give the volume of nodeSetup.mountVolumes that has one of these "
        "another relativeMountPath",
        check=_leaves_auto_paths_free,
        on="autoStorage",
    )


class ClusterSpec(Model):
    """The `properties` of a Batch AI cluster, as a cluster.json has them.

    Only `scaleSettings` can be changed after creation.
    """

    name: BatchAIName | None = None
    """Batch AI name of the cluster, which may hold capitals and `_`; `metadata.name` when
    absent."""

    workspace: BatchAIName = DEFAULT_WORKSPACE
    """Workspace of the cluster."""

    vm_size: Annotated[
        str,
        Text(64, r"[-\w]+", "must be the name of a size, such as STANDARD_NC6"),
        AfterValidator(str.upper),
    ]
    """Size of all nodes, such as `STANDARD_NC6`, in any letter case; it says how many GPUs, how
    much CPU and memory a job gets on each node."""

    vm_priority: Annotated[
        Literal["dedicated", "lowpriority"], Choice("dedicated", "lowpriority")
    ] = "dedicated"
    """`dedicated`, or `lowpriority` for nodes that may be taken away at any time. Without effect
    yet: Kubernetes decides which nodes there are."""

    scale_settings: ScaleSettings | None = None
    """How many nodes the cluster has; none when absent."""

    virtual_machine_configuration: VirtualMachineConfiguration | None = None
    """What the nodes run on."""

    node_setup: NodeSetup | None = None
    """How nodes are prepared."""

    auto_storage: Flag | None = None
    """Mount the namespace's own share at `$AZ_BATCHAI_MOUNT_ROOT/autoafs` and its own container at
    `$AZ_BATCHAI_MOUNT_ROOT/autobfs`, made by the operator when they are first needed, shared by the
    clusters of the namespace and kept when these go; the old command line's `--use-auto-storage`
    (spec 5)."""

    user_account_settings: UserAccountSettings | None = None
    """Administrator of the nodes; without meaning here."""

    subnet: ResourceId | None = None
    """Subnet of the nodes; without meaning here, Pods are in the cluster's own network."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *(
            frozen_field(name, "cluster")
            for name in (
                "name",
                "workspace",
                "vmSize",
                "vmPriority",
                "virtualMachineConfiguration",
                "nodeSetup",
                "autoStorage",
                "userAccountSettings",
                "subnet",
            )
        ),
        _auto_paths_rule(),
    )

    @property
    def node_limit(self) -> int:
        """Most nodes that the cluster's jobs may use together (design 4)."""
        match self.scale_settings:
            case ScaleSettings(manual=ManualScaleSettings() as manual):
                return manual.target_node_count
            case ScaleSettings(auto_scale=AutoScaleSettings() as auto):
                return auto.maximum_node_count
            case _:
                return 0
