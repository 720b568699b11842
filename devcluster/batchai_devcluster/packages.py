"""Installs the Debian packages that are missing. They stay when the cluster goes."""

import os
import re
import shutil
import subprocess
from collections import deque
from pathlib import Path

from batchai_devcluster import pins
from batchai_devcluster.errors import CannotRunHereError, CommandError
from batchai_devcluster.progress import Progress, step
from batchai_devcluster.running import run, succeeds

#: Where programs are looked for.
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: apt reports its progress as `pmstatus:package:percent:text` and `dlstatus:...`.
_STATUS = re.compile(r"^(?:pm|dl)status:[^:]*:([\d.]+):(.*)")


def missing(only: frozenset[str] | None = None) -> list[str]:
    """Return the packages, all or `only` some, of which something is not there."""
    absent = {
        package
        for program, package in pins.PACKAGES.items()
        if shutil.which(program, path=SEARCHED) is None
    }
    absent |= {package for file, package in pins.FILES.items() if not Path(file).exists()}
    return sorted(absent if only is None else absent & only)


def ensure(only: frozenset[str] | None = None) -> None:
    """Install what is missing of all packages, or of `only` some.

    Raises:
        CannotRunHereError: this is not a Debian.
        CommandError: apt-get could not.
    """
    wanted = missing(only)
    if not wanted:
        return
    if shutil.which("apt-get", path=SEARCHED) is None:
        raise CannotRunHereError(
            f"These Debian packages are missing: {', '.join(wanted)}, and there is no apt-get. "
            "Install the programs by your system's own means; they are looked for in " + SEARCHED
        )
    _repair()
    with step("Reading the lists of Debian packages") as progress:
        _apt(["update", "--quiet"], progress)
    progress = Progress(f"Installing {', '.join(wanted)}", 100)
    had_containerd = shutil.which("containerd", path=SEARCHED) is not None
    _apt(["install", "--yes", "--no-install-recommends", *wanted], progress)
    progress.finish()
    if not had_containerd and Path("/run/systemd/system").exists():
        # The package starts a containerd for the whole machine, which nobody asked for.
        succeeds(["systemctl", "disable", "--now", "containerd.service"], timeout=60)


def _repair() -> None:
    """Finish an installation that was interrupted, perhaps by the end of an earlier run."""
    if run(["dpkg", "--audit"]).strip():
        run(["dpkg", "--configure", "-a"], environment={"DEBIAN_FRONTEND": "noninteractive"})


def _apt(arguments: list[str], progress: Progress) -> None:
    """Run apt-get and show its own progress.

    In a session of its own: Ctrl-C ends the waiting, not a half-done installation.
    """
    options = ["DPkg::Lock::Timeout=300", "APT::Status-Fd=1", "Dpkg::Use-Pty=0"]
    command = ["apt-get", *(f"--option={option}" for option in options), *arguments]
    last: deque[str] = deque(maxlen=30)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SEARCHED},
        text=True,
        errors="replace",
    )
    for line in process.stdout or ():
        last.append(line.rstrip())
        status = _STATUS.match(line)
        if status and progress.total:
            progress.done = round(float(status[1]))
        progress.note(status[2] if status else "")
    if process.wait() != 0:
        raise CommandError(command, process.returncode, "\n".join(last))
