"""Turns the models' complaints about a spec into one line for people.

Used by job.py and cluster.py. Never contains a value, which may be a secret.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # The command line reads the reasons, mostly without the models.
    from pydantic import ValidationError

REFUSED = "Forbidden"
"""Reason of a job of which a quota, a policy or a missing right forbids the Pods, for now."""

SERVER_MISSING = "FileServerNotReady"
"""Reason of a job that had its turn while a file server that it names was not ready."""

SERVER_GONE = "FileServerGone"
"""Reason of a job that runs although a file server that it mounts was taken away."""

NODE_REFUSED = "NodeRefused"
"""Reason of a job of which a Kubernetes node refused a Pod, until its next run is made."""

VOLUME_ENDING = "VolumeEnding"
"""Reason of a job that had its turn while a volume of an earlier job was still being unmounted."""


def last_reason(job: Mapping[str, Any]) -> str:
    """Return the reason of a job's condition `Ready`, empty while it has none."""
    for found in (job.get("status") or {}).get("conditions") or ():
        if found.get("type") == "Ready":
            return str(found.get("reason") or "")
    return ""


_MOST = 5


def explain(error: "ValidationError") -> str:
    """Return what is wrong with a spec: each field with its complaint."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    parts = []
    for entry in found[:_MOST]:
        where = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in entry["loc"]
        ).lstrip(".")
        said = entry["msg"].removeprefix("Value error, ")
        parts.append(f"{where}: {said}" if where else said)
    more = f" (and {len(found) - _MOST} more)" if len(found) > _MOST else ""
    return "; ".join(parts) + more
