"""TensorFlow with parameter servers (spec 3.4).

Reached through arrangement.py.

Decisions where the spec is silent:
- Worker k and parameter server k run on node k; more workers than nodes go round the nodes again.
- A job of one node with several workers is distributed too, so it has a parameter server by
  default.
- Files and tasks of a parameter server are named `ps-{i}` (spec 11, 2), its index counts within its
  role (spec 11, 16).
- All workers decide; a parameter server does not (spec 11, 1).
- A parameter server sees no GPU. A worker sees all of its node's, as on the service, unless it
  shares the node with another: then it sees the one of its place on the node (spec 11, 15), because
  a script that takes `/gpu:0` would fight for it.
- TF_CONFIG has the same form on one node, with an empty list of parameter servers, as
  AZ_BATCHAI_PS_HOSTS is empty there.
"""

import json

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.toolkits import TensorFlowSettings
from batchai_operator.planner.toolkits.tasks import Arrangement, Shape, Task, Variable, address

_NO_GPU = (Variable("CUDA_VISIBLE_DEVICES", ""), Variable("NVIDIA_VISIBLE_DEVICES", "void"))


def arrange(settings: TensorFlowSettings, shape: Shape) -> Arrangement:
    """Spread parameter servers and workers over the nodes.

    Raises:
        InvalidSpecError: more workers than GPUs, on nodes that have any.
    """
    workers = settings.worker_count or shape.nodes
    is_distributed = shape.nodes > 1 or workers > 1
    servers = settings.parameter_server_count
    if servers is None:
        servers = 1 if is_distributed else 0
    if shape.gpus and workers > shape.nodes * shape.gpus:
        raise InvalidSpecError(
            f"tensorFlowSettings.workerCount {workers} is more than nodeCount {shape.nodes} times "
            f"the {shape.gpus} GPUs of a node; lower it or raise nodeCount",
            field="tensorFlowSettings.workerCount",
        )
    cluster = _addresses(shape.nodes, servers, workers)
    tasks: list[list[Task]] = [[] for _ in range(shape.nodes)]
    for index in range(servers):
        tasks[index % shape.nodes].append(_task(settings, cluster, "ps", index, _NO_GPU))
    for index in range(workers):
        place, on_node = divmod(index, shape.nodes)
        shares_node = _workers_on(on_node, shape.nodes, workers) > 1
        pinned = (Variable("CUDA_VISIBLE_DEVICES", str(place)),)
        visible = pinned if shape.gpus and shares_node else ()
        tasks[on_node].append(_task(settings, cluster, "worker", index, visible))
    return Arrangement(
        tasks=tuple(map(tuple, tasks)),
        environment=(
            Variable("AZ_BATCHAI_PS_HOSTS", ",".join(cluster["ps"]), bool(servers)),
            Variable("AZ_BATCHAI_WORKER_HOSTS", ",".join(cluster["worker"]), has_addresses=True),
            Variable("KERAS_BACKEND", "tensorflow"),
        ),
        slots=tuple(max(_workers_on(node, shape.nodes, workers), 1) for node in range(shape.nodes)),
    )


def _addresses(nodes: int, servers: int, workers: int) -> dict[str, list[str]]:
    """Hand out ports on each node from 2222 upward, parameter servers first."""
    following = [names.FIRST_TASK_PORT] * nodes
    cluster: dict[str, list[str]] = {"ps": [], "worker": []}
    for role, count in (("ps", servers), ("worker", workers)):
        for index in range(count):
            node = index % nodes
            cluster[role].append(f"{address(node)}:{following[node]}")
            following[node] += 1
    return cluster


def _workers_on(node: int, nodes: int, workers: int) -> int:
    return len(range(node, workers, nodes))


def _task(
    settings: TensorFlowSettings,
    cluster: dict[str, list[str]],
    role: str,
    index: int,
    visible: tuple[Variable, ...],
) -> Task:
    config = {"cluster": cluster, "task": {"type": role, "index": index}, "environment": "cloud"}
    arguments = {
        ("ps", index): settings.parameter_server_command_line_args,
        ("worker", index): settings.worker_command_line_args,
        ("worker", 0): settings.master_command_line_args,
    }[role, index]
    name = f"{'ps' if role == 'ps' else 'wk'}-{index}"
    interpreter = settings.python_interpreter_path or "python"
    words = (interpreter, settings.python_script_file_path, arguments)
    return Task(
        name=name,
        is_decisive=role == "worker",
        command_line=" ".join(word for word in words if word),
        suffix=f"-{name}",
        environment=(
            Variable("AZ_BATCHAI_TASK_INDEX", str(index)),
            Variable("AZ_BATCHAI_TASK_TYPE", role),
            Variable("TF_CONFIG", json.dumps(config), has_addresses=True),
            *visible,
        ),
    )
