"""Reads the launcher's exit record from a container's termination message.

Used by observed.py. The record comes out of the user's container, so nothing in it is trusted to
have the right shape: what has not is as good as absent.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batchai_operator.planner.times import parse

_TOO_LARGE = 2**31


@dataclass(frozen=True)
class Verdict:
    """What a launcher says about the whole job, or about its own node.

    Attributes:
        outcome: the launcher's word, such as `taskFailed`.
        exit_code: of the program that decided.
        task: which one that was; empty when none.
        node: on which node.
    """

    outcome: str
    exit_code: int
    task: str = ""
    node: int = 0


@dataclass(frozen=True)
class Record:
    """An exit record.

    Attributes:
        own: what became of this node.
        job: node 0's verdict on the job, None where it is not known.
        message: one line for people.
        ended_at: when the node's processes had ended.
    """

    own: Verdict
    job: Verdict | None
    message: str
    ended_at: datetime | None


def parse_record(text: object, exit_code: int) -> Record | None:
    """Return the record in a termination message.

    Args:
        text: the message.
        exit_code: of the container, for what the record leaves open.

    Returns:
        The record, None for anything else that a container may have written.
    """
    if not isinstance(text, str) or not text.startswith("{"):
        return None
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        # Four thousand brackets are deeper than the parser goes.
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("outcome"), str):
        return None
    node = _number(raw.get("node"), 0)
    return Record(
        own=Verdict(_text(raw["outcome"]), exit_code, _failed_task(raw), node),
        job=_verdict(raw.get("job")),
        message=_text(raw.get("message")),
        ended_at=parse(raw.get("endedAt")),
    )


def _verdict(raw: object) -> Verdict | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("outcome"), str):
        return None
    return Verdict(
        outcome=_text(raw["outcome"]),
        exit_code=_number(raw.get("exitCode"), 0),
        task=_text(raw.get("task")),
        node=_number(raw.get("node"), 0),
    )


def _failed_task(raw: dict[str, Any]) -> str:
    tasks = raw.get("tasks")
    for task in tasks if isinstance(tasks, list) else ():
        if isinstance(task, dict) and task.get("exitCode") and not task.get("stopped"):
            return _text(task.get("name"))
    return ""


def _number(value: object, default: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return default
    # Anything longer would not fit the status.
    return value if abs(value) < _TOO_LARGE else default


def _text(value: object) -> str:
    """Return a text that an object can carry: half a surrogate pair is not one."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", errors="replace").decode()
