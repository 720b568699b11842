"""Control groups: what belongs to the cluster, and how all of it is ended at once.

Every process of the cluster starts inside a group of its own below one top group, and
containers get theirs below the group of their node. A process cannot leave its group by
forking, renaming itself or losing its parent, so the kernel itself keeps the list of what
`down` must end, also when `up` was killed before it could write anything down.

Works with cgroup v2 and with the separate hierarchies of v1.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from batchai_devcluster.errors import DevclusterError

ROOT = Path("/sys/fs/cgroup")


class Cgroups:
    """The groups below one top group.

    Attributes:
        name: name of the top group.
    """

    def __init__(self, name: str) -> None:
        """Remember the name; nothing is created yet."""
        self.name = name

    @staticmethod
    def is_v2() -> bool:
        """Tell whether this machine has the unified hierarchy only."""
        return (ROOT / "cgroup.controllers").exists()

    @staticmethod
    def hierarchies() -> list[Path]:
        """Return the mount points of all hierarchies that containers use."""
        mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
        return sorted({Path(fields[1]) for fields in mounts if fields[2] == "cgroup"}) or [ROOT]

    @staticmethod
    def everywhere() -> list[Path]:
        """Return the mount points of all hierarchies.

        Beside those of v1 there may be a v2 one for systemd's own use, in which runc leaves groups.
        """
        mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
        return sorted({Path(fields[1]) for fields in mounts if fields[2].startswith("cgroup")})

    @staticmethod
    def tracking() -> Path:
        """Return the hierarchy whose groups say which processes are ours."""
        if Cgroups.is_v2():
            return ROOT
        for name in ("freezer", "pids"):
            if (ROOT / name / "cgroup.procs").exists():
                return ROOT / name
        raise DevclusterError("This machine has neither cgroup v2 nor the v1 freezer.")

    @property
    def top(self) -> Path:
        """The top group in the tracking hierarchy."""
        return self.tracking() / self.name

    def make(self, group: str) -> Path:
        """Create one group for a process; return its folder in the tracking hierarchy."""
        folder = self.top / group
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def make_for_node(self, node: str) -> str:
        """Create the group below which a kubelet makes those of its Pods.

        On v1 it must exist in every hierarchy, and a cpuset takes no process until it has been
        told its processors and memory nodes.

        Returns:
            The group's path as the kubelet's `cgroupRoot` wants it.
        """
        for hierarchy in self.hierarchies():
            folder = hierarchy
            for part in (self.name, node):
                if self.is_v2():
                    _delegate(folder)
                folder /= part
                folder.mkdir(exist_ok=True)
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    _inherit(folder, setting)
        return f"/{self.name}/{node}"

    def others(self) -> list[str]:
        """Return the top groups of clusters of other homes that are on this machine."""
        names = (entry.name for entry in self.tracking().iterdir() if entry.is_dir())
        return [name for name in names if name.startswith("batchai") and name != self.name]

    def processes(self, group: str = "") -> list[int]:
        """Return the process ids in a group and all below it; empty when it does not exist."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.top / group):
            with suppress(OSError):
                found += map(int, (Path(folder) / "cgroup.procs").read_text().split())
        return found

    def groups(self) -> list[str]:
        """Return the names of the groups directly below the top group."""
        with suppress(FileNotFoundError):
            return sorted(entry.name for entry in self.top.iterdir() if entry.is_dir())
        return []

    def kill(self, group: str = "", seconds: float = 20.0) -> None:
        """End every process in a group and below it with SIGKILL, and wait for that.

        Frozen first, so that none can fork faster than it is killed.

        Raises:
            DevclusterError: some still live after `seconds`, most likely in the kernel.
        """
        folder = self.top / group
        deadline = time.monotonic() + seconds
        while alive := self.processes(group):
            if time.monotonic() > deadline:
                raise DevclusterError(
                    f"Processes {alive} of {folder} do not end, most likely because a file "
                    "system under them hangs. Unmount it by `umount -f`, then try again."
                )
            with suppress(OSError):
                (folder / "cgroup.kill").write_text("1")
            _set_freezer(folder, "FROZEN")
            for process in alive:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            _set_freezer(folder, "THAWED")
            time.sleep(0.05)

    def of_nodes(self) -> frozenset[str]:
        """Return the groups that `make_for_node` made: those that other groups' names extend."""
        names = self.groups()
        return frozenset(
            name for name in names if any(other.startswith(f"{name}-") for other in names)
        )

    def remove_top(self) -> None:
        """Remove the top group from every hierarchy in which it is empty."""
        for hierarchy in self.everywhere():
            with suppress(OSError):
                (hierarchy / self.name).rmdir()

    def remove(self, group: str = "") -> None:
        """Remove a group and all below it from every hierarchy; it must hold no process."""
        for hierarchy in self.everywhere():
            for folder, _, _ in os.walk(hierarchy / self.name / group, topdown=False):
                _remove_folder(Path(folder))


def _delegate(folder: Path) -> None:
    """Let the groups below a v2 group limit what containers need limited."""
    available = (folder / "cgroup.controllers").read_text().split()
    for controller in {"cpu", "cpuset", "io", "memory", "pids", "hugetlb"}.intersection(available):
        with suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _inherit(folder: Path, setting: str) -> None:
    """Copy a v1 cpuset setting from the group above when it is empty."""
    file = folder / setting
    if not Cgroups.is_v2() and file.exists() and not file.read_text().strip():
        file.write_text((folder.parent / setting).read_text())


def _set_freezer(folder: Path, state: str) -> None:
    with suppress(OSError):
        (folder / "freezer.state").write_text(state)


def _remove_folder(folder: Path) -> None:
    """Remove one empty group; the kernel may need a moment after its last process."""
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise DevclusterError(f"The control group {folder} cannot be removed; it is still in use.")
