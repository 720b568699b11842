"""Which trouble with mounts is the most urgent, and for how long it is borne (design 5).

Used by waiting.py; what texts mean stands in mounterrors.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from batchai_operator.planner.facts import MountFailure
from batchai_operator.planner.failures import Failure, mount_failure
from batchai_operator.planner.mounterrors import classify
from batchai_operator.planner.volumes import Mount

DEFINITE_COUNT = 3
"""A definite error fails the job when it was said so often …"""

DEFINITE_SECONDS = 10.0
"""… or when it was said first so long ago."""

UNKNOWN_SECONDS = 120.0
"""An error that may pass, or that nobody knows, fails the job after this time."""

_VOLUME = re.compile(r'for volume "([^"]+)"')


@dataclass(frozen=True)
class MountTrouble:
    """What keeps a Pod from getting its volumes.

    Attributes:
        failure: what the job ends with, now or when patience is over.
        message: for people.
        seconds_left: until the job fails; 0 = now, None = never.
    """

    failure: Failure
    message: str
    seconds_left: float | None


def judge_mounts(
    failures: Iterable[MountFailure],
    drivers: Mapping[str, str],
    mounts: Iterable[Mount],
    now: datetime,
) -> MountTrouble | None:
    """Return the most urgent trouble with mounts, None when there is none.

    Args:
        failures: about Pods that still wait for their volumes.
        drivers: CSI driver by name of volume, of inline volumes.
        mounts: volumes of the job.
        now: the time.
    """
    # Kubelet calls a volume by its name in the Pod, or by that of the PersistentVolume.
    known = {name: mount for mount in mounts for name in (mount.volume, mount.claim) if name}
    troubles = [_judge(failure, drivers, known, now) for failure in failures]
    urgent = [trouble for trouble in troubles if trouble is not None]
    return min(urgent, key=_urgency, default=None)


def _judge(
    failure: MountFailure,
    drivers: Mapping[str, str],
    mounts: Mapping[str, Mount],
    now: datetime,
) -> MountTrouble | None:
    found = _VOLUME.search(failure.message)
    volume = found.group(1) if found else ""
    driver = mounts[volume].driver if volume in mounts else ""
    row = classify(drivers.get(volume) or driver, failure.message)
    kind = row.kind if row else "passing"
    if kind == "summary":
        return None
    age = (now - failure.first_seen).total_seconds()
    left: float | None = max(UNKNOWN_SECONDS - age, 0.0)
    if kind == "definite":
        left = 0.0 if failure.count >= DEFINITE_COUNT else max(DEFINITE_SECONDS - age, 0.0)
    elif kind == "waits":
        left = None
    info = " ".join(failure.message.split())
    if row and row.remedy:
        info = f"{row.remedy}: {info}"
    trouble = mount_failure(mounts.get(volume), info)
    what = mounts[volume].source if volume in mounts else "a volume"
    return MountTrouble(trouble, f"Cannot mount {what}: {info}", left)


def _urgency(trouble: MountTrouble) -> tuple[bool, float]:
    return trouble.seconds_left is None, trouble.seconds_left or 0.0
