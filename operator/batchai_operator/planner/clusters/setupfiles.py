"""Where a cluster's setup task leaves its output (spec 4.3, 6.5). Pure.

The operator writes the suffix to the cluster's status once, as `stdOutErrPathSuffix`; `cluster file
list` reads it there, because only the operator knows subscription and resource group. Better than
the service's client in one point: a folder between the mount and the suffix is not forgotten.
"""

import posixpath
from collections.abc import Mapping

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.names import DEFAULT_WORKSPACE
from batchai_operator.planner.facts import Object
from batchai_operator.planner.pods.paths import home
from batchai_operator.settings import Settings

_ROOT = "$AZ_BATCHAI_MOUNT_ROOT/"


def setup_suffix(
    cluster: Object,
    spec: ClusterSpec,
    settings: Settings,
    namespace_annotations: Mapping[str, str],
) -> str | None:
    """Return `stdOutErrPathSuffix` (spec 4.3); what the status says already, stays.

    Args:
        cluster: the BatchAICluster.
        spec: its spec.
        settings: for the subscription.
        namespace_annotations: for the resource group.

    Returns:
        The suffix, None without a setup task.
    """
    if spec.node_setup is None or spec.node_setup.setup_task is None:
        return None
    metadata = cluster["metadata"]
    return _written(cluster) or posixpath.join(
        home(cluster, settings, namespace_annotations),
        "workspaces",
        spec.workspace or DEFAULT_WORKSPACE,
        "clusters",
        spec.name or metadata["name"],
        metadata["uid"],
    )


def setup_folder(cluster: Object, spec: ClusterSpec) -> str | None:
    """Return the folder of the setup task's output, beginning with the clusters' mount root.

    Args:
        cluster: the BatchAICluster.
        spec: its spec.

    Returns:
        The folder, None without a setup task, or when no operator has seen it yet.

    Raises:
        InvalidSpecError: the prefix is not on a volume of the cluster; in the service's words.
    """
    task = spec.node_setup.setup_task if spec.node_setup else None
    if task is None:
        return None
    volumes = spec.node_setup.mount_volumes if spec.node_setup else None
    prefix = task.std_out_err_path_prefix.replace("${AZ_BATCHAI_MOUNT_ROOT}", _ROOT.rstrip("/"))
    inner = f"{prefix.removeprefix(_ROOT)}/"
    paths = [volume.relative_mount_path for volume in volumes.all] if volumes else []
    if not prefix.startswith(_ROOT) or not any(inner.startswith(f"{path}/") for path in paths):
        raise InvalidSpecError(
            "List files is supported only for clusters with startup task configured to store its "
            f"logs on a volume of the cluster; {task.std_out_err_path_prefix} is on none.",
            field="nodeSetup.setupTask.stdOutErrPathPrefix",
        )
    suffix = _written(cluster)
    return posixpath.join(prefix, suffix) if suffix else None


def _written(cluster: Object) -> str:
    return str((cluster.get("status") or {}).get("stdOutErrPathSuffix") or "")
