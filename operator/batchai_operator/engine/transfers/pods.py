"""Has the Pod made through which a volume is copied to or from, and another when it ended.

The `Sources` of sessions.py for `batchai storage`. It reads and writes no file itself.
"""

from collections.abc import Callable

from batchai_operator.engine.files.ownpods import OwnPod, Source
from batchai_operator.engine.ports import Object, ObjectStore


class TransferPods:
    """Has one transfer Pod at a time.

    Args:
        store: the API server.
        body: the Pod to make.
        announce: told what the user is waiting for.
    """

    def __init__(self, store: ObjectStore, body: Object, announce: Callable[[str], None]) -> None:
        self._body = body
        self._pod = OwnPod(store, announce, "to copy the files")

    async def find(self) -> Source:
        """Return the Pod, made if need be; raises what `OwnPod.make` raises."""
        return self._pod.made or await self._pod.make(self._body)

    async def forget(self, source: Source) -> None:
        """Give up a Pod that has ended; one that runs has only lost a connection."""
        if source == self._pod.made and await self._pod.is_over():
            await self._pod.close()

    async def close(self) -> None:
        """Remove the Pod, if one was made."""
        await self._pod.close()
