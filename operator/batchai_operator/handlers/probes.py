"""`/healthz`, `/readyz` and `/metrics` over HTTP.

Started by `main` before anything else, so that a process that cannot start says why. The answers
are computed when they are asked for, in the loop that does the work: a loop that hangs does not
answer at all. Nothing here calls the API server.

- `/healthz` fails when only a new start helps: a task stuck for ten minutes (requests time out in
  seconds), a watch that has not brought back our own write for five, or a leader that works on
  without a Lease. An API server that is away is no such reason.
- `/readyz` fails until every kind has been listed (leader) or the Lease has been seen (stand-by),
  and when the Lease has not answered for a minute.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web

from batchai_operator.engine.reconcile.health import Health
from batchai_operator.handlers import metrics

STUCK_SECONDS = 600.0
"""A task that is older than this is stuck."""

DEAF_SECONDS = 300.0
"""A write that was not echoed for this long means a dead watch."""

LEASE_SILENT_SECONDS = 60.0
"""A Lease that has not answered for this long makes us unready, and a leader unhealthy."""


class Leadership(Protocol):
    """What the election knows."""

    @property
    def leading(self) -> bool:
        """Whether we hold the Lease."""
        ...

    @property
    def seen(self) -> datetime | None:
        """When the Lease last answered: a renewal of ours, or a look at somebody else's."""
        ...


@dataclass(frozen=True)
class Standing:
    """The election at one moment.

    Attributes:
        leading: whether we hold the Lease.
        seen: whether the Lease has ever answered.
        silence: seconds since it last did, or since the process started.
    """

    leading: bool
    seen: bool
    silence: float


def complaints(health: Health, standing: Standing) -> list[str]:
    """Return why a new start is needed; nothing when it is not."""
    found = []
    if health.queue_oldest > STUCK_SECONDS:
        found.append(f"a task has been waiting or at work for {health.queue_oldest:.0f} s")
    if health.echo_age > DEAF_SECONDS:
        found.append(f"a write has not come back by its watch for {health.echo_age:.0f} s")
    if standing.leading and standing.silence > LEASE_SILENT_SECONDS:
        found.append(f"leading, but the Lease has not answered for {standing.silence:.0f} s")
    return found


def doubts(health: Health, standing: Standing) -> list[str]:
    """Return why this process is not ready to work or to stand by; nothing when it is."""
    found = []
    if standing.leading and not health.synced:
        found.append("not everything has been listed yet")
    if not standing.seen:
        found.append("the Lease has not been seen yet")
    elif standing.silence > LEASE_SILENT_SECONDS:
        found.append(f"the Lease has not answered for {standing.silence:.0f} s")
    return found


class Probes:
    """The HTTP server.

    Args:
        health: how the controller is.
        leadership: how the election is.
        requests: counts of requests to the API server.
    """

    def __init__(
        self,
        health: Callable[[], Health],
        leadership: Leadership,
        requests: Callable[[], Mapping[tuple[str, str], int]],
    ) -> None:
        self._health = health
        self._leadership = leadership
        self._requests = requests
        self._started = datetime.now(UTC)
        self._runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        """Return the application with its three routes."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def start(self, port: int) -> None:
        """Listen on a TCP port of all addresses.

        Raises:
            OSError: the port is taken.
        """
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, port=port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return self._answer(complaints)

    async def _readyz(self, _: web.Request) -> web.Response:
        return self._answer(doubts)

    async def _metrics(self, _: web.Request) -> web.Response:
        standing = self._standing()
        text = metrics.render(
            self._health(),
            self._requests(),
            leading=standing.leading,
            lease_age=standing.silence,
        )
        return web.Response(text=text)

    def _standing(self) -> Standing:
        seen = self._leadership.seen
        silence = (datetime.now(UTC) - (seen or self._started)).total_seconds()
        return Standing(self._leadership.leading, seen is not None, silence)

    def _answer(self, ask: Callable[[Health, Standing], list[str]]) -> web.Response:
        health, standing = self._health(), self._standing()
        problems = ask(health, standing)
        body = {
            "role": "leading" if standing.leading else "standing by",
            "problems": problems,
            "leaseSilence": standing.silence,
            "health": asdict(health),
        }
        return web.json_response(body, status=500 if problems else 200)
