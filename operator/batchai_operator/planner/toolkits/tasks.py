"""What a toolkit answers: tasks by node and the variables that go with them.

Made by the modules of the toolkits, read by environment.py and launch.py.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True)
class Variable:
    """An environment variable.

    Attributes:
        name: its name.
        value: its value; with `has_addresses`, `{{node K}}` stands for the address of node K.
        has_addresses: the launcher puts addresses in after the nodes have met.
    """

    name: str
    value: str
    has_addresses: bool = False


@dataclass(frozen=True)
class Task:
    """A process of the job.

    Attributes:
        name: such as `wk-0`; unique in the job.
        is_decisive: the job ends well when all decisive tasks have ended with 0.
        command_line: for a shell, untouched.
        suffix: of its files, as in `stdout-wk-0.txt`; empty for `stdout.txt`.
        environment: variables of this task only.
    """

    name: str
    is_decisive: bool
    command_line: str
    suffix: str = ""
    environment: tuple[Variable, ...] = ()


@dataclass(frozen=True)
class Shape:
    """What a job has to run on.

    Attributes:
        nodes: number of nodes.
        gpus: GPUs of each node.
    """

    nodes: int
    gpus: int


@dataclass(frozen=True)
class Arrangement:
    """Where a toolkit's tasks run.

    Attributes:
        tasks: by node, in the order of nodes.
        environment: variables of all tasks and of preparation.
        slots: processes per node, for the MPI host file.
    """

    tasks: tuple[tuple[Task, ...], ...]
    environment: tuple[Variable, ...]
    slots: tuple[int, ...]


class ToolkitPlanner(Protocol[S_contra]):
    """What every module of a toolkit offers: settings and shape in, arrangement out."""

    def __call__(self, settings: S_contra, shape: Shape) -> Arrangement:
        """Arrange the tasks.

        Raises:
            InvalidSpecError: the settings do not fit the nodes; names the field.
        """
        ...


def address(node: int) -> str:
    """Return the text that the launcher replaces by the address of a node."""
    return f"{{{{node {node}}}}}"
