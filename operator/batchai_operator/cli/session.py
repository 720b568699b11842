"""One run of a command: connection, messages, errors as exit codes.

Called by every command. It is the only place of the command line that starts an event loop or ends
the process.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import click

from batchai_operator.cli.querying import asked_query, render_queried
from batchai_operator.cli.rendering import Column, harmless, render
from batchai_operator.engine.ports import Cluster
from batchai_operator.engine.storageports import OpenContainer
from batchai_operator.errors import BatchAIError, InvalidSpecError, NotFoundError

EXIT_ERROR, EXIT_NOT_FOUND = 1, 3
"""az's exit codes (spec 6.1: a missing resource is 3 since 0.4.0)."""

EXIT_INTERRUPTED, EXIT_KILLED = 130, 143
"""The shell's exit codes for Ctrl-C and kill."""

Connect = Callable[..., AbstractAsyncContextManager[Cluster]]
"""`connect(kubeconfig=…, context=…)`; `wiring.connect`, or a test's fake."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Session:
    """What a command gets through click's context.

    Attributes:
        connect: opens the connection to Kubernetes.
        open_container: opens blob storage itself; None to read through Pods only.
        kubeconfig: file named on the command line.
        context: context named on the command line.
    """

    connect: Connect
    open_container: OpenContainer | None = None
    kubeconfig: str | None = None
    context: str | None = None

    def run(self, work: Callable[[Cluster], Awaitable[Result]]) -> Result:
        """Connect, work, and turn errors into messages and exit codes."""
        import asyncio  # noqa: PLC0415 (`--help` needs neither)
        import signal  # noqa: PLC0415

        async def connected() -> Result:
            # A kill must clear up as Ctrl-C does, which asyncio cares for by itself.
            task = asyncio.current_task()
            if task is not None:
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            async with self.connect(kubeconfig=self.kubeconfig, context=self.context) as cluster:
                return await work(cluster)

        try:
            return asyncio.run(connected())
        except BatchAIError as error:
            fail(error)
        except ValueError as error:
            fail(_without_sense(error))
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        except asyncio.CancelledError:
            sys.exit(EXIT_KILLED)


def _without_sense(error: ValueError) -> BatchAIError:
    """Return what to say of an object of another version, or older than a rule.

    Raises:
        ValueError: it is no complaint of the models; what was typed is checked before.
    """
    from pydantic import ValidationError  # noqa: PLC0415 (most commands need no models)

    from batchai_operator.planner.reasons import explain  # noqa: PLC0415

    if not isinstance(error, ValidationError):
        raise error
    return InvalidSpecError(f"An object makes no sense to this version: {explain(error)}")


def fail(error: BatchAIError) -> NoReturn:
    """End the process with an error's message and its exit code."""
    click.echo(harmless(f"ERROR: {error}"), err=True)
    sys.exit(EXIT_NOT_FOUND if isinstance(error, NotFoundError) else EXIT_ERROR)


def warn(message: str) -> None:
    """Tell the user something; standard output stays clean for scripts."""
    click.echo(harmless(f"WARNING: {message}"), err=True)


def say(message: str) -> None:
    """Tell the user how things go."""
    click.echo(harmless(message), err=True)


def show(found: object, form: str, columns: Sequence[Column]) -> None:
    """Print what was found in the format asked for."""
    query = asked_query()
    text = render_queried(query.search(found), form) if query else render(found, form, columns)
    if text:
        # `color` must follow the terminal, not the format: jsonc into a file would be unreadable.
        click.echo(text)
