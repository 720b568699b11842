"""Reads the blocks of a Markdown page and holds what they show against what really happens.

A block is a file, when a name stands behind its language, or a transcript (`console`): commands
after `$ `, with what they print below them. In that, `…` stands for anything within a line, and
alone on a line for any lines. Other blocks are refused: nobody would know whether they are true.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<info>.*)\n(?P<text>(?:.*\n)*?)^```$", re.MULTILINE)


@dataclass
class Command:
    """One command of a transcript.

    Attributes:
        line: where it stands in the page.
        text: as typed.
        shown: the lines below it.
    """

    line: int
    text: str
    shown: list[str] = field(default_factory=list)

    @property
    def pattern(self) -> str:
        """A regular expression for all that the command may print."""
        parts = []
        for line in self.shown:
            if line == "…":
                parts.append(r"(?:.*\n)*?")
            else:
                parts.append(r"[^\n]*?".join(re.escape(part) for part in line.split("…")) + r"\n")
        return "".join(parts)


@dataclass(frozen=True)
class File:
    """A file that the page shows."""

    line: int
    name: str
    text: str


def blocks(page: Path) -> Iterator[Command | File]:
    """Yield the files and commands of a page, in their order."""
    text = page.read_text()
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        language, _, name = block["info"].partition(" ")
        if language == "console":
            yield from _commands(block["text"], line)
        else:
            assert name, f"{page.name}:{line - 1}: nobody runs this block"
            yield File(line, name, block["text"])


def _commands(text: str, line: int) -> Iterator[Command]:
    command: Command | None = None
    goes_on = False
    for offset, shown in enumerate(text.splitlines()):
        if goes_on and command is not None:
            command.text += "\n" + shown
            goes_on = shown.endswith("\\")
        elif shown.startswith("$ "):
            if command is not None:
                yield command
            command = Command(line + offset, shown[2:])
            goes_on = shown.endswith("\\")
        else:
            assert command is not None, f"line {line + offset}: output without a command"
            command.shown.append(shown)
    if command is not None:
        yield command
