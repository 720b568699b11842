"""A cluster's spec, as users' commands need it that look for volumes.

Called by the commands about files; beside clusters.py, because most commands load no models.
"""

from pydantic import ValidationError

from batchai_operator.engine.ports import Object
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.planner.naming import batch_ai_name
from batchai_operator.planner.reasons import explain
from batchai_operator.planner.volumes.autostorage import with_auto_storage


def read_cluster(cluster: Object) -> ClusterSpec:
    """Return the spec of a cluster, with the volumes of its auto-storage among its own.

    Raises:
        InvalidSpecError: it makes no sense; names the cluster and the fields.
    """
    try:
        return with_auto_storage(cluster)
    except ValidationError as error:
        raise InvalidSpecError(
            f"Cluster {batch_ai_name(cluster)} makes no sense: {explain(error)}"
        ) from error
