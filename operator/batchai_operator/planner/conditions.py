"""Conditions of a status: which there are, and since when.

Used by status.py and cluster.py. The time of a condition changes with its status only, never with
its words, as everywhere in Kubernetes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from batchai_operator.planner.times import render_seconds


@dataclass(frozen=True)
class Condition:
    """A condition without its time."""

    type: str
    status: Literal["True", "False"]
    reason: str
    message: str = ""


def merge_conditions(
    old: Iterable[dict[str, Any]],
    new: Iterable[Condition],
    *,
    generation: int | None,
    at: datetime,
) -> list[dict[str, Any]]:
    """Return the new conditions with their times, in the order given.

    Args:
        old: as they stand in the status; those without a successor are dropped.
        new: what holds now.
        generation: `metadata.generation` that they are about.
        at: when those changed that have changed.
    """
    before = {str(condition.get("type")): condition for condition in old}
    merged = []
    for condition in new:
        previous = before.get(condition.type, {})
        kept = previous.get("status") == condition.status and previous.get("lastTransitionTime")
        entry: dict[str, Any] = {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": kept or render_seconds(at),
        }
        if generation is not None:
            entry["observedGeneration"] = generation
        merged.append(entry)
    return merged
