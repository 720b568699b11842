"""A command in a container over the API server's WebSocket `exec`, as a stream of bytes.

Made by `client.exec`. The client's own WebSocket helper decodes and mixes the streams, so this
speaks the subprotocol itself: each message is one byte of channel and the data (1 standard output,
2 standard error, 3 the result as a `Status`). Nothing is buffered beyond one message of output.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client.rest import RESTClientObject
from yarl import URL

from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)
from batchai_operator.kube.failures import connection_errors

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _RESULT = b"\x00", 1, 2, 3
# Standard error is kept for a message; a program that floods it must not fill our memory.
_LONGEST_STDERR = 64 * 1024
# A quiet `follow` is legal for hours, so only a missing answer to a ping tells a dead connection.
_HEARTBEAT_SECONDS = 30


class Execution:
    """Context manager and `ExecStream` in one; each instance runs its command once."""

    def __init__(
        self,
        rest: RESTClientObject,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool = False,
    ) -> None:
        self.stderr = ""
        self.exit_code = -1
        self._rest = rest
        self._pod = f"{namespace}/{pod}"
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/exec"
        query = [("container", container), ("stdout", "true"), ("stderr", "true")]
        query += [("stdin", "true")] if stdin else []
        query += [("command", word) for word in command]
        self._url = f"{rest.configuration.host}{path}?{urlencode(query)}"
        self._stack = AsyncExitStack()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        rest, configuration = self._rest, self._rest.configuration
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()  # noqa: SLF001 (as its own helper does)
        bearer = (await configuration.auth_settings()).get("BearerToken")
        headers = {"Authorization": bearer["value"]} if bearer else {}
        options: dict[str, Any] = {}
        if configuration.tls_server_name:
            options["server_hostname"] = configuration.tls_server_name
        connecting = rest.pool_manager.ws_connect(
            URL(self._url, encoded=True),
            headers=headers,
            protocols=_PROTOCOLS,
            heartbeat=_HEARTBEAT_SECONDS,
            max_msg_size=0,
            proxy=rest.proxy,
            **options,
        )
        try:
            with connection_errors(f"exec in {self._pod}"):
                self._socket = await self._stack.enter_async_context(connecting)
        except UnavailableError as error:
            if isinstance(error.__cause__, aiohttp.WSServerHandshakeError):
                raise self._refusal(error.__cause__) from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._socket is not None, "enter the context first"  # noqa: S101 (a bug of ours)
        stderr = bytearray()
        result: dict[str, Any] | None = None
        with connection_errors(f"exec in {self._pod}"):
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.BINARY or len(message.data) < 2:
                    continue
                channel, data = message.data[0], message.data[1:]
                if channel == _STDOUT:
                    yield data
                elif channel == _STDERR:
                    stderr += data[: _LONGEST_STDERR - len(stderr)]
                elif channel == _RESULT:
                    result = json.loads(data)
        self.stderr = stderr.decode("utf-8", "replace")
        if result is None:
            raise UnavailableError(f"exec in {self._pod}: the connection broke")
        self.exit_code = _exit_code(result, self._pod)

    async def send(self, data: bytes) -> None:
        """Write to the command's standard input (see `ExecStream`)."""
        assert self._socket is not None, "enter the context first"  # noqa: S101 (a bug of ours)
        with connection_errors(f"exec in {self._pod}"):
            await self._socket.send_bytes(_STDIN + data)

    def _refusal(self, answer: aiohttp.WSServerHandshakeError) -> BatchAIError:
        # The body of a refused handshake is lost, so the status is all there is to say.
        if answer.status == 404:
            return NotFoundError(f"There is no Pod {self._pod}.")
        if answer.status == 403:
            return ForbiddenError(f"No right to exec in {self._pod} (pods/exec).")
        if answer.status in {400, 409, 500}:
            return ConflictError(f"{self._pod} does not run the container (yet, or any more).")
        return UnavailableError(f"exec in {self._pod}: HTTP {answer.status}")


def _exit_code(result: dict[str, Any], pod: str) -> int:
    if result.get("status") == "Success":
        return 0
    for cause in (result.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ConflictError(f"exec in {pod}: {result.get('message') or 'the command did not start'}")
