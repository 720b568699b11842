"""Starting and looking after the cluster's own long-running processes.

Each lives in a control group of its own (see cgroups.py), in the cluster's network namespace and,
for a node's programs, in the node's mount namespace. There is no supervisor: `up` finds what has
died and starts the cluster anew.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import DevclusterError

#: Puts itself into the group, then becomes the program; so it is never outside its group.
_ENTER = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'


class Processes:
    """The long-running processes of one cluster."""

    def __init__(self, cgroups: Cgroups, logs: Path) -> None:
        """Remember where groups and log files go."""
        self.cgroups = cgroups
        self.logs = logs

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        within: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process and leave it running.

        Args:
            name: name of its group and its log file.
            command: program and arguments.
            within: a prefix that enters namespaces (see `enter`).
            environment: its complete environment; a plain PATH by default.
        """
        group = self.cgroups.make(name)
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            subprocess.Popen(
                ["/bin/sh", "-c", _ENTER, "sh", str(group), *within, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=dict(environment or {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}),
            )

    def is_alive(self, name: str) -> bool:
        """Tell whether the process of that name runs."""
        return bool(self.cgroups.processes(name))

    def kill(self, name: str, program: str, seconds: float = 10.0) -> list[str]:
        """End the one process of a group that runs a program by SIGKILL; return its command line.

        Others in the group live on: beside containerd these are the shims of its containers.

        Raises:
            DevclusterError: there is no such process, or it does not end.
        """
        found = [each for each in self.cgroups.processes(name) if _program(each) == program]
        if len(found) != 1:
            raise DevclusterError(f"`{name}` does not run; see {self.logs / name}.log")
        command = Path(f"/proc/{found[0]}/cmdline").read_bytes().decode().split("\0")[:-1]
        os.kill(found[0], signal.SIGKILL)
        deadline = time.monotonic() + seconds
        while found[0] in self.cgroups.processes(name):
            if time.monotonic() > deadline:
                raise DevclusterError(f"Process {found[0]} of `{name}` does not end.")
            time.sleep(0.02)
        return command

    def holder(self, name: str, seconds: float = 10.0) -> int:
        """Return the id of a process that holds namespaces, once it has made them.

        Raises:
            DevclusterError: it died or did not get that far.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for process in self.cgroups.processes(name):
                # The holder is `sleep` as soon as its namespaces are complete.
                if _program(process) == "sleep":
                    return process
            time.sleep(0.02)
        raise DevclusterError(f"`{name}` did not start; see {self.logs / name}.log")

    def log_tail(self, name: str, lines: int = 8) -> str:
        """Return the last lines of a process's log."""
        file = self.logs / f"{name}.log"
        text = file.read_text(errors="replace") if file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def enter(process: int, *, network: bool = False, mounts: bool = False) -> list[str]:
    """Return the words that run a command in another process's namespaces."""
    kinds = (["--net"] if network else []) + (["--mount"] if mounts else [])
    return ["nsenter", f"--target={process}", *kinds, "--"]


def _program(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""
