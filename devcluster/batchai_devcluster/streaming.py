"""Running a long program while each line it writes moves a progress bar.

The program lives in a control group that carries this process's id and start time. When this
process is killed the next run finds the group, sees that nobody owns it any more and ends what is
still in it, so no compiler goes on for nobody.

Who may make no control groups (everybody but root, and everybody on macOS) gets a process group
instead: an interruption ends all of it too, and only a SIGKILL of this process leaves it running.
"""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CommandError, DevclusterError

_PREFIX = "work-"
_ENTER = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'


def stream(
    command: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    cgroups: Cgroups,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: Path | None = None,
) -> None:
    """Run a program to its end and hand over each line it writes to standard error.

    Args:
        command: program and arguments.
        on_line: called with each line.
        cgroups: where the group of this work is made.
        environment: variables on top of the present ones.
        folder: folder to run it in.
        output: file for its standard output, which goes to `on_line` too without it.

    Raises:
        CommandError: it ended with another code than 0.
    """
    words = [str(word) for word in command]
    group = _make_group(cgroups)
    enter = ["/bin/sh", "-c", _ENTER, "sh", str(group)] if group else []
    last: deque[str] = deque(maxlen=40)
    with (output or Path(os.devnull)).open("wb") as file:
        process = subprocess.Popen(
            [*enter, *words],
            start_new_session=group is None,
            stdin=subprocess.DEVNULL,
            stdout=file if output else subprocess.PIPE,
            stderr=subprocess.PIPE if output else subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            text=True,
            errors="replace",
        )
        try:
            for line in process.stderr or process.stdout or ():
                last.append(line.rstrip())
                on_line(line.rstrip())
            code = process.wait()
        finally:
            # After an interruption the program itself, otherwise what it may have left running.
            if group is None:
                _kill_session(process.pid)
                process.wait()
            else:
                cgroups.kill(group.name)
                process.wait()
                with suppress(OSError):
                    group.rmdir()
                cgroups.remove_top()
            for pipe in filter(None, (process.stdout, process.stderr)):
                pipe.close()
    if code != 0:
        raise CommandError(words, code, "\n".join(last))


def end_abandoned_work(cgroups: Cgroups, *, all_of_it: bool = False) -> None:
    """End long programs whose starter has died, or with `all_of_it` every one but our own."""
    own = _group_of(os.getpid())
    for group in cgroups.groups():
        if not is_work(group) or group == own:
            continue
        process = group.removeprefix(_PREFIX).split("-")[0]
        if all_of_it or _group_of(int(process)) != group:
            cgroups.kill(group)
            cgroups.remove(group)
    cgroups.remove_top()


def is_work(group: str) -> bool:
    """Tell whether a group is that of a long program, not of a part of the cluster."""
    return group.startswith(_PREFIX)


def _make_group(cgroups: Cgroups) -> Path | None:
    """Make the group of this process's work; None where no control groups can be made."""
    try:
        return cgroups.make(_group_of(os.getpid()))
    except (OSError, DevclusterError):
        return None


def _kill_session(leader: int) -> None:
    """End what a program started; its process group has the id of its first process."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _group_of(process: int) -> str:
    """Return the group's name for a process; the start time tells a reused id apart."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{_PREFIX}{process}-{fields[19]}"
