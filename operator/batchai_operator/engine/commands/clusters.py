"""What users ask of clusters: find, scale, wait for their storage.

Called by the command line (and later other fronts), beside jobs.py.
"""

from typing import Any

from batchai_operator.engine.commands.objects import find, look_until
from batchai_operator.engine.ports import CLUSTERS, Object, ObjectStore
from batchai_operator.errors import ConflictError, NotFoundError
from batchai_operator.names import AUTO_STORAGE_PREPARING, AUTO_STORAGE_READY
from batchai_operator.planner.naming import batch_ai_name, cluster_object_name

_ACCEPT_SECONDS, _STORAGE_SECONDS = 5.0, 20.0


async def find_cluster(store: ObjectStore, namespace: str, name: str) -> Object:
    """Find a cluster by its Batch AI name: `spec.name`, or that of its object (design 2).

    Raises:
        NotFoundError: there is none; in the service's words (spec 1.6).
    """

    def is_meant(cluster: Object) -> bool:
        return batch_ai_name(cluster) == name

    found = await find(store, CLUSTERS, namespace, cluster_object_name(name), is_meant)
    if found is None:
        raise NotFoundError(
            f"ClusterNotFound: The specified cluster {name} is not found. Namespace {namespace} "
            "was looked through; -g names another, and `batchai cluster list` shows what there is."
        )
    return found


async def check_free(store: ObjectStore, namespace: str, name: str) -> None:
    """Refuse a name that is taken, as the old command line did (spec 6.2).

    Raises:
        ConflictError: the cluster exists.
    """
    try:
        await find_cluster(store, namespace, name)
    except NotFoundError:
        return
    raise ConflictError(f'"{name}" already exists in "{namespace}" resource group.')


async def until_accepted(store: ObjectStore, cluster: Object) -> Object:
    """Wait a moment for the operator's first word on a new cluster, which holds its states.

    Args:
        store: the API server.
        cluster: the BatchAICluster.

    Returns:
        The cluster as it is then; without an operator it has no status.
    """

    def is_accepted(cluster: Object) -> bool:
        return bool((cluster.get("status") or {}).get("allocationState"))

    return await look_until(store, CLUSTERS, cluster, is_accepted, _ACCEPT_SECONDS)


async def until_storage_told(store: ObjectStore, cluster: Object) -> Object:
    """Wait for the operator's word on a new cluster's auto-storage, as the old command line did.

    Args:
        store: the API server.
        cluster: the BatchAICluster.

    Returns:
        The cluster as it is then; its condition says whether storage is there.
    """

    def is_told(cluster: Object) -> bool:
        told = storage_condition(cluster)
        return told is not None and told.get("reason") != AUTO_STORAGE_PREPARING

    return await look_until(store, CLUSTERS, cluster, is_told, _STORAGE_SECONDS)


def storage_condition(cluster: Object) -> Object | None:
    """Return a cluster's condition on its auto-storage, None while there is none."""
    found = (cluster.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == AUTO_STORAGE_READY), None)


async def scale_cluster(store: ObjectStore, cluster: Object, scale: dict[str, Any]) -> Object:
    """Change a cluster's scale settings, from either kind to either (spec 7.5).

    Args:
        store: the API server.
        cluster: the BatchAICluster.
        scale: `{"manual": …}` or `{"autoScale": …}`.
    """
    # In a merge patch, null removes the kind that is no longer meant.
    settings = {"manual": None, "autoScale": None, **scale}
    metadata = cluster["metadata"]
    change = {"spec": {"scaleSettings": settings}}
    return await store.patch(CLUSTERS, metadata["name"], metadata["namespace"], change, strict=True)
