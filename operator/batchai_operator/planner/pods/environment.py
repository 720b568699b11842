"""The variables that a job's processes see (spec 3.2), in order.

Used by launch.py. What belongs to one task only comes from its toolkit; what the user gives comes
from the container's environment.

Decisions where the spec is silent:
- Reserved names win over the user's (spec 11, 14): the launcher sets these last.
- Variables of Azure Batch are given as far as Kubernetes has the like: pool = cluster, task =
  `job`. AZ_BATCH_MASTER_NODE has port 6000, which Azure Batch used; nothing listens there.
- The `AZ_LEARNING_` names of the preview and AZ_BATCHAI_PREV_OUTPUT_Name of 2017 are not of
  2018-05-01 and are left out, as is AZ_BATCHAI_MPI_MASTER_NODE until a toolkit with MPI is built.
"""

from collections.abc import Iterable

from batchai_operator.planner.pods.paths import Paths
from batchai_operator.planner.pods.references import root_variables
from batchai_operator.planner.toolkits.tasks import Variable, address

_BATCH_PORT = 6000


def job_environment(
    paths: Paths,
    *,
    job: str,
    cluster: str,
    subscription: str,
    node_id: str,
    index: int,
    count: int,
    gpus: int,
    toolkit: Iterable[Variable],
) -> tuple[Variable, ...]:
    """Return the reserved variables of all processes of one node.

    Args:
        paths: of the job.
        job: Batch AI name of the job.
        cluster: name of its cluster.
        subscription: stands for the Azure Batch account.
        node_id: of this node.
        index: of this node, from 0.
        count: number of nodes.
        gpus: of this node.
        toolkit: variables of the toolkit.
    """
    variables = [Variable(name, value) for name, value in root_variables(paths.root).items()]
    variables.append(Variable("AZ_BATCHAI_STDOUTERR_DIR", paths.stdouterr.path))
    variables += [Variable(f"AZ_BATCHAI_INPUT_{id_}", path) for id_, path in paths.inputs]
    variables += [
        Variable(f"AZ_BATCHAI_OUTPUT_{output.id}", output.path) for output in paths.outputs
    ]
    variables += [
        Variable("AZ_BATCHAI_NUM_GPUS", str(gpus)),
        Variable("AZ_BATCHAI_NUM_GPUS_PER_NODE", str(gpus)),
        Variable("AZ_BATCHAI_CLUSTER_NAME", cluster),
        Variable("AZ_BATCHAI_JOB_MASTER_NODE_IP", address(0), has_addresses=True),
        *toolkit,
        Variable("AZ_BATCH_ACCOUNT_NAME", subscription),
        Variable("AZ_BATCH_POOL_ID", cluster),
        Variable("AZ_BATCH_JOB_ID", job),
        Variable("AZ_BATCH_TASK_ID", "job"),
        Variable("AZ_BATCH_NODE_ID", node_id),
    ]
    return tuple(variables + (_several_nodes(index, count) if count > 1 else []))


def _several_nodes(index: int, count: int) -> list[Variable]:
    addresses = [address(node) for node in range(count)]
    return [
        Variable("AZ_BATCH_HOST_LIST", ",".join(addresses), has_addresses=True),
        Variable("AZ_BATCH_NODE_LIST", ";".join(addresses), has_addresses=True),
        Variable("AZ_BATCH_MASTER_NODE", f"{address(0)}:{_BATCH_PORT}", has_addresses=True),
        Variable("AZ_BATCH_IS_CURRENT_NODE_MASTER", "true" if index == 0 else "false"),
    ]
