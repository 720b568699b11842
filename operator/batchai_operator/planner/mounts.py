"""What kubelet and the CSI drivers say when a volume cannot be mounted, and what it means.

The one table of such texts (design 5): judged here for waiting.py; the stand-in for the drivers and
the tests hold the same texts. A definite error does not heal by itself, a passing one may, and a
node on which a driver has not registered yet is waited for.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from batchai_operator.planner.facts import MountFailure
from batchai_operator.planner.failures import Failure, mount_failure
from batchai_operator.planner.sources import BLOB_DRIVER, FILE_DRIVER, NFS_DRIVER, SMB_DRIVER
from batchai_operator.planner.volumes import Mount

DEFINITE_COUNT = 3
"""A definite error fails the job when it was said so often …"""

DEFINITE_SECONDS = 10.0
"""… or when it was said first so long ago."""

UNKNOWN_SECONDS = 120.0
"""An error that may pass, or that nobody knows, fails the job after this time."""

Kind = Literal["definite", "passing", "waits", "summary"]


@dataclass(frozen=True)
class MountError:
    """A row of the table.

    Attributes:
        driver: CSI driver that says it; empty for kubelet or all.
        text: regular expression, found anywhere in the message, letter case ignored.
        kind: `definite`, `passing`, `waits` (for as long as it takes), or `summary` (kubelet's
            repetition of what another Event says better).
        remedy: what a person can do; empty where the text says it all.
    """

    driver: str
    text: str
    kind: Kind
    remedy: str = ""


TABLE = (
    MountError("", r"not found in the list of registered CSI drivers", "waits"),
    MountError("", r"^Unable to attach or mount volumes", "summary"),
    MountError(
        "",
        r"connection refused|i/o timeout|TLS handshake timeout|context deadline exceeded|"
        r"DeadlineExceeded|etcdserver|operation with the given Volume ID \S+ already exists",
        "passing",
    ),
    MountError(
        "",
        r'secrets? "?[^" ]+"? not found|secret .* not found',
        "definite",
        "the Secret with the login is not in the job's namespace; correct the account's or the "
        "Secret's name, or make it (kubectl create secret generic)",
    ),
    MountError(
        FILE_DRIVER,
        r"mount error\(13\)|STATUS_LOGON_FAILURE|STATUS_ACCESS_DENIED",
        "definite",
        "the key in the Secret is not the account's, or the network is blocked",
    ),
    MountError(
        FILE_DRIVER,
        r"mount error\(2\)|STATUS_BAD_NETWORK_NAME",
        "definite",
        "the share does not exist; correct its name, or make it (az storage share create)",
    ),
    MountError(FILE_DRIVER, r"mount error\(22\)", "definite"),
    MountError(FILE_DRIVER, r"or accountKey is empty|failed to get account name", "definite"),
    MountError(
        BLOB_DRIVER,
        r"AuthenticationFailed|AuthorizationFailure|AuthorizationPermissionMismatch|"
        r"InvalidAuthenticationInfo|KeyBasedAuthenticationNotPermitted",
        "definite",
        "the key or SAS token in the Secret is not the account's or has expired, or the account "
        "refuses it",
    ),
    MountError(
        BLOB_DRIVER,
        r"ContainerNotFound|ContainerBeingDeleted",
        "definite",
        "the container does not exist; correct its name, or make it (az storage container create)",
    ),
    MountError(BLOB_DRIVER, r"storage key not provided|invalid FUSE options", "definite"),
    # Many Pods starting together have seen this pass (platform guide 1.3).
    MountError(BLOB_DRIVER, r"account name not provided", "passing"),
    MountError(
        NFS_DRIVER,
        r"access denied by server|mount\.nfs: Operation not permitted",
        "definite",
        "the NFS server does not let the Kubernetes nodes mount this directory",
    ),
    MountError(
        NFS_DRIVER,
        r"reason given by server: No such file or directory|mount\.nfs: No such file",
        "definite",
        "the NFS server exports no such directory",
    ),
    MountError(
        NFS_DRIVER,
        r"incorrect mount option|requested NFS version|Protocol not supported",
        "definite",
        "the NFS server does not take these mount options",
    ),
    MountError(
        NFS_DRIVER,
        r"Failed to resolve server|timed out|No route to host|Network is unreachable",
        "passing",
        "the NFS server cannot be reached from the Kubernetes nodes",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\(13\)|STATUS_LOGON_FAILURE|STATUS_ACCESS_DENIED",
        "definite",
        "the SMB server refuses the user name and password in the Secret",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\((?:2|6)\)|STATUS_BAD_NETWORK_NAME",
        "definite",
        "the SMB server has no such share or folder",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\((?:22|95)\)",
        "definite",
        "the SMB server does not take these mount options",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\(1(?:01|10|11|12|13|15)\)|could not resolve address",
        "passing",
        "the SMB server cannot be reached from the Kubernetes nodes",
    ),
    # The second Pod on a node may come while the mount of the first goes.
    MountError("", r"globalmount\S* does not exist|not a mount ?point", "passing"),
    MountError("", r"code = (?:InvalidArgument|PermissionDenied|Unauthenticated)", "definite"),
)
"""First match counts; what matches nothing is passing."""

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


def classify(driver: str, message: str) -> MountError | None:
    """Return the row of the table that a message belongs to, None when nobody knows it."""
    for row in TABLE:
        if row.driver in {"", driver} and re.search(row.text, message, re.IGNORECASE):
            return row
    return None


def is_definite(message: str) -> bool:
    """Tell whether a mount error, of whichever driver, does not heal by itself."""
    drivers = (FILE_DRIVER, BLOB_DRIVER, NFS_DRIVER, SMB_DRIVER)
    rows = (classify(driver, message) for driver in drivers)
    return any(row is not None and row.kind == "definite" for row in rows)


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
