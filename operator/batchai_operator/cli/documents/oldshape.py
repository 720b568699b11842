"""Translation between our objects and the JSON that the old command line printed. Pure.

Called by the commands to show what the API server returned. The old command line printed a
resource flattened, without the wire's `properties` level (`az batchai job show --query
executionState`), with null for every property that has no value (spec 1.7), and never a secret.
"""

from collections.abc import Mapping
from typing import Any

from batchai_operator.names import DEFAULT_EXPERIMENT, DEFAULT_SUBSCRIPTION, DEFAULT_WORKSPACE
from batchai_operator.planner.naming import batch_ai_name

PROVIDER = "providers/Microsoft.BatchAI"

_OURS = frozenset({"name", "workspace", "experiment", "terminate", "suspend", "kubernetes"})
"""Fields of a spec that stand beside Batch AI's; they are not shown in the old shape."""

_JOB_PROPERTIES = (
    "caffe2Settings", "caffeSettings", "chainerSettings", "cluster", "cntkSettings", "constraints",
    "containerSettings", "customMpiSettings", "customToolkitSettings", "environmentVariables",
    "horovodSettings", "inputDirectories", "jobPreparation", "mountVolumes", "nodeCount",
    "outputDirectories", "pyTorchSettings", "schedulingPriority", "secrets", "stdOutErrPathPrefix",
    "tensorFlowSettings",
)  # fmt: skip
_JOB_STATUS = (
    "creationTime", "executionInfo", "executionState", "executionStateTransitionTime",
    "jobOutputDirectoryPathSegment", "provisioningState", "provisioningStateTransitionTime",
    "toolType",
)  # fmt: skip
_CLUSTER_PROPERTIES = (
    "nodeSetup", "scaleSettings", "subnet", "userAccountSettings", "virtualMachineConfiguration",
    "vmPriority", "vmSize",
)  # fmt: skip
_CLUSTER_STATUS = (
    "allocationState", "allocationStateTransitionTime", "creationTime", "currentNodeCount",
    "errors", "nodeStateCounts", "provisioningState", "provisioningStateTransitionTime",
)  # fmt: skip
_FILE_SERVER_PROPERTIES = ("dataDisks", "sshConfiguration", "subnet", "vmSize")
_FILE_SERVER_STATUS = (
    "creationTime", "mountSettings", "provisioningState", "provisioningStateTransitionTime",
)  # fmt: skip
_EXECUTION_INFO = ("endTime", "errors", "exitCode", "startTime")
_SECRET_MEMBERS = frozenset({"accountKey", "password", "adminUserPassword", "instrumentationKey"})


def job_view(job: Mapping[str, Any]) -> dict[str, Any]:
    """Show a job as the old command line did, and why it is as it is.

    Args:
        job: a BatchAIJob.

    Returns:
        Batch AI's members, and beside them `message` and `conditions` of our own.
    """
    spec, status = job["spec"], job.get("status") or {}
    workspace = spec.get("workspace") or DEFAULT_WORKSPACE
    experiment = spec.get("experiment") or DEFAULT_EXPERIMENT
    name = batch_ai_name(job)
    subscription, group = _home(job)
    parent = f"/subscriptions/{subscription}/resourceGroups/{group}/{PROVIDER}"
    view: dict[str, Any] = {
        "id": f"{parent}/workspaces/{workspace}/experiments/{experiment}/jobs/{name}",
        "name": name,
        "resourceGroup": group,
        "type": "Microsoft.BatchAI/workspaces/experiments/jobs",
        "experimentName": experiment,
        **_properties(spec, _JOB_PROPERTIES),
        **{member: status.get(member) for member in _JOB_STATUS},
        "message": status.get("message"),
        "conditions": status.get("conditions", []),
    }
    view["executionState"] = status.get("executionState", "queued")
    view["provisioningState"] = _provisioning_state(job)
    view["creationTime"] = status.get("creationTime") or job["metadata"].get("creationTimestamp")
    if view["executionInfo"] is not None:
        view["executionInfo"] = {
            member: view["executionInfo"].get(member) for member in _EXECUTION_INFO
        }
    cluster = (spec.get("cluster") or {}).get("id", "")
    full = cluster if "/" in cluster else f"{parent}/workspaces/{workspace}/clusters/{cluster}"
    view["cluster"] = {"id": full, "resourceGroup": id_segment(full, "resourceGroups")}
    return view


def cluster_view(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Show a cluster as the old command line did, with `conditions` beside.

    Args:
        cluster: a BatchAICluster.
    """
    spec, status = cluster["spec"], cluster.get("status") or {}
    workspace = spec.get("workspace") or DEFAULT_WORKSPACE
    name = batch_ai_name(cluster)
    subscription, group = _home(cluster)
    return {
        "id": (
            f"/subscriptions/{subscription}/resourceGroups/{group}/{PROVIDER}"
            f"/workspaces/{workspace}/clusters/{name}"
        ),
        "name": name,
        "resourceGroup": group,
        "type": "Microsoft.BatchAI/workspaces/clusters",
        **_properties(_with_auto_storage(spec, status), _CLUSTER_PROPERTIES),
        **{member: status.get(member) for member in _CLUSTER_STATUS},
        "creationTime": status.get("creationTime") or cluster["metadata"].get("creationTimestamp"),
        "provisioningState": _provisioning_state(cluster),
        "message": status.get("message"),
        "conditions": status.get("conditions", []),
    }


def file_server_view(server: Mapping[str, Any]) -> dict[str, Any]:
    """Show a file server as the old command line did, with where its files are beside.

    Args:
        server: a BatchAIFileServer.
    """
    spec, status = server["spec"], server.get("status") or {}
    workspace = spec.get("workspace") or DEFAULT_WORKSPACE
    name = batch_ai_name(server)
    subscription, group = _home(server)
    disks = spec.get("dataDisks")
    where = status.get("mountSettings")
    view = {
        "id": (
            f"/subscriptions/{subscription}/resourceGroups/{group}/{PROVIDER}"
            f"/workspaces/{workspace}/fileServers/{name}"
        ),
        "name": name,
        "resourceGroup": group,
        "type": "Microsoft.BatchAI/workspaces/fileServers",
        **_properties(spec, _FILE_SERVER_PROPERTIES),
        **{member: status.get(member) for member in _FILE_SERVER_STATUS},
        "creationTime": status.get("creationTime") or server["metadata"].get("creationTimestamp"),
        "provisioningState": _provisioning_state(server),
        "message": status.get("message"),
        "conditions": status.get("conditions", []),
    }
    # The old command line wrote these names in another way than the wire (spec 2.11).
    if disks:
        view["dataDisks"] = {
            "cachingType": disks.get("cachingType", "none"),
            "diskCount": disks.get("diskCount", 1),
            "diskSizeInGb": disks.get("diskSizeInGB"),
            "storageAccountType": disks.get("storageAccountType"),
        }
    if where:
        view["mountSettings"] = {
            "fileServerInternalIp": where.get("fileServerInternalIP"),
            "fileServerPublicIp": where.get("fileServerPublicIP"),
            "mountPoint": where.get("mountPoint"),
        }
    return view


def id_segment(resource_id: str, kind: str) -> str:
    """Return the part of a resource id that follows `kind`, or nothing."""
    parts = resource_id.split("/")
    lowered = [part.lower() for part in parts]
    if kind.lower() not in lowered[:-1]:
        return ""
    return parts[lowered.index(kind.lower()) + 1]


def _with_auto_storage(spec: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    """Show auto-storage among the cluster's volumes, where old scripts look for its account."""
    shown = dict(spec)
    if spec.get("autoStorage") and status.get("autoStorage"):
        from pydantic import ValidationError  # noqa: PLC0415 (the models)

        from batchai_operator.model.base import to_wire  # noqa: PLC0415
        from batchai_operator.planner.volumes.autostorage import volumes  # noqa: PLC0415

        setup = spec.get("nodeSetup") or {}
        own = setup.get("mountVolumes") or {}
        try:
            auto = {
                kind: each for kind, each in to_wire(volumes(status["autoStorage"])).items() if each
            }
        except ValidationError:
            return shown  # Of another version's operator; the rest is worth showing.
        both = {kind: [*(own.get(kind) or ()), *(auto.get(kind) or ())] for kind in {**own, **auto}}
        shown["nodeSetup"] = {**setup, "mountVolumes": both}
    return shown


def _home(thing: Mapping[str, Any]) -> tuple[str, str]:
    """Subscription and resource group; the operator, which knows both, wrote them to the status."""
    segment = (thing.get("status") or {}).get("jobOutputDirectoryPathSegment") or ""
    parts = segment.split("/")
    if len(parts) > 2:
        return parts[0], parts[1]
    return DEFAULT_SUBSCRIPTION, str(thing["metadata"].get("namespace", ""))


def _provisioning_state(thing: Mapping[str, Any]) -> str:
    if thing["metadata"].get("deletionTimestamp"):
        return "deleting"
    return str((thing.get("status") or {}).get("provisioningState", "creating"))


def _properties(spec: Mapping[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    shown: dict[str, object] = dict.fromkeys(members)
    shown.update({name: _public(value) for name, value in spec.items() if name not in _OURS})
    if shown.get("secrets"):
        shown["secrets"] = [{"name": entry["name"]} for entry in spec["secrets"]]
    return shown


def _public(value: object) -> object:
    """Leave out what the service never returned; the objects should not hold it either."""
    if isinstance(value, dict):
        return {
            name: {} if name == "credentials" else _public(inner)
            for name, inner in value.items()
            if name not in _SECRET_MEMBERS
        }
    if isinstance(value, list):
        return [_public(inner) for inner in value]
    return value
