"""Tells whether the watches are alive: what we have written must come back through them.

Kept by the inbox. A watch can hang without an error, and a quiet cluster looks just the same; but a
write of ours that nobody echoes for minutes is a fact. It only measures.
"""

import asyncio

from batchai_operator.engine.ports import Object

# More are never needed: the oldest one is what counts, and it stays until it is heard.
_MOST = 10_000


class Echo:
    """Our own writes whose watch events have not arrived."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[float, int]] = {}

    def wrote(self, obj: Object) -> None:
        """Expect a watch event for a version that the API server has just stored."""
        uid = obj["metadata"]["uid"]
        since = self._waiting.get(uid, (asyncio.get_running_loop().time(), 0))[0]
        if uid in self._waiting or len(self._waiting) < _MOST:
            self._waiting[uid] = (since, _version(obj))

    def heard(self, obj: Object, *, gone: bool) -> None:
        """Take note of a watch event, or of an object found by listing."""
        uid = obj["metadata"]["uid"]
        expected = self._waiting.get(uid)
        if expected is not None and (gone or _version(obj) >= expected[1]):
            del self._waiting[uid]

    def oldest_seconds(self) -> float:
        """Return for how long the oldest write has waited for its event; 0 when none does."""
        if not self._waiting:
            return 0.0
        return asyncio.get_running_loop().time() - next(iter(self._waiting.values()))[0]


def _version(obj: Object) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)
