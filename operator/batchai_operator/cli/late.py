"""Groups whose commands are loaded when they are named, not when the program starts.

Used by the groups that hold commands which need much: loading the models, or the copying of files,
takes longer than most commands. The list of commands is printed without loading any.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click
from typing_extensions import override

_ROOM = "batchai_operator.cli"


@dataclass(frozen=True)
class Late:
    """A command that is somewhere else.

    Attributes:
        module: name of the module in this package.
        attribute: the command there.
        help: first sentence of its help, for the list of commands.
    """

    module: str
    attribute: str
    help: str

    def load(self) -> click.Command:
        """Return the command itself."""
        found: click.Command = getattr(
            importlib.import_module(f"{_ROOM}.{self.module}"), self.attribute
        )
        return found


class LateGroup(click.Group):
    """A group some of whose commands are late.

    Attributes:
        late: those that are loaded when they are named.
        when_loaded: called once with each command that was.
    """

    def __init__(self, *arguments: object, late: Mapping[str, Late], **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.late = late
        self.when_loaded: Callable[[click.Command], None] = lambda _: None

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self.late})

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.late and cmd_name not in self.commands:
            command = self.late[cmd_name].load()
            self.when_loaded(command)
            self.add_command(command, cmd_name)
        return super().get_command(ctx, cmd_name)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = {name: click.Command(name, help=late.help) for name, late in self.late.items()}
        click.Group(commands={**told, **self.commands}).format_commands(ctx, formatter)
