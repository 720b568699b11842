"""What users ask of clusters: create, find, list, scale, delete.

Called by the command line (and later other fronts), beside commands.py for jobs.
"""

import asyncio
from typing import Any

from batchai_operator.engine.ports import CLUSTERS, Object, ObjectStore
from batchai_operator.errors import ConflictError, NotFoundError
from batchai_operator.names import AUTO_STORAGE_PREPARING, AUTO_STORAGE_READY
from batchai_operator.planner.naming import cluster_object_name

_GONE_SECONDS = 120.0
_STORAGE_SECONDS = 20.0
_POLL_SECONDS = 0.5


async def find_cluster(store: ObjectStore, namespace: str, name: str) -> Object:
    """Find a cluster by its Batch AI name: `spec.name`, or that of its object (design 2).

    Raises:
        NotFoundError: there is none; in the service's words (spec 1.6).
    """
    try:
        found = await store.get(CLUSTERS, cluster_object_name(name), namespace)
        if batch_ai_name(found) == name:
            return found
    except NotFoundError:
        pass
    # `kubectl apply` may have given the object any name, with `spec.name` in it.
    for cluster in await store.list(CLUSTERS, namespace):
        if batch_ai_name(cluster) == name:
            return cluster
    raise NotFoundError(f"ClusterNotFound: The specified cluster {name} is not found.")


async def list_clusters(store: ObjectStore, namespace: str) -> list[Object]:
    """List the clusters of a namespace by name."""
    found = await store.list(CLUSTERS, namespace)
    return sorted(found, key=lambda cluster: str(cluster["metadata"]["name"]))


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


def batch_ai_name(cluster: Object) -> str:
    """Return the name by which Batch AI, and with it every job, knows a cluster."""
    return str((cluster.get("spec") or {}).get("name") or cluster["metadata"]["name"])


async def until_storage_told(store: ObjectStore, cluster: Object) -> Object:
    """Wait for the operator's word on a new cluster's auto-storage, as the old command line did.

    Args:
        store: the API server.
        cluster: the BatchAICluster.

    Returns:
        The cluster as it is then; its condition says whether storage is there.
    """
    metadata = cluster["metadata"]
    for _ in range(int(_STORAGE_SECONDS / _POLL_SECONDS)):
        told = storage_condition(cluster)
        if told is not None and told.get("reason") != AUTO_STORAGE_PREPARING:
            break
        await asyncio.sleep(_POLL_SECONDS)
        cluster = await store.get(CLUSTERS, metadata["name"], metadata["namespace"])
    return cluster


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


async def delete_cluster(store: ObjectStore, cluster: Object, *, wait: bool) -> None:
    """Delete a cluster; its jobs stay as objects (spec 7.3).

    Args:
        store: the API server.
        cluster: the BatchAICluster.
        wait: return only when the object is gone.
    """
    metadata = cluster["metadata"]
    try:
        await store.delete(CLUSTERS, metadata["name"], metadata["namespace"], uid=metadata["uid"])
        for _ in range(int(_GONE_SECONDS / _POLL_SECONDS) if wait else 0):
            await store.get(CLUSTERS, metadata["name"], metadata["namespace"])
            await asyncio.sleep(_POLL_SECONDS)
    except NotFoundError:
        return
