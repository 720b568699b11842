"""The custom toolkit: any command line, on the first node only (spec 3.6).

Reached through arrangement.py. Decisions where the spec is silent: a job without a command line
runs an empty one and succeeds; the host file offers as many slots per node as it has GPUs, at least
one, because command lines of this toolkit call mpirun without a number of processes (spec 3.3).
"""

from batchai_operator.model.toolkits import CustomToolkitSettings
from batchai_operator.planner.toolkits.tasks import Arrangement, Shape, Task


def arrange(settings: CustomToolkitSettings, shape: Shape) -> Arrangement:
    """Put the command line on node 0; the others prepare and wait."""
    task = Task(name="job", is_decisive=True, command_line=settings.command_line or "")
    return Arrangement(
        tasks=((task,), *(() for _ in range(shape.nodes - 1))),
        environment=(),
        slots=(max(shape.gpus, 1),) * shape.nodes,
    )
