"""Kubernetes Events about our objects, made so that a repetition finds its first occurrence.

Called by `client.record`. Pure; the name of an Event is derived from what it says, so that neither
a restart nor a loop fills the namespace with equal lines.
"""

import hashlib
from datetime import datetime

from batchai_operator import names
from batchai_operator.engine.ports import Object

# The API server refuses longer messages.
_LONGEST_MESSAGE = 1024
# Event names are DNS subdomains of at most 253 characters; the digest and a dot need 17.
_LONGEST_STEM = 230


def new_event(about: Object, type_: str, reason: str, message: str, now: datetime) -> Object:
    """Return the Event for a first occurrence.

    Args:
        about: object the Event is about.
        type_: `Normal` or `Warning`.
        reason: CamelCase word.
        message: what happened; cut to what the API accepts.
        now: time of the occurrence.
    """
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or "default"
    text = message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"
    identity = "\n".join([metadata.get("uid", ""), type_, reason, text])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return {
        "metadata": {
            "name": f"{metadata['name'][:_LONGEST_STEM].rstrip('.-')}.{digest}",
            "namespace": namespace,
        },
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata.get("namespace"),
            "uid": metadata.get("uid"),
            "resourceVersion": metadata.get("resourceVersion"),
        },
        "type": type_,
        "reason": reason,
        "message": text,
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "firstTimestamp": _second(now),
        "lastTimestamp": _second(now),
        "count": 1,
    }


def repetition(existing: Object, now: datetime) -> Object:
    """Return the merge patch that counts an Event up."""
    return {"count": int(existing.get("count") or 1) + 1, "lastTimestamp": _second(now)}


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
