"""How large a cluster is asked for; made by cli.py, read by the providers."""

from dataclasses import dataclass

from batchai_devcluster.state import State


@dataclass(frozen=True)
class Shape:
    """What the caller named; None and empty mean "as it is, else the default".

    Attributes:
        nodes: number of nodes (default 2).
        gpus: GPUs that each node advertises (default 1).
        instance_type: value of the label `node.kubernetes.io/instance-type` (default none).
    """

    nodes: int | None = None
    gpus: int | None = None
    instance_type: str = ""

    def fits(self, state: State) -> bool:
        """Tell whether the cluster that is there is what was asked for."""
        return (
            self.nodes in (None, state.nodes)
            and self.gpus in (None, state.gpus)
            and self.instance_type in ("", state.instance_type)
        )
