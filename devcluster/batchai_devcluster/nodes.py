"""One node: a mount namespace, containerd, a kubelet and the pretended GPUs.

Called by devcluster.py. Inside its mount namespace a node sees the standard paths
(`/var/lib/kubelet`, `/run/containerd` ...), each of which is really a folder of its own, so several
nodes fit on one machine, manifests of CSI drivers fit unchanged, and every mount that a
kubelet, a container or a driver ever makes vanishes with the namespace.
"""

from pathlib import Path

from batchai_devcluster import containerd, kubelet
from batchai_devcluster.certificates import Authority
from batchai_devcluster.network import Network
from batchai_devcluster.paths import Paths
from batchai_devcluster.processes import Processes, enter

#: What a node sees as the path on the left is the folder on the right, below the node's own.
MOUNTS = {
    "/var/lib/kubelet": "kubelet",
    "/run/containerd": "run",
    "/var/lib/cni": "cni",
    "/var/log/pods": "pods",
    "/var/log/containers": "containers",
}


def name_of(index: int) -> str:
    """Return the name of the node with that number."""
    return f"node-{index}"


class Node:
    """One node's processes; their names begin with the node's."""

    def __init__(self, paths: Paths, program: Path, processes: Processes, index: int) -> None:
        """Remember where things are; nothing is started yet."""
        self.paths = paths
        self.program = program
        self.processes = processes
        self.index = index
        self.name = name_of(index)
        self.folder = paths.node(self.name)

    @property
    def process_names(self) -> tuple[str, ...]:
        """Names of the processes without which the node does not work."""
        return tuple(f"{self.name}-{part}" for part in ("mounts", "containerd", "kubelet"))

    @property
    def containerd_socket(self) -> Path:
        """The socket of the node's containerd as the machine sees it."""
        return self.folder / "run" / "containerd.sock"

    def start_containerd(self, network: Network, holder: int, pause: str) -> None:
        """Make the mount namespace and start containerd in it.

        Args:
            network: the cluster's addresses.
            holder: the process that holds the network namespace.
            pause: reference of the pause image.
        """
        for folder in MOUNTS.values():
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        binds = [f"mount --bind '{self.folder / to}' '{at}'" for at, to in MOUNTS.items()]
        # Shared below, so that mounts made in a driver's Pod reach the kubelet (Bidirectional);
        # slave of the machine, so that nothing reaches the machine itself.
        script = " && ".join([*binds, "mount --make-rshared /", "exec sleep infinity"])
        self.processes.start(
            f"{self.name}-mounts",
            ["unshare", "--mount", "--propagation=slave", "/bin/sh", "-c", script],
            within=enter(holder, network=True),
        )
        settings = containerd.Settings(self.folder, network.pods_of(self.index), pause)
        self._start("containerd", "containerd", f"--config={containerd.write(settings)}")

    def start_kubelet(self, authority: Authority, network: Network, labels: dict[str, str]) -> None:
        """Start the kubelet, which registers the node."""
        self.processes.cgroups.make_for_node(self.name)
        settings = kubelet.Settings(
            name=self.name,
            folder=self.folder,
            address=network.node(self.index),
            name_server=network.control,
            server=f"https://{network.control}:6443",
            cgroup=f"/{self.processes.cgroups.name}/{self.name}",
            on_cgroup_v1=not self.processes.cgroups.is_v2(),
            labels=labels,
        )
        self._start("kubelet", self.program / "kubelet", *kubelet.write(settings, authority))

    def kill(self) -> dict[str, list[str]]:
        """End kubelet and containerd as a crash would; return their command lines.

        The containers live on, as they do on a real node: their shims are processes of their own.
        """
        parts = ("kubelet", "containerd")
        return {part: self.processes.kill(f"{self.name}-{part}", part) for part in parts}

    def start_again(self, part: str, command: list[str]) -> None:
        """Start a killed part with the command line that `kill` returned."""
        self._start(part, *command)

    def start_gpus(self, count: int) -> None:
        """Advertise GPUs on this node; 0 starts nothing."""
        if count:
            self._start(
                "gpu-plugin",
                self.program / "gpu-plugin",
                f"--count={count}",
                f"--prefix=GPU-{self.name}-",
            )

    def _start(self, part: str, *command: str | Path) -> None:
        holder = self.processes.holder(f"{self.name}-mounts")
        self.processes.start(
            f"{self.name}-{part}", command, within=enter(holder, network=True, mounts=True)
        )
