"""Ends a cluster and removes what is left of one, whole, half made or half dead.

Called by `down`, and by `up` when it finds a cluster that does not work. It asks nothing of the
cluster's processes, since any of them may be dead or hang, and may be called again at any time.
"""

import os
from pathlib import Path

from batchai_devcluster import fuse, mountpoints, network, nodes, streaming, sysctls
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.paths import Paths
from batchai_devcluster.running import run, succeeds
from batchai_devcluster.state import State


def tear_down(paths: Paths, cgroups: Cgroups) -> None:
    """Remove everything of the cluster; what is cached stays.

    Raises:
        DevclusterError: a process or a mount cannot be removed; the message says which.
    """
    state = State.load(paths.state)
    _abort_fuse(cgroups)
    # The namespaces, and with them all mounts, links and rules of Kubernetes, end here.
    _kill(cgroups)
    network.tear_down(paths.instance)
    _unmount_below(paths.cluster)
    # Clusters of other homes share these with ours; the last one to go cleans up.
    if not cgroups.others():
        if state is not None:
            sysctls.restore(state.sysctls)
        mountpoints.remove(list(nodes.MOUNTS))
    _remove(paths.cluster)


def is_clean(paths: Paths, cgroups: Cgroups) -> bool:
    """Tell whether there is nothing to tear down."""
    return not (
        paths.cluster.exists()
        or _groups(cgroups)
        or succeeds(["ip", "link", "show", "dev", paths.instance])
        or (mountpoints.left(list(nodes.MOUNTS)) and not cgroups.others())
    )


def _groups(cgroups: Cgroups) -> list[str]:
    """Return the cluster's groups; those of builds that go on beside it are not the cluster's."""
    return [name for name in cgroups.groups() if not streaming.is_work(name)]


def _kill(cgroups: Cgroups) -> None:
    """End every process, the kubelets before their Pods so that they start no new ones."""
    for name in sorted(_groups(cgroups), key=lambda name: name in cgroups.of_nodes()):
        cgroups.kill(name)
    for name in _groups(cgroups):
        cgroups.kill(name)
        cgroups.remove(name)
    cgroups.remove_top()


def _abort_fuse(cgroups: Cgroups) -> None:
    """Cut the connections of FUSE mounts that only our nodes see.

    A process that waits for a file system whose server does not answer cannot be killed; cutting
    the connection makes its call fail.
    """
    for connection in fuse.of_processes(cgroups.processes()) - fuse.of_processes(["self"]):
        fuse.cut(connection)


def _unmount_below(folder: Path) -> None:
    """Unmount what was mounted on the machine itself below a folder, innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [point for point in points if point.startswith(f"{folder}{os.sep}")]
    for point in sorted(below, key=len, reverse=True):
        run(["umount", "--lazy", point.replace("\\040", " ")])


def _remove(folder: Path) -> None:
    """Remove a folder on one file system; a mount that is still there must not lose its files."""
    if folder.exists():
        run(["rm", "-rf", "--one-file-system", folder])
