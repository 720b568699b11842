"""The Pods of a job as nodes: which run they belong to, how far they are, how they ended.

Used by lifecycle.py, waiting.py and job.py. It reads Pods and decides nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from batchai_operator import names
from batchai_operator.planner.facts import Object
from batchai_operator.planner.jobs.losses import Loss, parse_loss
from batchai_operator.planner.jobs.records import Record, parse_record
from batchai_operator.planner.times import parse


@dataclass(frozen=True)
class NodePod:
    """The Pod of one node of a job.

    Attributes:
        pod: the object, as it was last seen.
        is_gone: it does not exist any more.
    """

    pod: Object
    is_gone: bool = False

    @property
    def name(self) -> str:
        """Name of the Pod."""
        return str(self.pod["metadata"]["name"])

    @property
    def uid(self) -> str:
        """`metadata.uid` of the Pod."""
        return str(self.pod["metadata"]["uid"])

    @property
    def index(self) -> int:
        """Index of the node."""
        return _label(self.pod, names.NODE_INDEX_LABEL)

    @property
    def attempt(self) -> int:
        """Run of the job that the Pod belongs to."""
        return _label(self.pod, names.ATTEMPT_LABEL)

    @property
    def status(self) -> Mapping[str, Any]:
        """The Pod's status."""
        return self.pod.get("status") or {}

    @property
    def is_over(self) -> bool:
        """All containers have ended."""
        return self.is_gone or self.status.get("phase") in {"Succeeded", "Failed"}

    @property
    def is_live(self) -> bool:
        """It holds a node, or may still do so."""
        return not self.is_over

    @property
    def deletion_deadline(self) -> datetime | None:
        """When the Pod should be gone, None when nobody has deleted it."""
        return parse(self.pod["metadata"].get("deletionTimestamp"))

    @property
    def is_scheduled(self) -> bool:
        """A Kubernetes node was found."""
        found = self.condition("PodScheduled") or {}
        is_bound = bool(self.pod["spec"].get("nodeName")) or found.get("status") == "True"
        return is_bound or self.has_started

    @property
    def scheduled_at(self) -> datetime | None:
        """When a Kubernetes node was found."""
        found = self.condition("PodScheduled")
        if found and found.get("status") == "True":
            return parse(found.get("lastTransitionTime"))
        return parse(self.status.get("startTime"))

    @property
    def ip(self) -> str | None:
        """Address of the Pod."""
        return self.status.get("podIP") or None

    @property
    def job_state(self) -> Mapping[str, Any]:
        """State of the job container: at most one of waiting, running, terminated."""
        return self.state_of(names.JOB_CONTAINER)

    @property
    def has_started(self) -> bool:
        """The job container runs or has run."""
        return "running" in self.job_state or "terminated" in self.job_state

    @property
    def ended(self) -> Mapping[str, Any] | None:
        """How the job container ended, None while it has not."""
        found = self.job_state.get("terminated")
        return found if isinstance(found, Mapping) else None

    @property
    def record(self) -> Record | None:
        """The launcher's exit record."""
        ended = self.ended
        if ended is None:
            return None
        return parse_record(ended.get("message"), int(ended.get("exitCode") or 0))

    @property
    def loss(self) -> Loss | None:
        """What the sidecar said is missing when it ended; None while it has not."""
        ended = self.state_of(names.SIDECAR_CONTAINER).get("terminated") or {}
        return parse_loss(ended.get("message"), self.index)

    def condition(self, type_: str) -> Mapping[str, Any] | None:
        """Return a condition of the Pod."""
        for found in self.status.get("conditions") or ():
            if found.get("type") == type_:
                return dict(found)
        return None

    def container(self, name: str) -> Mapping[str, Any]:
        """Return the status of a container, empty when there is none yet."""
        everything = [
            *(self.status.get("initContainerStatuses") or ()),
            *(self.status.get("containerStatuses") or ()),
        ]
        return next((found for found in everything if found.get("name") == name), {})

    def state_of(self, name: str) -> Mapping[str, Any]:
        """Return the state of a container."""
        return self.container(name).get("state") or {}


@dataclass(frozen=True)
class Observed:
    """All Pods of a job.

    Attributes:
        current: of the current attempt, by index of the node.
        stale: of earlier attempts.
        gone: of the current attempt, that do not exist any more and were seen to end.
    """

    current: Mapping[int, NodePod]
    stale: tuple[NodePod, ...]
    gone: tuple[NodePod, ...] = ()

    @property
    def live(self) -> tuple[NodePod, ...]:
        """Pods of all attempts that may still hold a node."""
        everything = (*self.current.values(), *self.stale)
        return tuple(pod for pod in everything if pod.is_live)

    @property
    def known(self) -> Mapping[int, NodePod]:
        """Nodes of the current attempt, those included that ended and whose Pod is gone."""
        gone = {pod.index: pod for pod in self.gone if pod.ended is not None}
        return dict(sorted({**gone, **self.current}.items()))

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What is missing of the output, as far as sidecars have ended and said so."""
        said = {pod.index: pod.loss for pod in (*self.gone, *self.current.values())}
        return tuple(loss for loss in said.values() if loss is not None)

    def with_planned(self, children: Iterable[Object]) -> "Observed":
        """Return the Pods as they will be when some children have been made."""
        made = (NodePod(child) for child in children if child["kind"] == "Pod")
        current = {**self.current, **{pod.index: pod for pod in made}}
        return replace(self, current=dict(sorted(current.items())))


def attempt_of(job: Object) -> int:
    """Return which run of a job is the current one, from 1."""
    return int((job.get("status") or {}).get("attempt") or 1)


def observe(pods: Iterable[Object], attempt: int, gone: Iterable[Object] = ()) -> Observed:
    """Sort the Pods of a job; readers are left out.

    Args:
        pods: those that exist.
        attempt: the current one.
        gone: those that are known to have existed.
    """
    left = tuple(NodePod(pod, is_gone=True) for pod in gone)
    left = tuple(pod for pod in left if pod.attempt == attempt)
    nodes = [
        NodePod(pod)
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(names.COMPONENT_LABEL) == "node"
    ]
    current = {pod.index: pod for pod in nodes if pod.attempt == attempt}
    stale = tuple(pod for pod in nodes if pod.attempt != attempt)
    return Observed(dict(sorted(current.items())), stale, left)


def _label(pod: Object, name: str) -> int:
    text = str((pod["metadata"].get("labels") or {}).get(name, ""))
    return int(text) if text.isdecimal() else 0
