"""The conditions on a job as a whole: its toolkit, its counts, what may change after creation.

Used by job.py only; apart from it because a rule is long in both of its languages.
"""

from typing import Protocol

from batchai_operator.model.rules import Rule, exactly_one, frozen_field
from batchai_operator.model.toolkits import TensorFlowSettings

TOOLKITS = (
    "tensorFlowSettings",
    "cntkSettings",
    "pyTorchSettings",
    "caffeSettings",
    "caffe2Settings",
    "chainerSettings",
    "horovodSettings",
    "customMpiSettings",
    "customToolkitSettings",
)
"""The fields of the nine toolkits, as on the wire."""

MAX_GPUS_PER_NODE = 4
"""Most workers per node that any size allows (spec 2.8); the planner knows the cluster's own."""

_FIXED = (
    "name",
    "workspace",
    "experiment",
    "schedulingPriority",
    "cluster",
    "nodeCount",
    "mountVolumes",
    "containerSettings",
    *TOOLKITS,
    "jobPreparation",
    "stdOutErrPathPrefix",
    "inputDirectories",
    "outputDirectories",
    "environmentVariables",
    "secrets",
    "constraints",
)

_TENSORFLOW = "self.tensorFlowSettings"
_WORKERS = f"{_TENSORFLOW}.workerCount"
_SERVERS = f"{_TENSORFLOW}.parameterServerCount"
_NO_WORKERS = f"!has({_TENSORFLOW}) || !has({_WORKERS})"
_NO_SERVERS = f"!has({_TENSORFLOW}) || !has({_SERVERS})"


class _Counted(Protocol):
    """What the rules on counts see of a job."""

    @property
    def node_count(self) -> int: ...

    @property
    def tensor_flow_settings(self) -> TensorFlowSettings | None: ...


def _has_room_for_workers(job: _Counted) -> bool:
    settings = job.tensor_flow_settings
    workers = settings.worker_count if settings else None
    return workers is None or workers <= job.node_count * MAX_GPUS_PER_NODE


def _has_room_for_servers(job: _Counted) -> bool:
    settings = job.tensor_flow_settings
    servers = settings.parameter_server_count if settings else None
    return servers is None or servers <= job.node_count


def _has_servers_only_when_distributed(job: _Counted) -> bool:
    settings = job.tensor_flow_settings
    if settings is None or not settings.parameter_server_count:
        return True
    return job.node_count > 1 or (settings.worker_count or 1) > 1


JOB_RULES: tuple[Rule, ...] = (
    exactly_one(
        TOOLKITS,
        f"exactly one toolkit must be given, of {', '.join(TOOLKITS)}; "
        "add one or remove the others",
    ),
    Rule(
        cel=f"{_NO_WORKERS} || {_WORKERS} <= self.nodeCount * {MAX_GPUS_PER_NODE}",
        message="workerCount {tensorFlowSettings.workerCount} is more than "
        f"{MAX_GPUS_PER_NODE} for each of nodeCount {{nodeCount}} nodes; lower it or "
        "raise nodeCount",
        check=_has_room_for_workers,
        on="tensorFlowSettings.workerCount",
    ),
    Rule(
        cel=f"{_NO_SERVERS} || {_SERVERS} <= self.nodeCount",
        message="parameterServerCount {tensorFlowSettings.parameterServerCount} is more than "
        "nodeCount {nodeCount}, but a node has one at most; lower it or raise nodeCount",
        check=_has_room_for_servers,
        on="tensorFlowSettings.parameterServerCount",
    ),
    Rule(
        cel=f"{_NO_SERVERS} || {_SERVERS} == 0 || self.nodeCount > 1 || "
        f"(has({_WORKERS}) && {_WORKERS} > 1)",
        message="parameterServerCount {tensorFlowSettings.parameterServerCount} is for "
        "distributed training only; remove it or raise nodeCount",
        check=_has_servers_only_when_distributed,
        on="tensorFlowSettings.parameterServerCount",
    ),
    Rule(
        cel="!oldSelf.terminate || self.terminate",
        message="terminate cannot be taken back; create the job anew",
        check=None,
        on="terminate",
    ),
    *(frozen_field(name, "job") for name in _FIXED),
)
"""All rules of a job's spec."""
