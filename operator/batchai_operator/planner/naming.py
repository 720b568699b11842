"""Names of objects made from Batch AI's names: deterministic, valid, never longer than allowed.

Used by the planner for children and by every front that must find a job by workspace, experiment
and name. The spec is silent on all of this, so these are our decisions: the job `j` of the default
workspace and experiment is the object `j`; every other job, and one whose name is no valid label or
could be mistaken for a hashed one, is `workspace-experiment-name-hash`. Names of children carry the
job's uid and attempt, so that no namesake and no Pod that will not die stands in their way.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from batchai_operator import names

MAX_OBJECT_NAME = 52
"""Longest object name that `object_name` makes; it leaves room for hand-made suffixes."""

_LABEL_LENGTH = 63
_UID_DIGITS = 6
# The CRD holds names to DNS-1035, which begin with a letter.
_CLEAN = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_CLEAN_CLUSTER = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_LOOKS_HASHED = re.compile(r".*-[0-9a-f]{8}")


def object_name(workspace: str, experiment: str, name: str) -> str:
    """Return the object name of a job.

    Args:
        workspace: name of the workspace (spec 1.3), `default` when the job names none.
        experiment: name of the experiment, likewise.
        name: name of the job.

    Returns:
        A DNS-1035 label of at most `MAX_OBJECT_NAME` characters, another one for every job.
    """
    is_default = (workspace, experiment) == (names.DEFAULT_WORKSPACE, names.DEFAULT_EXPERIMENT)
    is_clean = _CLEAN.fullmatch(name) and not _LOOKS_HASHED.fullmatch(name)
    if is_default and is_clean and len(name) <= MAX_OBJECT_NAME:
        return name
    # No blank or slash can stand in a name, so the joined text tells the three parts apart.
    digest = _digest(f"{workspace}/{experiment}/{name}")[:8]
    parts = [name] if is_default else [workspace, experiment, name]
    readable = _sanitise("-".join(parts))
    if not readable[:1].isalpha():
        readable = f"job-{readable}"
    return f"{readable[: MAX_OBJECT_NAME - 9].rstrip('-')}-{digest}"


def cluster_object_name(name: str) -> str:
    """Return the object name of a cluster, whose name is unique in its namespace (design 2).

    Args:
        name: Batch AI name of the cluster.

    Returns:
        The name itself where it can be one; else a sanitised one with a hash.
    """
    if _CLEAN_CLUSTER.fullmatch(name) and len(name) <= MAX_OBJECT_NAME:
        return name
    readable = _sanitise(name) or "cluster"
    return f"{readable[: MAX_OBJECT_NAME - 9].rstrip('-')}-{_digest(name)[:8]}"


def batch_ai_name(obj: Mapping[str, Any]) -> str:
    """Return the name by which Batch AI knows an object: `spec.name`, or that of the object."""
    return str((obj.get("spec") or {}).get("name") or obj["metadata"]["name"])


def service_name(job: dict[str, Any], attempt: int) -> str:
    """Return the name of the headless Service of one attempt of a job; a DNS-1035 label."""
    return _child_name(job, f"-{attempt}")


def key_secret_name(job: dict[str, Any]) -> str:
    """Return the name of the Secret with the job's own key; all attempts share it."""
    return _child_name(job, "-key")


def pod_name(job: dict[str, Any], attempt: int, index: int) -> str:
    """Return the name of the Pod of one node of a job.

    Args:
        job: the BatchAIJob.
        attempt: which run of the job, from 1.
        index: of the Batch AI node, from 0.

    Returns:
        A DNS label, such as `mnist-3f2a91-1-0`.
    """
    return _child_name(job, f"-{attempt}-{index}")


def node_id(job: dict[str, Any], attempt: int, index: int) -> str:
    """Return the id of a node in the service's style (spec 2.4).

    Args:
        job: the BatchAIJob; its uid and creation time make the id.
        attempt: which run of the job, from 1.
        index: of the node, from 0.

    Returns:
        Such as `tvm-1915592855_1-20180621t171517z`; ordinals count from 1.
    """
    metadata = job["metadata"]
    number = int(_digest(f"{metadata['uid']}/{attempt}")[:15], 16) % 9_000_000_000 + 1_000_000_000
    created = str(metadata.get("creationTimestamp", "1970-01-01T00:00:00Z")).split(".")[0]
    moment = re.sub(r"[-:]", "", created.rstrip("Z")).lower() + "z"
    return f"tvm-{number}_{index + 1}-{moment}"


def label_value(text: str) -> str:
    """Return a name as a label value; capitals and `_` may stay, the ends may not be signs."""
    return re.sub(r"[^-\w.]", "-", text, flags=re.ASCII).strip("-_.")[:_LABEL_LENGTH].rstrip("-_.")


def cluster_name(job: dict[str, Any]) -> str | None:
    """Return the object name of a job's cluster: the last segment of `cluster.id` (design 2)."""
    reference = (job.get("spec") or {}).get("cluster") or {}
    identifier = reference.get("id") if isinstance(reference, dict) else reference
    return str(identifier or "").rstrip("/").rsplit("/", maxsplit=1)[-1] or None


def _child_name(job: dict[str, Any], ending: str) -> str:
    metadata = job["metadata"]
    digits = re.sub(r"[^0-9a-f]", "", metadata["uid"].lower())[:_UID_DIGITS]
    ending = f"-{digits}{ending}"
    base = _sanitise(metadata["name"])
    if not base[:1].isalpha():
        # The name of a Service begins with a letter (DNS-1035); the others follow suit.
        base = f"j-{base}"
    return base[: _LABEL_LENGTH - len(ending)].rstrip("-") + ending


def _sanitise(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
