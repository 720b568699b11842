"""One working operator among several, by the official client's Lease election.

Made by `wiring`, run by `main`. Losing the Lease is final for a process: it ends and starts again
as a candidate, because nothing it still has in hand may be written any more.
"""

import asyncio
from datetime import datetime

from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection

from batchai_operator.kube.lease import Lease

LEASE_SECONDS = 14
"""After this long without a renewal others may take over."""

RENEW_SECONDS = 9
"""For this long the holder tries to renew before it gives up. Its last try, two requests of
`REQUEST_SECONDS`, ends before the Lease does, so that two never work at a time."""

RETRY_SECONDS = 2
"""Pause between renewals and between looks at somebody else's Lease."""

REQUEST_SECONDS = 2.4
"""Longest request; a client of its own keeps other traffic out of the way."""


class Election:
    """Our candidature.

    Args:
        lease: what is stood for.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._leading = asyncio.Event()

    @property
    def leading(self) -> bool:
        """Whether we hold the Lease."""
        return self._leading.is_set()

    @property
    def seen(self) -> datetime | None:
        """When the Lease last answered."""
        return self._lease.seen

    async def elected(self) -> None:
        """Wait until we hold the Lease; `run` must be running."""
        await self._leading.wait()

    async def run(self) -> None:
        """Stand for the Lease, then hold it; return when it is lost."""

        async def won() -> None:
            self._leading.set()

        async def lost() -> None:
            self._leading.clear()

        config = Config(
            self._lease,
            lease_duration=LEASE_SECONDS,
            renew_deadline=RENEW_SECONDS,
            retry_period=RETRY_SECONDS,
            onstarted_leading=won,
            onstopped_leading=lost,
        )
        await LeaderElection(config).run()

    async def release(self) -> None:
        """Give the Lease back after the work has ended, so that the next one need not wait.

        Raises:
            BatchAIError: the server did not answer; the next one waits `LEASE_SECONDS`.
        """
        if self._leading.is_set():
            self._leading.clear()
            await self._lease.release()
