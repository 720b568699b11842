"""Errors of a job in the service's words (spec 7.1).

Made by lifecycle.py, waiting.py, secrets.py and mounts.py; written to `executionInfo.errors` by
status.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchai_operator.errors import InvalidSpecError
from batchai_operator.planner.volumes.mounting import Mount

JOB_FAILED = "Job failed with non-zero exit code"
PREPARATION_FAILED = "Job preparation task failed with non-zero exit code"
TERMINATED = "The specified job has been terminated by the user"
START_FAILED = "unable to start docker container"
LOGS_FAILED = "unable to write the output of the job to its volume"
TIMED_OUT = "The job exceeded its maxWallClockTime"

_MOUNT_FAILED = {
    "share": ("AZFMountError", "unable to mount Azure File"),
    "blob": ("BFSMountError", "unable to mount blob fuse file system"),
    "nfs": ("NFSMountError", "unable to mount NFS file system"),
    "smb": ("UnmanagedMountError", "unable to mount SMB file system"),
    "claim": ("VolumeMountError", "unable to mount the persistent volume claim"),
}


@dataclass(frozen=True)
class Failure:
    """Why a job failed.

    Attributes:
        code: for programs, such as `JobFailed`.
        message: the service's sentence.
        details: names and values; the place for the words of whoever knows more.
    """

    code: str
    message: str
    details: Mapping[str, str] = field(default_factory=dict)

    def as_status(self) -> dict[str, Any]:
        """Return the failure as an item of `executionInfo.errors`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = [{"name": k, "value": v} for k, v in self.details.items()]
        return error

    def as_line(self) -> str:
        """Return the failure in one line, for `status.message`."""
        told = "; ".join(f"{name}: {value}" for name, value in self.details.items())
        return " ".join(f"{self.code}: {self.message}{f' ({told})' if told else ''}".split())


def mount_failure(mount: Mount | None, info: str) -> Failure:
    """Return the service's error for a volume that cannot be mounted.

    Args:
        mount: the volume; None when nobody knows which.
        info: what is wrong, for people.
    """
    if mount is None:
        return Failure("VolumeMountError", "unable to mount a volume", {"Info": info})
    code, message = _MOUNT_FAILED[mount.kind]
    told = f"could not mount {mount.source} at {mount.path}: {info}"
    return Failure(code, message, {"Info": told, "field": mount.field})


def start_failure(image: str, info: str) -> Failure:
    """Return the service's error for a container that cannot start."""
    return Failure("FailedStartingContainer", START_FAILED, {"imageName": image, "Info": info})


def spec_failure(error: InvalidSpecError) -> Failure:
    """Return a refusal of the planner as a failure."""
    return Failure(error.code, str(error), {"field": error.field} if error.field else {})
