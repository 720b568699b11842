"""A client of the API server that does as little as possible, so that the server is the limit.

Used by all benchmarks. Answers are bytes unless somebody asks for more, bodies may be encoded
before the clock starts, and many requests are in flight at a time.
"""

import asyncio
import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

from benchmarks.waiting import until

Raw = dict[str, Any]

IN_FLIGHT = 32
"""Requests at a time; more brought nothing on two processors."""

_NAME_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API server refused; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass
class Arrivals:
    """What a watch has brought: how many objects, and when the last one came."""

    count: int = 0
    last: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def reach(self, wanted: int, seconds: float) -> float:
        """Wait for a number of objects; return when the last of them came (`perf_counter`).

        Raises:
            TimeoutError: they did not come in time.
        """
        async with asyncio.timeout(seconds):
            while self.count < wanted:
                self.changed.clear()
                await self.changed.wait()
        return self.last


class Api:
    """The API server as the administrator of the kubeconfig. Use as an async context manager."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        self.cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = str(self.cluster["server"])
        self._context = _context(self.cluster, user)
        self._token = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=2 * IN_FLIGHT)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._token, read_bufsize=2**20
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        *,
        accept: str = "application/json",
    ) -> bytes:
        """Make a request and return the answer as it is.

        Raises:
            ApiError: the answer is 300 or more.
        """
        assert self._session is not None
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = _PATCH if method == "PATCH" else "application/json"
        headers = {"Content-Type": kind, "Accept": accept}
        async with self._session.request(
            method, self.server + path, data=data, headers=headers
        ) as answer:
            content = await answer.read()
        if answer.status >= 300:
            raise ApiError(answer.status, content.decode(errors="replace")[:300])
        return content

    async def get(self, path: str) -> Raw:
        """Return an object or a list."""
        found: Raw = json.loads(await self.send("GET", path))
        return found

    async def find(self, path: str) -> Raw | None:
        """Return an object, None when it does not exist."""
        try:
            return await self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def count(self, path: str) -> int:
        """Return how many objects a collection has."""
        limited = f"{path}{'&' if '?' in path else '?'}limit=1"
        page = json.loads(await self.send("GET", limited, accept=_NAMES_ONLY))
        # With a selector the server does not say how many more there are.
        if page["metadata"].get("continue") and "remainingItemCount" not in page["metadata"]:
            return 2
        return len(page["items"] or ()) + int(page["metadata"].get("remainingItemCount") or 0)

    async def names(self, path: str) -> list[str]:
        """Return the names of the objects of a collection."""
        page = json.loads(await self.send("GET", path, accept=_NAMES_ONLY))
        return [item["metadata"]["name"] for item in page["items"] or ()]

    async def all(
        self, method: str, requests: Iterable[tuple[str, bytes | None]], at_once: int = IN_FLIGHT
    ) -> None:
        """Make many requests, so many at a time; the first refusal ends it."""
        waiting = iter(requests)

        async def work() -> None:
            for path, body in waiting:
                await self.send(method, path, body, accept=_NAME_ONLY)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())

    async def until_empty(self, path: str, seconds: float = 120) -> None:
        """Wait until a collection is empty."""

        async def is_empty() -> bool:
            return await self.count(path) == 0

        await until(is_empty, seconds, f"{path} to be empty")

    @asynccontextmanager
    async def arrivals(self, path: str) -> AsyncIterator[Arrivals]:
        """Count the objects that are made in a collection from now on."""
        page = json.loads(await self.send("GET", f"{path}?limit=1", accept=_NAMES_ONLY))
        version = page["metadata"]["resourceVersion"]
        seen = Arrivals()
        watching = asyncio.ensure_future(
            self._watch(f"{path}?watch=1&resourceVersion={version}", seen)
        )
        try:
            yield seen
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, path: str, seen: Arrivals) -> None:
        assert self._session is not None
        headers = {"Accept": _NAME_ONLY}
        endless = aiohttp.ClientTimeout(total=None)
        async with self._session.get(
            self.server + path, headers=headers, timeout=endless
        ) as answer:
            async for line in answer.content:
                if line.startswith(b'{"type":"ADDED"'):
                    seen.count += 1
                    seen.last = time.perf_counter()
                    seen.changed.set()


def _context(cluster: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext:
    def text(section: Mapping[str, str], name: str) -> bytes:
        if f"{name}-data" in section:
            return base64.b64decode(section[f"{name}-data"])
        return Path(section[name]).read_bytes()

    context = ssl.create_default_context(cadata=text(cluster, "certificate-authority").decode())
    if "client-certificate" in user or "client-certificate-data" in user:
        # Python reads client certificates from files only.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(text(user, "client-certificate") + b"\n" + text(user, "client-key"))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
