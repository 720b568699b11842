"""What the operator reports in `status`: the service's read-only fields and conditions.

Used by the planner, which writes them, by readers such as the command line, and by the generator.
Texts have no bounds here: a status that the API server refused would help nobody.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field
from pydantic.config import JsonDict

from batchai_operator.model.base import Model

BY_TYPE: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
"""List of conditions, one of each type."""

_BY_INDEX: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["index"]}
_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}


class Condition(Model):
    """A condition, in the form that all of Kubernetes uses."""

    type: str
    """What the condition is about, such as `Ready`."""

    status: Literal["True", "False", "Unknown"]
    """`True`, `False` or `Unknown`."""

    reason: str
    """The reason in one word."""

    message: str = ""
    """The reason for people."""

    last_transition_time: datetime
    """When `status` changed last."""

    observed_generation: int | None = None
    """`metadata.generation` that the condition is about."""


class NameValue(Model):
    """A detail of an error."""

    name: str
    """Name of the detail."""

    value: str
    """Its value."""


class BatchAIError(Model):
    """An error, as the service reported it (spec 2.10)."""

    code: str
    """Code for programs, such as `JobFailed` (spec 7.1)."""

    message: str
    """What happened, for people."""

    details: tuple[NameValue, ...] = Field((), json_schema_extra=_ATOMIC)
    """Details, such as a task's name or a node."""


class ExecutionInfo(Model):
    """How the job ran (spec 2.10). Absent while it is queued."""

    start_time: datetime | None = None
    """When the last attempt began."""

    end_time: datetime | None = None
    """When the job ended."""

    exit_code: int | None = None
    """Exit code of the job; absent when it was terminated or never started."""

    errors: tuple[BatchAIError, ...] = Field((), json_schema_extra=_ATOMIC)
    """Why it failed."""


class JobNode(Model):
    """A node of the job."""

    index: int
    """Index of the node, from 0."""

    node_id: str | None = None
    """Batch AI's id of the node, which is part of the names of log files."""

    pod: str | None = None
    """Pod that stands for the node."""

    ip_address: str | None = None
    """Address of the Pod."""

    phase: str | None = None
    """Phase of the Pod."""


class VolumeClaim(Model):
    """A claim by which a volume of the job is mounted."""

    field: str
    """The volume, such as `mountVolumes.fileServers[0]`."""

    claim_name: str
    """PersistentVolumeClaim of the namespace; the operator removes it when no job is left that
    names it."""


class JobStatus(Model):
    """State of a job (spec 2.5, 2.10)."""

    observed_generation: int | None = None
    """`metadata.generation` that this status is about."""

    execution_state: Literal["queued", "running", "terminating", "succeeded", "failed"] | None = (
        None
    )
    """`queued`, `running`, `terminating`, `succeeded` or `failed`."""

    execution_state_transition_time: datetime | None = None
    """When `executionState` changed last."""

    provisioning_state: Literal["creating", "succeeded", "failed", "deleting"] | None = None
    """State of the resource, not of the run."""

    provisioning_state_transition_time: datetime | None = None
    """When `provisioningState` changed last."""

    creation_time: datetime | None = None
    """When the job was created."""

    tool_type: str | None = None
    """The toolkit, in the service's words (spec 2.9)."""

    node_count: int | None = None
    """Number of nodes that run the job."""

    job_output_directory_path_segment: str | None = None
    """Path between the prefix of an output and its folder; new for every job (spec 4.2)."""

    attempt: int | None = None
    """Which run of the job this is, from 1; counted up when a run is repeated."""

    nodes: tuple[JobNode, ...] = Field((), json_schema_extra=_BY_INDEX)
    """Nodes of the current or last attempt."""

    volume_claims: tuple[VolumeClaim, ...] = Field((), json_schema_extra=_ATOMIC)
    """Volumes that are mounted by claims of the operator's making."""

    execution_info: ExecutionInfo | None = None
    """How the job ran."""

    message: str | None = None
    """What is going on and why, in one line."""

    conditions: tuple[Condition, ...] = Field((), json_schema_extra=BY_TYPE)
    """`Ready`, `Stalled`, `Complete`, `Failed`, `Suspended` and warnings."""


class NodeStateCounts(Model):
    """Numbers of nodes, by state (spec 2.4)."""

    idle_node_count: int = 0
    """Nodes ready for work."""

    running_node_count: int = 0
    """Nodes that run a job."""

    preparing_node_count: int = 0
    """Nodes being set up."""

    unusable_node_count: int = 0
    """Nodes whose preparation failed."""

    leaving_node_count: int = 0
    """Nodes being removed."""


class AutoStorage(Model):
    """Where auto-storage is; written when all of it is there."""

    account_name: str | None = None
    """Storage account that holds share and container; absent when they are claims."""

    azure_file_url: str | None = None
    """URL of the share."""

    container_name: str | None = None
    """The blob container."""

    container_server: str | None = None
    """Host of the container; absent where it is that of Azure's public cloud, or the operator's own
    endpoint of blob storage."""

    secret_name: str | None = None
    """Secret of this namespace with the account's key."""

    share_claim: str | None = None
    """PersistentVolumeClaim that stands for the share."""

    container_claim: str | None = None
    """PersistentVolumeClaim that stands for the container."""


class ClusterStatus(Model):
    """State of a cluster (spec 2.4)."""

    observed_generation: int | None = None
    """`metadata.generation` that this status is about."""

    creation_time: datetime | None = None
    """When the cluster was created."""

    provisioning_state: Literal["creating", "succeeded", "failed", "deleting"] | None = None
    """State of the resource, not of its nodes."""

    provisioning_state_transition_time: datetime | None = None
    """When `provisioningState` changed last."""

    allocation_state: Literal["resizing", "steady"] | None = None
    """`resizing` while nodes are added or removed, else `steady`."""

    allocation_state_transition_time: datetime | None = None
    """When `allocationState` changed last."""

    target_node_count: int | None = None
    """Number of nodes wanted now."""

    current_node_count: int | None = None
    """Number of nodes, those that are leaving included."""

    node_state_counts: NodeStateCounts | None = None
    """Numbers of nodes, by state."""

    errors: tuple[BatchAIError, ...] = Field((), json_schema_extra=_ATOMIC)
    """Why nodes are missing or unusable."""

    auto_storage: AutoStorage | None = None
    """Where auto-storage is, once it is there."""

    std_out_err_path_suffix: str | None = None
    """Where below `nodeSetup.setupTask.stdOutErrPathPrefix` the setup task's output is."""

    message: str | None = None
    """What is going on and why, in one line."""

    conditions: tuple[Condition, ...] = Field((), json_schema_extra=BY_TYPE)
    """`Ready` in the steady state, `Stalled` when help is needed, `AutoStorageReady`."""
