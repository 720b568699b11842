"""Options that every command of az had: `--subscription`, `--debug`, `--verbose` (spec 6).

Called once, by main.py; it walks over the commands, so that none has to name them. They are hidden
from the commands' own help, which `batchai --help` makes up for.
"""

from collections.abc import Callable

import click

from batchai_operator.cli.late import LateGroup


def add_everywhere(command: click.Command) -> None:
    """Give the options to a command and to all below it that do something."""
    if isinstance(command, LateGroup):
        command.when_loaded = add_everywhere
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            add_everywhere(inner)
        return
    command.params += [
        click.Option(
            ["--subscription"], hidden=True, expose_value=False, callback=_ignore_subscription
        ),
        click.Option(
            ["--verbose"],
            is_flag=True,
            hidden=True,
            expose_value=False,
            callback=_log("INFO"),
        ),
        click.Option(
            ["--debug"], is_flag=True, hidden=True, expose_value=False, callback=_log("DEBUG")
        ),
    ]


def _ignore_subscription(_: click.Context, __: click.Parameter, given: str | None) -> None:
    if given:
        click.echo(
            "WARNING: --subscription has no meaning here; the kubeconfig says which Kubernetes.",
            err=True,
        )


def _log(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def raise_level(_: click.Context, __: click.Parameter, given: bool) -> None:
        if not given:
            return
        import logging  # noqa: PLC0415 (seldom asked for)

        level, root = logging.getLevelNamesMapping()[name], logging.getLogger()
        if not root.handlers or root.level > level:
            # Standard error, as az did; what commands print stays clean for scripts.
            logging.basicConfig(level=level, format="%(levelname)s: %(name)s: %(message)s")
            root.setLevel(level)
            # The client tells bodies, in which Secrets stand in the clear.
            logging.getLogger("kubernetes").setLevel(logging.INFO)

    return raise_level
