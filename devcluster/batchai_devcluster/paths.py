"""Where everything lies. Nothing is written outside `home` except what traces.py knows of."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

#: The folder `devcluster/` of the repository, and the repository itself.
DEVCLUSTER = Path(__file__).resolve().parent.parent
REPOSITORY = DEVCLUSTER.parent


@dataclass(frozen=True)
class Paths:
    """The folders below one home, and the names derived from it."""

    home: Path

    @classmethod
    def from_environment(cls) -> "Paths":
        """Read `BATCHAI_HOME`; without it the home is `~/.cache/batchai`."""
        chosen = os.environ.get("BATCHAI_HOME")
        return cls(Path(chosen).absolute() if chosen else _default_home())

    @property
    def instance(self) -> str:
        """Name of this cluster's network link, firewall table and cgroup (at most 12 letters).

        Another home gives another name, so that a test's cluster cannot harm the one in use.
        """
        if self.home == _default_home():
            return "batchai"
        return "batchai-" + hashlib.sha256(str(self.home).encode()).hexdigest()[:4]

    @property
    def toolchain(self) -> Path:
        """Go and Node.js from their wheels."""
        return self.home / "toolchain"

    @property
    def programs(self) -> Path:
        """What was compiled, one folder per hash of its sources."""
        return self.home / "programs"

    @property
    def bin(self) -> Path:
        """Links for people: kubectl, helm."""
        return self.home / "bin"

    @property
    def build(self) -> Path:
        """Go's build and module cache; removed after a successful build."""
        return self.home / "build"

    @property
    def images(self) -> Path:
        """The image builder's storage."""
        return self.home / "images"

    @property
    def cluster(self) -> Path:
        """Everything of the running cluster; `down` removes it."""
        return self.home / "cluster"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.cluster / "kubeconfig"

    @property
    def state(self) -> Path:
        """What `up` has done so far, written before it is done (see state.py)."""
        return self.cluster / "state.json"

    @property
    def logs(self) -> Path:
        """Logs of the cluster's own processes."""
        return self.cluster / "logs"

    @property
    def pki(self) -> Path:
        """Keys, certificates and kubeconfigs."""
        return self.cluster / "pki"

    @property
    def storage(self) -> Path:
        """The folder in which the storage stand-in keeps its data."""
        return self.cluster / "storage"

    @property
    def snapshot(self) -> Path:
        """What the machine looked like before `up` (see traces.py); survives `down`."""
        return self.home / "before-up.json"

    def node(self, name: str) -> Path:
        """Return the folder of one node."""
        return self.cluster / name

    def lock(self, name: str) -> Path:
        """Return the file to lock for one kind of work."""
        return self.home / "locks" / name


def _default_home() -> Path:
    return Path.home() / ".cache" / "batchai"
