"""The command line's reference page, from its own help.

Run as `python -m batchai_operator.cli.reference > docs/reference/cli.md`; a test compares. It knows
no command by name.
"""

from collections.abc import Iterator

import click

from batchai_operator.cli.main import cli

INTRODUCTION = """\
# `batchai`

Generated from `--help` by `python -m batchai_operator.cli.reference`; do not edit.
"""


def page() -> str:
    """Return the whole page in Markdown."""
    sections = [f"## `{path}`\n\n```text\n{text}\n```\n" for path, text in _helps(cli, "batchai")]
    return "\n".join([INTRODUCTION, *sections])


def _helps(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    # A fixed width, so that the page does not depend on the terminal of whoever writes it.
    context = click.Context(
        command,
        info_name=path,
        terminal_width=90,
        max_content_width=90,
        # Commands inherit these, but only when they run; click then keeps what it found first.
        help_option_names=cli.context_settings["help_option_names"],
    )
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _helps(_found(command, context, name), f"{path} {name}")


def _found(group: click.Group, context: click.Context, name: str) -> click.Command:
    command = group.get_command(context, name)
    assert command is not None, name  # noqa: S101 (the group has just listed it)
    return command


if __name__ == "__main__":
    click.echo(page(), nl=False)
