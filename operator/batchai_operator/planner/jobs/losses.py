"""What of a job's output is not on its volume: the sidecars' last words, as a condition.

Used by observed.py, job.py and ending.py. A sidecar says in its termination message what would be
missing if it ended now; Kubernetes keeps that however it ends. The words come from a container, so
what has not the right shape is as good as absent.

Decisions where the spec is silent: a job whose output could not be saved gets the condition
`LogsIncomplete` with the numbers, and keeps its end: logs never turn a success into a failure.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

INCOMPLETE = "LogsIncomplete"
"""Type of the condition; absent while nothing is known to be missing."""

_MOST_REASON = 300


@dataclass(frozen=True)
class Loss:
    """What one node's sidecar said last.

    Attributes:
        node: index of the node.
        size: bytes that are not known to be on the volume, all files together.
        files: the first files of those with their bytes.
        torn: bytes of each output that may be missing besides, because launcher and sidecar were
            dead at the same time.
        reason: what the volume answered last; empty when it gave no answer.
    """

    node: int
    size: int
    files: tuple[tuple[str, int], ...] = ()
    torn: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Incomplete:
    """Reason and message of the condition."""

    reason: str
    message: str


def parse_loss(text: object, node: int) -> Loss | None:
    """Return what a sidecar's termination message says is missing, None when nothing is.

    Args:
        text: the message.
        node: index of the node.
    """
    if not isinstance(text, str) or not text.startswith("{"):
        return None
    try:
        raw = json.loads(text)
    except ValueError:
        return None
    if not isinstance(raw, dict) or raw.get("version") != 1:
        return None
    size, torn = _count(raw.get("bytes")), _count(raw.get("torn"))
    if not size and not torn:
        return None
    missing = raw.get("missing")
    files = tuple(
        (str(entry["file"]), _count(entry.get("bytes")))
        for entry in (missing if isinstance(missing, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("file"), str)
    )
    return Loss(node, size, files, torn, str(raw.get("reason") or ""))


def describe(losses: Iterable[Loss], silent: Iterable[int] = ()) -> Incomplete | None:
    """Return the condition for a job that has ended, None when nothing is missing.

    Args:
        losses: what sidecars said last.
        silent: nodes that do not answer any more, so that nobody can know.
    """
    told = sorted(losses, key=lambda loss: loss.node)
    sentences = [_sentence(loss) for loss in told]
    sentences += [
        f"Node {node} does not answer: what it had not yet put on the volume may be missing."
        for node in sorted(silent)
    ]
    if not sentences:
        return None
    reasons = ["VolumeNotWritten" for loss in told if loss.size]
    reasons += ["KilledTogether" for loss in told if loss.torn]
    return Incomplete([*reasons, "NodeLost"][0], " ".join(" ".join(sentences).split()))


def _sentence(loss: Loss) -> str:
    parts = []
    if loss.size:
        files = ", ".join(f"{name} {size}" for name, size in loss.files)
        why = f"; the volume said last: {loss.reason[:_MOST_REASON]}" if loss.reason else ""
        parts.append(
            f"Node {loss.node}: up to {loss.size} bytes of output are not on the volume "
            f"({files}){why}."
        )
    if loss.torn:
        parts.append(
            f"Node {loss.node}: launcher and sidecar were killed at the same time, so up to "
            f"{loss.torn} bytes of each output may be missing."
        )
    return " ".join(parts)


def _count(value: object) -> int:
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0
