"""Starting other programs and waiting for them, with their output kept for the error message."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchai_devcluster.errors import CommandError


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    Args:
        command: program and arguments.
        stdin: text for its standard input.
        environment: variables on top of the present ones.
        folder: folder to run it in.
        timeout: seconds after which it is killed.

    Raises:
        CommandError: it ended with another code than 0, was not found or took too long.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as missing:
        raise CommandError(words, 127, str(missing)) from missing
    except subprocess.TimeoutExpired as late:
        raise CommandError(words, 124, f"no end after {timeout} seconds") from late
    if done.returncode != 0:
        raise CommandError(words, done.returncode, done.stderr or done.stdout)
    return done.stdout


def succeeds(command: Sequence[str | Path], *, timeout: float | None = 10.0) -> bool:
    """Run a program and tell whether it ended with code 0."""
    try:
        run(command, timeout=timeout)
    except CommandError:
        return False
    return True
