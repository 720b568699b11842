"""What `up` did, on disk, written before each step is taken.

A run that is killed at any point leaves a record of all it may have changed; the next `up`
or `down` undoes it. Only devcluster.py and teardown.py write it.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class State:
    """The record of one cluster.

    Attributes:
        nodes: number of nodes.
        gpus: GPUs that each node advertises.
        program: folder of the Kubernetes program in use.
        network: first two numbers of the three networks, see network.py.
        instance_type: value of the node label, or empty.
        sysctls: kernel settings as they were before `up`.
        complete: whether `up` came to its end.
    """

    nodes: int
    gpus: int
    program: str
    network: int = 0
    instance_type: str = ""
    sysctls: dict[str, str] = field(default_factory=dict)
    complete: bool = False

    def save(self, path: Path) -> None:
        """Write the record so that a reader sees either the old one or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> "State | None":
        """Read the record; None when there is none, or none that can be read."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
