"""Finds out whether this machine can run the cluster, before anything is changed or built.

Each check tries the thing itself where it can, because a container or a virtual machine may
lack what its kernel has. All problems are told at once, each with what to do about it.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CannotRunHereError, CommandError, DevclusterError
from batchai_devcluster.paths import Paths
from batchai_devcluster.running import run

#: Bytes that the compilation and the images need, and that a cluster needs later.
_DISK_FIRST = 15 * 10**9
_DISK_LATER = 4 * 10**9
#: Four gigabytes, less what firmware and kernel keep for themselves.
_MEMORY_KIB = 3_600_000
#: Longer homes would make the paths of sockets too long for the kernel (107 letters).
_HOME_LETTERS = 44

_INSTEAD = (
    "What you can do instead: run it in a virtual machine with Debian 12 as root; or install a "
    "Docker engine, then kind is used; or use a cluster you have, by PROVIDER=kubeconfig, as "
    "devcluster/README.md says (the cluster tests cannot). "
    "`make test-unit` needs none of this."
)


def check(paths: Paths, *, built: bool) -> None:
    """Refuse a machine that cannot run the cluster.

    Args:
        paths: where things will lie.
        built: whether the programs are compiled already; then less disk is needed.

    Raises:
        CannotRunHereError: with every reason that was found.
    """
    # Without root every other check would fail for that one reason.
    need_root()
    paths.home.mkdir(parents=True, exist_ok=True)
    checks: list[Callable[[], str | None]] = [
        lambda: _bad_home(paths.home),
        lambda: _too_little_disk(paths.home, _DISK_LATER if built else _DISK_FIRST),
        _too_little_memory,
        lambda: _no_cgroups(Cgroups(f"{paths.instance}-preflight")),
        _no_namespaces,
        lambda: _no_overlay(paths.home / "preflight"),
        _no_fuse,
    ]
    problems = [problem for problem in (check() for check in checks) if problem]
    if problems:
        reasons = "\n".join(f"- {problem}" for problem in problems)
        raise CannotRunHereError(f"This machine cannot run the cluster:\n{reasons}\n{_INSTEAD}")


def need_root() -> None:
    """Refuse everybody but root.

    Raises:
        CannotRunHereError: the caller is not root.
    """
    if os.geteuid() != 0:
        raise CannotRunHereError(
            "You are not root; containers, mounts and networks need it. Try it with `sudo -H`.\n"
            + _INSTEAD
        )


def need_root_to_build() -> None:
    """Refuse everybody but root where images are built without a Docker engine.

    Raises:
        CannotRunHereError: the caller is not root.
    """
    if os.geteuid() != 0:
        raise CannotRunHereError(
            "Images are built by a Docker engine, or by buildah as root; no engine answers and you "
            "are not root. Try it with `sudo -HE`."
        )


def _bad_home(home: Path) -> str | None:
    text = str(home)
    if len(text) > _HOME_LETTERS or not text.isascii() or set(text) & set(" :,'\"\\"):
        return (
            f"{home} is longer than {_HOME_LETTERS} letters or holds a blank, comma, colon or "
            "quote. Set BATCHAI_HOME to a short folder, for example /var/tmp/batchai."
        )
    return None


def _too_little_disk(home: Path, wanted: int) -> str | None:
    free = shutil.disk_usage(home).free
    if free < wanted:
        return (
            f"{home} has {free / 1e9:.1f} GB free and {wanted / 1e9:.0f} GB are needed. Free some, "
            "or set BATCHAI_HOME to a folder on a larger disk."
        )
    return None


def _too_little_memory() -> str | None:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal" and int(value.split()[0]) < _MEMORY_KIB:
            return f"It has {int(value.split()[0]) / 1e6:.1f} GB of memory and 4 GB are needed."
    return None


def _no_cgroups(trial: Cgroups) -> str | None:
    try:
        trial.make_for_node("trial")
        trial.make("trial")
        trial.remove()
    except (OSError, DevclusterError) as error:
        return (
            f"Control groups cannot be made ({error}). In a container, start it with "
            "`--privileged --cgroupns=private`."
        )
    return None


def _no_namespaces() -> str | None:
    try:
        run(["unshare", "--mount", "--net", "--pid", "--fork", "--uts", "--ipc", "true"])
    except CommandError as error:
        return (
            f"Namespaces cannot be made ({error.output.strip()}). A container must be privileged."
        )
    return None


def _no_overlay(folder: Path) -> str | None:
    parts = {name: folder / name for name in ("lower", "upper", "work", "merged")}
    for part in parts.values():
        part.mkdir(parents=True, exist_ok=True)
    options = ",".join(f"{name}dir={parts[name]}" for name in ("lower", "upper", "work"))
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(parts["merged"])]
    try:
        run(["unshare", "--mount", "--", *mount])
    except CommandError as error:
        return (
            f"Overlay mounts do not work in {folder.parent} ({error.output.strip()}). Set "
            "BATCHAI_HOME to a folder on ext4 or xfs."
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _no_fuse() -> str | None:
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/fuse cannot be opened ({error.strerror}). Try `modprobe fuse`."
    return None
