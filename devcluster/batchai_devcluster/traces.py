"""What a cluster can leave behind on a machine, and the comparison of before and after.

`up` takes a snapshot before it changes anything; `traces` (and the tests) compare with it. Only
things that Kubernetes, containers or image builds make are looked at, so that whatever else goes on
on the machine does not count. Packages and the cache are not traces: see the README.
"""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

from batchai_devcluster import fuse, nodes, sysctls
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CommandError
from batchai_devcluster.paths import Paths
from batchai_devcluster.running import run

Snapshot = dict[str, list[str]]

#: Programs that only a cluster or an image build starts.
_PROGRAMS = {
    "buildah",
    "containerd",
    "containerd-shim",
    "coredns",
    "etcd",
    "gpu-plugin",
    "kube-apiserver",
    "kube-controller",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
    "mmdebstrap",
    "pause",
    "runc",
}
#: Folders and files that such programs make outside the home.
_PLACES = (
    *nodes.MOUNTS,
    "/etc/cni",
    "/etc/containerd",
    "/etc/kubernetes",
    "/opt/cni",
    "/opt/containerd",
    "/run/buildah",
    "/run/containers",
    "/run/netns",
    "/run/runc",
    "/usr/libexec/kubernetes",
    "/usr/sbin/policy-rc.d",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/etcd",
)
#: Temporary files of theirs.
_TEMPORARY = ("tmp/mmdebstrap.*", "var/tmp/buildah*", "var/tmp/storage*")


def take(paths: Paths) -> Snapshot:
    """Return everything on the machine that a cluster could have made."""
    return {
        "process": _processes(paths),
        "mount": _mounts(),
        "control group": _groups(),
        "network link": _of("ip", "-json", "link", "show", key="ifname"),
        "route": _of("ip", "-json", "-4", "route", "show", "table", "main", key="dst"),
        "firewall table": _tables(),
        "network namespace": _names(Path("/run/netns")),
        "socket": _sockets(paths),
        "FUSE connection": _connections(paths),
        "file": _files(),
        "kernel setting": [f"{name} = {value}" for name, value in sysctls.read().items()],
        "cluster folder": [str(paths.cluster)] if paths.cluster.exists() else [],
    }


def differences(before: Snapshot, now: Snapshot, paths: Paths) -> list[str]:
    """Return one line for each thing that is there now and was not before, or has gone.

    What belongs to a cluster of another home is left out.
    """
    found = []
    for kind, after in now.items():
        earlier = before.get(kind, [])
        found += [f"left: {kind} {item}" for item in after if item not in earlier]
        if kind in ("kernel setting", "route", "network link"):
            found += [f"gone: {kind} {item}" for item in earlier if item not in after]
    return [line for line in found if " cluster folder " in line or not _is_anothers(line, paths)]


def save(paths: Paths) -> None:
    """Take the snapshot that later comparisons use."""
    paths.home.mkdir(parents=True, exist_ok=True)
    fresh = paths.snapshot.with_suffix(".new")
    fresh.write_text(json.dumps(take(paths), indent=1))
    fresh.replace(paths.snapshot)


def compare(paths: Paths) -> list[str]:
    """Compare the machine with the snapshot; without one, with an untouched machine."""
    before: Snapshot = {}
    with suppress(OSError, ValueError):
        before = json.loads(paths.snapshot.read_text())
    now = take(paths)
    if not before:
        ours = ("process", "cluster folder", "control group", "firewall table")
        before = {kind: items for kind, items in now.items() if kind not in ours}
    return differences(before, now, paths)


def _is_anothers(line: str, paths: Paths) -> bool:
    """Tell whether a line names another home's link, table or control group."""
    words = line.replace("/", " ").split()
    names = (word for word in words if re.fullmatch("batchai(-[0-9a-f]{4})?", word))
    return any(name != paths.instance for name in names)


def _processes(paths: Paths) -> list[str]:
    ours = set(Cgroups(paths.instance).processes())
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            process = int(folder.name)
            groups = (folder / "cgroup").read_text()
            name = (folder / "comm").read_text().strip()
            if not (folder / "cmdline").read_bytes():
                # A thread of the kernel, or a process that has ended and waits for its parent.
                continue
            if process in ours or (name in _PROGRAMS and "/batchai" not in groups):
                found.append(f"{process} {name}")
    return found


def _mounts() -> list[str]:
    """Return the mount points of the machine, but not those of programs under test in /tmp."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = {line.split()[4] for line in lines}
    return sorted(point for point in points if not point.startswith("/tmp/"))  # noqa: S108


def _connections(paths: Paths) -> list[str]:
    """Return the FUSE connections that belong to no mount of the machine or another cluster."""
    others = [
        process
        for name in Cgroups(paths.instance).others()
        for process in Cgroups(name).processes()
    ]
    return sorted(fuse.all_connections() - fuse.of_processes(["self", *others]))


def _groups() -> list[str]:
    """Return the names of our groups and of kubelets' in every hierarchy."""
    found = []
    for hierarchy in Cgroups.everywhere():
        for pattern in ("batchai*", "kubepods*", "buildah*", "crio*"):
            found += [str(path) for path in hierarchy.glob(pattern)]
    return sorted(found)


def _of(*command: str, key: str) -> list[str]:
    entries = json.loads(run(command))
    return sorted(f"{entry[key]} {entry.get('dev', '')}".strip() for entry in entries)


def _tables() -> list[str]:
    try:
        return sorted(run(["nft", "list", "tables"]).splitlines())
    except CommandError:
        # Before the packages are installed there is no nft, and no table either.
        return []


def _sockets(paths: Paths) -> list[str]:
    """Return the sockets on which a container's program still listens."""
    roots = (str(paths.cluster), "/run/containerd", "/var/lib/kubelet", "@/containerd-shim")
    lines = map(str.split, Path("/proc/net/unix").read_text().splitlines()[1:])
    # The flag tells listeners from connections, which bear the same name and come and go.
    names = (fields[7] for fields in lines if len(fields) > 7 and fields[3] == "00010000")
    return sorted({name for name in names if name.startswith(roots)})


def _files() -> list[str]:
    found = [place for place in _PLACES if os.path.lexists(place)]
    for pattern in _TEMPORARY:
        found += map(str, Path("/").glob(pattern))
    return sorted(found)


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
