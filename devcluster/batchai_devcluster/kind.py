"""The provider `kind`: Kubernetes in Docker, for machines where a Docker engine answers.

Nobody has run this part on this project's own machines yet, because they have no Docker engine.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from batchai_devcluster import build, pins, toolchain
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CommandError
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import say, step
from batchai_devcluster.running import run
from batchai_devcluster.shape import Shape
from batchai_devcluster.streaming import stream


class Kind:
    """One kind cluster, named after the home's instance."""

    name = "kind"
    is_ours = True
    with_docker = True
    registry = ""

    def __init__(self, paths: Paths) -> None:
        """Remember where things lie."""
        self.paths = paths
        self.kubeconfig = str(paths.kubeconfig)
        self._cgroups = Cgroups(paths.instance)

    def announce(self) -> list[str]:
        """Return what `up` is about to do and how long that takes."""
        if self._nodes():
            return ["The kind cluster is there; this takes seconds."]
        return [
            f"Docker answers, so the cluster is made by kind ({pins.KIND_MODULE}).",
            "At first kind and kubectl are compiled and a node image is pulled (10 minutes).",
        ]

    def is_up(self, shape: Shape) -> bool:
        """Tell whether the cluster runs; what else was asked for takes seconds to apply."""
        return shape == Shape() and self.problem() is None

    def up(self, shape: Shape) -> None:
        """Make the cluster run; a cluster with another number of nodes is made anew."""
        wanted = shape.nodes or len(self._nodes()) or 2
        if self._nodes() and len(self._nodes()) != wanted:
            self.down()
        if not self._nodes():
            self._create(wanted)
        build.ensure_kubectl(self.paths, self._cgroups)
        gpus = 1 if shape.gpus is None else shape.gpus
        self._advertise(gpus, shape.instance_type)
        say(f"The kind cluster is up: {wanted} node(s), {gpus} GPU(s) on each.")

    def down(self) -> None:
        """Delete the cluster; where there is none, kind is not compiled to say so."""
        if not self._nodes(stopped=True):
            run(["rm", "-rf", "--one-file-system", self.paths.cluster])
            say("There is no cluster.")
            return
        with step("Deleting the kind cluster"):
            run([self._program(), "delete", "cluster", f"--name={self.paths.instance}"])
            run(["rm", "-rf", "--one-file-system", self.paths.cluster])

    def problem(self) -> str | None:
        """Return why the cluster does not work, or None when it does."""
        if not self._nodes():
            return "there is none"
        try:
            ready = self.kubectl(["get", "--raw=/readyz"]).strip()
        except CommandError as error:
            return str(error)
        return None if ready == "ok" else ready

    def kubectl(self, arguments: Sequence[str], stdin: str | None = None) -> str:
        """Run kubectl and return what it prints."""
        command: list[str | Path] = [
            self.paths.bin / "kubectl",
            f"--kubeconfig={self.paths.kubeconfig}",
        ]
        return run([*command, *arguments], stdin=stdin, timeout=60)

    def lacks_image(self, reference: str) -> bool:
        """Tell whether a node lacks an image."""
        listing = ["crictl", "inspecti", "--quiet", reference]
        for node in self._nodes():
            try:
                run(["docker", "exec", node, *listing])
            except CommandError:
                return True
        return False

    def load_image(self, reference: str, archive: Path) -> None:
        """Put an image into every node."""
        del reference  # kind takes it from the archive.
        load: list[str | Path] = [self._program(), "load", "image-archive", archive]
        run([*load, f"--name={self.paths.instance}"])

    def _program(self) -> Path:
        title = f"Compiling kind ({pins.KIND_MODULE.partition('@')[2]})"
        return toolchain.ensure_program(self.paths, self._cgroups, pins.KIND_MODULE, title)

    def _nodes(self, *, stopped: bool = False) -> list[str]:
        """Return the containers of our nodes, those that run or all there are."""
        label = f"--filter=label=io.x-k8s.kind.cluster={self.paths.instance}"
        which = ["--all"] if stopped else []
        return run(["docker", "ps", *which, label, "--format={{.Names}}"]).split()

    def _create(self, nodes: int) -> None:
        self.paths.storage.mkdir(parents=True, exist_ok=True)
        self.paths.storage.chmod(0o777)
        mounts = [
            {"hostPath": str(self.paths.storage), "containerPath": str(self.paths.storage)},
            {"hostPath": "/dev/fuse", "containerPath": "/dev/fuse"},
        ]
        # The control plane's node is the first node; a job may run there too (see `_advertise`).
        roles = ["control-plane", *["worker"] * (nodes - 1)]
        config = {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [{"role": role, "extraMounts": mounts} for role in roles],
        }
        file = self.paths.cluster / "kind.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        command: list[str | Path] = [
            self._program(),
            "create",
            "cluster",
            f"--config={file}",
            "--wait=120s",
        ]
        names = [f"--name={self.paths.instance}", f"--kubeconfig={self.paths.kubeconfig}"]
        with step("Creating the kind cluster") as progress:
            stream([*command, *names], progress.note, cgroups=self._cgroups)

    def _advertise(self, gpus: int, instance_type: str) -> None:
        """Advertise GPUs by the nodes' status, and let every node take Pods."""
        amount = {"nvidia.com/gpu": str(gpus)}
        status = json.dumps({"status": {"capacity": amount, "allocatable": amount}})
        for node in self._nodes():
            self.kubectl(
                ["patch", "node", node, "--subresource=status", "--type=merge", f"--patch={status}"]
            )
            self.kubectl(["patch", "node", node, "--type=merge", '--patch={"spec":{"taints":[]}}'])
            if instance_type:
                label = f"node.kubernetes.io/instance-type={instance_type}"
                self.kubectl(["label", "node", node, "--overwrite", label])
