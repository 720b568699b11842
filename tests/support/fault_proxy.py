"""A proxy between an operator and the real API server that does what networks and servers do.

Used by the crash tests. It forwards everything, watches as streams, with the credentials of the
chart's ServiceAccount, so that the chart's exact rights apply; it keeps a list of the writes that
the API server stored, which is the tests' witness; and on command it kills, refuses, falls silent
or answers wrongly. It runs in a thread with a loop of its own; all methods may be called from
others. It decides nothing by itself, and it never changes what it forwards.
"""

import asyncio
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from support.faults import EXPIRED, Call, Fault, Plan, no_faults, stored

_HOP_BY_HOP = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}
)
_LOOK_SECONDS = 0.5


class FaultProxy:
    """One API server, as one operator sees it. Use as a context manager.

    Args:
        server: address of the real API server.
        trust: how to know it.
        token: bearer token that goes with every request.

    Attributes:
        url: where the operator finds us.
        writes: what the API server stored, in order; Leases and Events apart.
        watches: when each watch was opened, with its resource.
        lists: how often each resource was listed.
        plan: which requests are answered wrongly.
    """

    def __init__(self, server: str, trust: ssl.SSLContext, token: str) -> None:
        self._server, self._trust, self._token = server, trust, token
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._kill_at, self._kill = 0, lambda: None
        self._silent_since = self._lost_since = 0.0
        self.url = ""
        self.writes: list[Call] = []
        self.watches: list[tuple[float, str]] = []
        self.lists: Counter[str] = Counter()
        self.faults: list[tuple[Call, Fault]] = []
        self.plan: Plan = no_faults

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kill_after(self, number: int, kill: Callable[[], None]) -> None:
        """Call `kill` once the API server has stored that many writes; the answer is not given."""
        self._kill_at, self._kill = number, kill

    def go_away(self) -> None:
        """Break all connections and refuse new ones."""
        self._do(self._stop_listening())

    def come_back(self) -> None:
        """Accept connections again, at the same address."""
        self._do(self._listen(URL(self.url).port or 0))

    def silence_watches(self) -> float:
        """Send nothing more on the watches that are open now; return the time."""
        self._silent_since = time.monotonic()
        return self._silent_since

    def lose_places(self) -> None:
        """End the watches that are open now with 410, as when what they missed is forgotten."""
        self._lost_since = time.monotonic()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await self._listen(0)
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _listen(self, port: int) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await self._site.start()

    async def _stop_listening(self) -> None:
        await self._site.stop()
        self._break_connections()

    def _break_connections(self) -> None:
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _close(self) -> None:
        self._break_connections()
        await self._runner.cleanup()
        # The tasks of broken watches end by themselves within one look, but hold connections.
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._session.close()
        # A TLS connection says goodbye after that; a loop that ended before would leave it open.
        await asyncio.sleep(0.5)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call.of(request.method, request.raw_path)
        fault = self.plan(call)
        if fault is not None:
            self.faults.append((call, fault))
            if not fault.is_stored:
                return _answer(fault)
        if call.method == "GET" and not call.name:
            self.lists[call.resource] += not call.is_watch
        if call.is_watch:
            return await self._watch(request, call)
        async with self._forward(request, await request.read()) as answer:
            body = await answer.read()
        if call.counts and answer.status < 300:
            self.writes.append(stored(call, json.loads(body)))
            if len(self.writes) == self._kill_at:
                self._kill()
                _hang_up(request)
        if fault is not None:
            return _answer(fault)
        headers = {
            name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        return web.Response(status=answer.status, body=body, headers=headers)

    async def _watch(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        opened = time.monotonic()
        self.watches.append((opened, call.resource))
        async with self._forward(request, None) as answer:
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            # Whoever watched may be dead by now.
            with suppress(ConnectionError):
                await response.prepare(request)
                await self._pass_on(answer.content, opened, request, response)
        return response

    async def _pass_on(
        self,
        events: aiohttp.StreamReader,
        opened: float,
        request: web.BaseRequest,
        response: web.StreamResponse,
    ) -> None:
        """Write what a watch yields until it ends, the watcher is gone, or its place is lost."""
        while not _is_gone(request):
            if opened <= self._lost_since:
                await response.write(json.dumps(EXPIRED).encode() + b"\n")
                break
            try:
                chunk = await asyncio.wait_for(events.readany(), _LOOK_SECONDS)
            except TimeoutError:
                continue
            if opened <= self._silent_since:
                # Not even the end of the stream arrives any more.
                await asyncio.sleep(0 if chunk else _LOOK_SECONDS)
            elif chunk:
                await response.write(chunk)
            else:
                break
        await response.write_eof()

    def _forward(
        self, request: web.BaseRequest, body: bytes | None
    ) -> "aiohttp.client._RequestContextManager":
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _HOP_BY_HOP
        }
        return self._session.request(
            request.method,
            URL(self._server + request.raw_path, encoded=True),
            headers={**headers, "Authorization": f"Bearer {self._token}"},
            data=body or None,
        )


def _answer(fault: Fault) -> web.Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else None
    return web.json_response(fault.body(), status=fault.status, headers=headers)


def _is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
