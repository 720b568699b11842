"""Whether the last output of a job that has ended is on its volume, as far as anybody can tell.

Called by readers.py. The operator's word counts first (`LogsIncomplete`); before it is written, or
where no operator runs, the Pods' own words do. Only time that passes here is measured: clocks of
this machine and of the nodes may differ by minutes.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from batchai_operator.engine.files.podfacts import is_running
from batchai_operator.planner.jobs.ending import SAVING
from batchai_operator.planner.jobs.losses import INCOMPLETE, describe
from batchai_operator.planner.jobs.observed import NodePod

DRAIN_SECONDS = SAVING.total_seconds()
"""How long nodes are waited for that may still save output: as long as they are given for it."""

TALK_SECONDS = 3.0
"""After so long the user is told what is waited for."""


class LastOutput:
    """Follows the nodes of one job from its end until nothing of its output will come any more.

    Args:
        announce: told what the user is waiting for.

    Attributes:
        shortfall: what may be missing, one or more sentences; empty when nothing is known to be.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._since: float | None = None
        self._has_told = False
        self.shortfall = ""

    def is_awaited(self, job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> bool:
        """Look at a job that has ended; return whether its nodes may still save output.

        Args:
            job: the BatchAIJob, freshly read.
            pods: of its latest attempt.
        """
        said = _condition(job)
        if said:
            # The operator has seen the end of all nodes, or has given them up.
            self.shortfall = said
            return False
        nodes = [NodePod(dict(pod)) for pod in pods]
        saving = [node for node in nodes if not node.is_over and _has_begun(node)]
        if not saving:
            lost = describe(node.loss for node in nodes if node.loss is not None)
            self.shortfall = lost.message if lost else ""
            return False
        now = asyncio.get_running_loop().time()
        self._since = now if self._since is None else self._since
        waited = now - self._since
        names = ", ".join(node.name for node in saving)
        if waited >= DRAIN_SECONDS:
            self.shortfall = (
                f"Pod {names} has not ended {waited:.0f} s after the job, so not all of its output "
                "may be saved."
            )
            return False
        if waited >= TALK_SECONDS and not self._has_told:
            self._has_told = True
            self._announce(f"The job has ended; Pod {names} saves its last output.")
        return True


def _condition(job: Mapping[str, Any]) -> str:
    for found in (job.get("status") or {}).get("conditions") or ():
        if found.get("type") == INCOMPLETE and found.get("status") == "True":
            return str(found.get("message") or found.get("reason") or INCOMPLETE)
    return ""


def _has_begun(node: NodePod) -> bool:
    """Whether there may be output; a Pod that waits for its node or its volumes has none."""
    return node.has_started or is_running(node.pod)
