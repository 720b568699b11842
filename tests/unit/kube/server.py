"""A small HTTP server that answers as it is told and remembers what it was asked.

It fakes the API server's surface, not its behaviour; that is tested against the real one
(tests/cluster). Asserted here: paths, queries, headers, bodies, and what becomes of answers.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from batchai_operator.kube.access import Access


@dataclass
class Asked:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: object


@dataclass
class Server:
    answers: list[Callable[[], web.Response]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    socket: Callable[[web.WebSocketResponse], object] | None = None
    before_answer: Callable[[], Awaitable[object]] | None = None
    url: str = ""

    def answer(self, body: object, status: int = 200, headers: dict[str, str] | None = None):
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers.append(lambda: web.Response(text=text, status=status, headers=headers))

    def access(self, token: str = "") -> Access:
        configuration = Configuration()
        configuration.host = self.url
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
        return Access(configuration, "home")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.asked.append(
            Asked(
                request.method,
                request.raw_path.partition("?")[0],
                list(request.query.items()),
                dict(request.headers),
                json.loads(text) if text else None,
            )
        )
        if self.socket is not None:
            socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
            await socket.prepare(request)
            await self.socket(socket)
            return socket
        if self.before_answer is not None:
            await self.before_answer()
        return self.answers.pop(0)()


async def start() -> tuple[Server, web.AppRunner]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return server, runner
