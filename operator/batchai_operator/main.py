"""The operator process: settings, logs, probes, Lease, embedded kopf, and an orderly end.

Started as `batchai-operator`. It owns the order of starting and stopping and nothing else: probes
first; then the Lease; then all kinds are listed; then workers and watches. On TERM: what is being
worked on is finished, then the watches stop, then the Lease is given back.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any, cast

from pydantic import ValidationError

from batchai_operator.lean import leave_out_synchronous_client

leave_out_synchronous_client()

# ruff: noqa: E402 (kopf would load it)
import kopf

from batchai_operator.errors import BatchAIError
from batchai_operator.handlers import watching
from batchai_operator.settings import Settings
from batchai_operator.wiring import process

# By name, because this module runs as `__main__`.
logger = logging.getLogger("batchai_operator.main")

FINISH_SECONDS = 8.0
"""How long tasks at work may take after TERM; the Pod's grace period is 30 s."""


def main() -> None:
    """Run the operator until it is told to stop; exit 0 then, 1 when it cannot go on."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"Settings (environment variables BATCHAI_OPERATOR_…): {error}")
    _configure_logs(settings)
    try:
        orderly = asyncio.run(run(settings))
    except BatchAIError as error:
        logger.error("%s", error)  # noqa: TRY400 (an expected condition; its stack says nothing)
        orderly = False
    sys.exit(0 if orderly else 1)


async def run(settings: Settings) -> bool:
    """Run until a signal, the loss of the Lease, or a failure.

    Returns:
        Whether the end was asked for.

    Raises:
        BatchAIError: the API server cannot be found.
    """
    stop = asyncio.Event()
    _on_signals(stop)
    async with process.operator(settings) as parts:
        await parts.probes.start(settings.health_port)
        standing = _start(parts.election.run(), "election")
        stopped = _start(stop.wait(), "stop")
        elected = _start(parts.election.elected(), "elected")
        tasks = [standing, stopped, elected]
        try:
            logger.info("Standing for Lease %s as %s.", settings.lease_name, settings.pod_name)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if elected.done():
                logger.info("Leading; listing what there is.")
                await _lead(settings, parts, stop, standing)
            _complain([standing])
        finally:
            await _cancel(tasks)
            await parts.probes.stop()
        if not stop.is_set():
            logger.error("The Lease is lost, or a part has failed; starting again is safe.")
        return stop.is_set()


async def _lead(
    settings: Settings, parts: process.Operator, stop: asyncio.Event, standing: asyncio.Task[Any]
) -> None:
    """Work while we hold the Lease; give it back when asked to stop."""
    controller = parts.controller
    stopped = _start(stop.wait(), "stop while leading")
    listing = _start(controller.first_sync(), "first lists")
    tasks = [stopped, listing]
    try:
        await asyncio.wait([stopped, listing, standing], return_when=asyncio.FIRST_COMPLETED)
        if listing.done() and not stop.is_set():
            await listing
            # Before kopf: at its end it cancels every task that was started after it.
            working = _start(controller.run(), "controller")
            await asyncio.sleep(0)
            delivering = _start(_watch(settings, parts, stop), "watches")
            tasks += [working, delivering]
            await asyncio.wait(
                [stopped, standing, working, delivering], return_when=asyncio.FIRST_COMPLETED
            )
            controller.stop()
            if not standing.done():
                await asyncio.wait([working], timeout=FINISH_SECONDS)
            _complain([working, delivering])
    finally:
        await _cancel(tasks)
    if not standing.done():
        try:
            await parts.election.release()
        except BatchAIError as error:
            logger.warning("The Lease could not be given back: %s", error)


async def _watch(settings: Settings, parts: process.Operator, stop: asyncio.Event) -> None:
    """Run kopf, which never returns by itself unless a signal or a failure ends it."""
    ready = asyncio.Event()

    async def take_signals_back() -> None:
        # kopf installs handlers of its own, which would end it before our work is finished.
        await ready.wait()
        _on_signals(stop)

    taking = _start(take_signals_back(), "signals")
    try:
        await kopf.operator(
            registry=watching.registry(parts.controller.deliver, parts.login),
            settings=watching.settings(),
            # Named here, because kopf would otherwise look up the user's name, and the user of
            # our image has none.
            identity=cast("Any", settings.pod_name),
            standalone=True,
            clusterwide=not settings.namespace,
            namespaces=[settings.namespace] if settings.namespace else [],
            ready_flag=ready,
        )
    finally:
        await _cancel([taking])


def _complain(tasks: list[asyncio.Task[Any]]) -> None:
    """Log why tasks have ended that should not have."""
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is not None:
            logger.error("The %s failed.", task.get_name(), exc_info=task.exception())


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _start(work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    # The caller keeps the task and cancels it; a TaskGroup would cancel siblings in no order.
    return asyncio.get_running_loop().create_task(work, name=name)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _configure_logs(settings: Settings) -> None:
    """Log to standard error, through kopf's formatters, so that its lines look like ours."""
    chosen = kopf.LogFormat.JSON if settings.log_format == "json" else kopf.LogFormat.FULL
    kopf.configure(log_format=chosen)
    logging.getLogger().setLevel(settings.log_level)
    # kopf tells of each event and patch; the work queue tells what matters.
    logging.getLogger("kopf").setLevel(max(logging.getLogger().level, logging.WARNING))


if __name__ == "__main__":
    main()
