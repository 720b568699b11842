"""A plain TCP relay to the API server whose connections a test can cut, in a thread of its own.

The client's TLS passes through untouched, so exec and everything else work as without it.
"""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import yaml


class Cuttable:
    """Use as a context manager.

    Args:
        kubeconfig: of the real API server.
        folder: gets a kubeconfig that leads through the relay.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._config = yaml.safe_load(kubeconfig.read_text())
        address = urlsplit(self._config["clusters"][0]["cluster"]["server"])
        self._target = (str(address.hostname), address.port or 443)
        self.kubeconfig = folder / "relayed"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._relay, "127.0.0.1", 0), self._loop
        ).result(10)
        port = self._server.sockets[0].getsockname()[1]
        for each in self._config["clusters"]:
            each["cluster"]["server"] = f"https://127.0.0.1:{port}"
            each["cluster"]["tls-server-name"] = self._target[0]
        self.kubeconfig.write_text(yaml.safe_dump(self._config))
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Close all that is open, so that nothing is left for the collector to complain of."""
        assert self._server is not None
        self._server.close()
        # What was accepted a moment ago has its task in the next turn of the loop.
        await asyncio.sleep(0.1)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # Transports close their sockets in the next turn of the loop.
        await asyncio.sleep(0.1)

    def cut(self) -> None:
        """Break all connections that are open now."""

        async def abort() -> None:
            for writer in [*self._writers]:
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result(10)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ends = {writer}
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            ends |= {far_writer}
            self._writers |= ends
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
        except asyncio.CancelledError:
            # By `_end`; the library would report a connection's task that ends so.
            return
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
