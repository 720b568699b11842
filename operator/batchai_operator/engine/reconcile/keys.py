"""What a job says about itself that the engine needs before it plans: its cluster, its end.

Called by the controller for every version of every job, so it reads raw dicts and validates
nothing; a job whose spec is nonsense is the planner's to refuse.
"""

from batchai_operator.engine.ports import Object
from batchai_operator.engine.reconcile.table import Key
from batchai_operator.names import FINISHED
from batchai_operator.planner.naming import cluster_name


def is_finished(job: Object) -> bool:
    """Return whether a job's end has been written."""
    return (job.get("status") or {}).get("executionState") in FINISHED


def cluster_of(job: Object) -> Key | None:
    """Return the key of the cluster that an unfinished job belongs to."""
    if is_finished(job):
        return None
    name = cluster_name(job)
    return (job["metadata"].get("namespace", ""), name) if name else None


def vm_size_of(cluster: Object | None) -> str | None:
    """Return the VM size of a cluster, if it says one."""
    size = ((cluster or {}).get("spec") or {}).get("vmSize")
    return str(size) if size else None
