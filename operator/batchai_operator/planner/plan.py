"""What the planner answers: children to make and delete, a status, Events, a time to look again.

Made by job.py and cluster.py, carried out by the engine in the order deletions, creations, status,
Events; after a refusal the status comes first. Plans are data; nothing here knows how they are
carried out.
"""

from dataclasses import dataclass
from typing import Literal

from batchai_operator.planner.facts import Object
from batchai_operator.planner.volumes.claims import SharedVolume


@dataclass(frozen=True)
class DeletePod:
    """A Pod to delete.

    Attributes:
        name: its name.
        uid: its uid, so that no namesake is hit.
        grace_seconds: time for it to end by itself; None for the Pod's own.
    """

    name: str
    uid: str
    grace_seconds: int | None = None


@dataclass(frozen=True)
class Event:
    """Something to tell people once, as a Kubernetes Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class JobPlan:
    """What to do about a job now.

    Attributes:
        shared: PersistentVolumes and claims that must be there before the Pods, or that a job
            without Pods waits for.
        create: children in the order of making: Secret, Service, Pods.
        delete: Pods to delete, before anything is made.
        status: the complete new status; None when it stays as it is.
        events: to be told after the status is written.
        requeue_after: seconds after which to look again although nothing happens; None = never.
    """

    shared: tuple[SharedVolume, ...] = ()
    create: tuple[Object, ...] = ()
    delete: tuple[DeletePod, ...] = ()
    status: Object | None = None
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True)
class ClusterPlan:
    """What to do about a cluster now; the attributes are those of `JobPlan`."""

    status: Object | None = None
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True)
class FileServerPlan:
    """What to do about a file server now.

    Attributes:
        create: claim and Service, made once and never changed.
        apply: the Deployment, when it is absent or another.
        status: the complete new status; None when it stays as it is.
        events: to be told after the status is written.
        requeue_after: seconds after which to look again although nothing happens; None = never.
    """

    create: tuple[Object, ...] = ()
    apply: tuple[Object, ...] = ()
    status: Object | None = None
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
