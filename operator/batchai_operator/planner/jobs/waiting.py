"""What keeps a job's Pods from starting, and for how long that is borne (design 5).

Used by job.py for Pods that exist. Since when something is wrong stands in the job's own conditions
`StorageReady` and `ImageReady`, so a restart of the operator does not start the clock again.

Decisions where the spec is silent: an image name that cannot be right fails the job at once; a pull
is tried for 3 minutes, or 30 s when the registry says that there is no such image; a container that
cannot be created for 2 minutes; a sidecar that falls over again and again (a volume that cannot be
written) for 1 minute. A Pod that no Kubernetes node has room for waits for as long as it takes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batchai_operator import names
from batchai_operator.planner.facts import MountFailure, Object
from batchai_operator.planner.jobs.failures import Failure, start_failure
from batchai_operator.planner.jobs.mounts import judge_mounts
from batchai_operator.planner.jobs.observed import NodePod
from batchai_operator.planner.reasons import SERVER_GONE
from batchai_operator.planner.times import parse
from batchai_operator.planner.volumes.mounting import Mount

STORAGE_READY = "StorageReady"
"""Condition that is False while volumes or Secrets are missing; absent otherwise."""

IMAGE_READY = "ImageReady"
"""Condition that is False while a container cannot be made from its image; absent otherwise."""

_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|name unknown|does not exist", re.IGNORECASE
)
_HOPELESS = re.compile(r"runAsNonRoot and image|couldn't find key|invalid reference", re.IGNORECASE)
_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed"}
)
_AT_ONCE = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_CREATE = frozenset({"CreateContainerError", "CreateContainerConfigError", "RunContainerError"})
SLOW_SECONDS = 60.0
"""After how long a node that does not start is spoken of."""

_FALLING = frozenset({"CrashLoopBackOff", "PostStartHookError", "Error", "StartError"})


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps a job from starting.

    Attributes:
        condition: type of the condition that says so; empty for what only `Ready` tells.
        reason: CamelCase word.
        message: for people.
        failure: what the job ends with when patience is over; None when it waits for ever.
        seconds_left: until then; 0 = now.
    """

    condition: str
    reason: str
    message: str
    failure: Failure | None = None
    seconds_left: float | None = None


def find_obstacle(
    pods: Iterable[NodePod],
    mount_failures: Iterable[MountFailure],
    mounts: Iterable[Mount],
    status: Object,
    now: datetime,
) -> Obstacle | None:
    """Return the most urgent obstacle of Pods that have not started, None when there is none.

    Args:
        pods: of the current attempt.
        mount_failures: what kubelet says about mounts.
        mounts: volumes of the job.
        status: of the job as it is, for how long something has been wrong.
        now: the time.
    """
    waiting = [pod for pod in pods if not pod.has_started and pod.deletion_deadline is None]
    found = [
        _storage(waiting, mount_failures, mounts, now),
        *(_images(pod, status, now) for pod in waiting),
        *(_scheduling(pod) for pod in waiting),
    ]
    return min((o for o in found if o is not None), key=_urgency, default=None)


def find_lost_server(awaited: Mapping[str, str]) -> Obstacle | None:
    """Return what to say of a job that runs while a file server that it mounts is not there.

    Args:
        awaited: file servers that are not there, by field.
    """
    if not awaited:
        return None
    where, server = next(iter(awaited.items()))
    message = (
        f"File server {server} of {where} is gone while the job runs. Unless its NFS server is "
        "still there, programs that use it wait for ever: terminate the job."
    )
    return Obstacle(STORAGE_READY, SERVER_GONE, message)


def find_slow_start(pods: Iterable[NodePod], now: datetime) -> Obstacle | None:
    """Return what to say of a node that takes long to start and gives no reason of its own.

    Sandboxes that cannot be made and disks that cannot be attached are told by Events of the Pod
    only, so the message says where to look. `seconds_left` is the time until it is to be said.
    """
    slow: tuple[float, NodePod] | None = None
    for pod in pods:
        at = pod.scheduled_at
        if not pod.has_started and pod.is_scheduled and at is not None:
            age = (now - at).total_seconds()
            slow = max(slow, (age, pod), key=lambda it: it[0]) if slow else (age, pod)
    if slow is None:
        return None
    age, pod = slow
    told = next((s["waiting"].get("reason") for s in _states(pod) if "waiting" in s), "")
    message = (
        f"Node {pod.index} takes long to start ({told or 'no reason given'}); "
        f"`kubectl describe pod {pod.name}` shows its Events."
    )
    return Obstacle("", "StartingSlowly", message, None, max(SLOW_SECONDS - age, 0.0))


def _states(pod: NodePod) -> list[Mapping[str, Any]]:
    return [pod.state_of(name) for name in (names.SIDECAR_CONTAINER, names.JOB_CONTAINER)]


def seconds_since(status: Object, condition: str, now: datetime) -> float:
    """Return for how long a condition of a job has been False; 0 when it is not."""
    for found in status.get("conditions") or ():
        if found.get("type") == condition and found.get("status") == "False":
            since = parse(found.get("lastTransitionTime"))
            return max((now - since).total_seconds(), 0.0) if since else 0.0
    return 0.0


def _storage(
    pods: list[NodePod],
    failures: Iterable[MountFailure],
    mounts: Iterable[Mount],
    now: datetime,
) -> Obstacle | None:
    # Once the sandbox is there all volumes are mounted, and what was said before is history.
    pending = {pod.uid: pod for pod in pods if not _has_sandbox(pod)}
    drivers: dict[str, str] = {}
    for pod in pending.values():
        for volume in pod.pod["spec"].get("volumes") or ():
            drivers[volume["name"]] = (volume.get("csi") or {}).get("driver", "")
    about = [failure for failure in failures if failure.pod_uid in pending]
    trouble = judge_mounts(about, drivers, mounts, now)
    if trouble is None:
        return None
    return Obstacle(
        STORAGE_READY, trouble.failure.code, trouble.message, trouble.failure, trouble.seconds_left
    )


def _has_sandbox(pod: NodePod) -> bool:
    found = pod.condition("PodReadyToStartContainers") or {}
    return found.get("status") == "True" or bool(
        pod.state_of(names.SIDECAR_CONTAINER).get("running")
    )


def _images(pod: NodePod, status: Object, now: datetime) -> Obstacle | None:
    for name in (names.SIDECAR_CONTAINER, names.JOB_CONTAINER):
        container = pod.container(name)
        state = container.get("state") or {}
        waiting = state.get("waiting") or _falling_again(name, container)
        if waiting:
            found = _container(pod, container, waiting, status, now)
            if found is not None:
                return found
    return None


def _falling_again(name: str, container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a sidecar waits for that was started again after a failure.

    Until its `postStart` has succeeded nothing is better than before: to take it back now and say
    it again in a moment would begin its time anew, and cost a write each time.
    """
    failed = (container.get("lastState") or {}).get("terminated")
    is_again = name == names.SIDECAR_CONTAINER and failed and not container.get("started")
    return {"reason": "CrashLoopBackOff"} if is_again else None


def _container(
    pod: NodePod,
    container: Mapping[str, Any],
    waiting: Mapping[str, Any],
    status: Object,
    now: datetime,
) -> Obstacle | None:
    reason, told = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    image = _image_of(pod, str(container.get("name")))
    patience: float
    if reason in _AT_ONCE:
        patience = 0.0
    elif reason in _PULL:
        # Kubelet says by turns what went wrong and that it waits; the first is worth keeping.
        told, reason = _lasting(status, told, reason), "ImagePullFailed"
        patience = 30.0 if _NO_SUCH_IMAGE.search(told) else 180.0
    elif reason in _CREATE:
        patience = 0.0 if _HOPELESS.search(told) else 120.0
    elif reason in _FALLING:
        last = (container.get("lastState") or {}).get("terminated") or {}
        told, reason = str(last.get("message") or told), "SidecarFailing"
        patience = 60.0
    else:
        return None
    info = " ".join((told or reason).split())
    left = max(patience - seconds_since(status, IMAGE_READY, now), 0.0)
    message = f"Container {container.get('name')} cannot start from image {image}: {info}"
    return Obstacle(IMAGE_READY, reason, message, start_failure(image, info), left)


def _lasting(status: Object, told: str, reason: str) -> str:
    if reason != "ImagePullBackOff" or "ErrImagePull" in told:
        return told
    for found in status.get("conditions") or ():
        if found.get("type") == IMAGE_READY and found.get("reason") == "ImagePullFailed":
            return str(found.get("message") or "").partition(": ")[2] or told
    return told


def _scheduling(pod: NodePod) -> Obstacle | None:
    found = pod.condition("PodScheduled")
    if pod.is_scheduled or not found or found.get("status") != "False":
        return None
    reason = str(found.get("reason") or "Unschedulable")
    told = " ".join(str(found.get("message") or "no Kubernetes node fits").split())
    return Obstacle("", reason, f"Waiting for a Kubernetes node: {told}")


def _image_of(pod: NodePod, name: str) -> str:
    spec = pod.pod["spec"]
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        if container.get("name") == name:
            return str(container.get("image") or "")
    return ""


def _urgency(obstacle: Obstacle) -> tuple[bool, float]:
    return obstacle.seconds_left is None, obstacle.seconds_left or 0.0
