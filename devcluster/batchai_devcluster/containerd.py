"""The configuration of one node's containerd and of the network plugins it calls.

Called by nodes.py; writes files and starts nothing. Knows containerd 1.6 (Debian 12) and 2.x.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from batchai_devcluster.running import run

_CNI_PROGRAMS = "/usr/lib/cni"


@dataclass(frozen=True)
class Settings:
    """What one node's containerd needs to know.

    Attributes:
        folder: the node's folder.
        pods: addresses for its Pods.
        pause: reference of the pause image.
    """

    folder: Path
    pods: str
    pause: str


def write(settings: Settings) -> Path:
    """Write the configuration and return its file."""
    plugins = settings.folder / "cni.d"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins / "10-batchai.conflist").write_text(json.dumps(_network(settings), indent=2))
    file = settings.folder / "containerd.toml"
    file.write_text(_version_3(settings) if _major() >= 2 else _version_2(settings))
    return file


def may_lower_oom_score() -> bool:
    """Tell whether runc may protect a sandbox from the out-of-memory killer.

    That takes the capability CAP_SYS_RESOURCE (24), which some virtual machines withhold; every
    sandbox would die there.
    """
    status = Path("/proc/self/status").read_text()
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    return effective is not None and bool(int(effective[1], 16) >> 24 & 1)


def _major() -> int:
    found = re.search(r"\bv?(\d+)\.\d+\.\d+", run(["containerd", "--version"]))
    return int(found[1]) if found else 1


def _network(settings: Settings) -> dict[str, object]:
    """Return the chain of network plugins.

    `ptp` gives each Pod a link of its own and routes between them, so that traffic of two Pods of
    one node passes the firewall rules that make Services work, whatever the kernel has for bridges.
    """
    return {
        "cniVersion": "1.0.0",
        "name": "batchai",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/var/lib/cni/addresses",
                    "ranges": [[{"subnet": settings.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _version_2(settings: Settings) -> str:
    return f"""version = 2
root = "{settings.folder}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "/run/containerd/containerd.sock"
[debug]
level = "warn"
[plugins."io.containerd.internal.v1.opt"]
path = "{settings.folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{settings.pause}"
restrict_oom_score_adj = {_toml(not may_lower_oom_score())}
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{_CNI_PROGRAMS}"
conf_dir = "{settings.folder}/cni.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
discard_unpacked_layers = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def _version_3(settings: Settings) -> str:
    return f"""version = 3
root = "{settings.folder}/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[debug]
level = "warn"
[plugins.'io.containerd.internal.v1.opt']
path = "{settings.folder}/opt"
[plugins.'io.containerd.cri.v1.images']
discard_unpacked_layers = true
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{settings.pause}"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = {_toml(not may_lower_oom_score())}
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{_CNI_PROGRAMS}"]
conf_dir = "{settings.folder}/cni.d"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def _toml(value: bool) -> str:
    return "true" if value else "false"
