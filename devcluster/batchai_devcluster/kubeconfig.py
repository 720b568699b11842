"""The provider `kubeconfig`: a cluster that the user has already.

`KUBECONFIG` and its current context say which; provider.py makes it when asked for by name, never
by itself. It must not start, stop or change that cluster or its nodes: what gets into it are the
release (release.py) and, when asked for, the storage stand-in (storage.py), by its API.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchai_devcluster import build, docker, storage_deploying
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import say
from batchai_devcluster.running import run
from batchai_devcluster.shape import Shape

#: A registry's host, told from a user's name by a dot, a port or `localhost`, and a path below it.
_REGISTRY = re.compile(
    r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9.-]+(?=:))(:\d+)?(/[a-z0-9._-]+)*"
)
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


class Kubeconfig:
    """The cluster of the current context."""

    name = "kubeconfig"
    is_ours = False

    def __init__(self, paths: Paths, environment: Mapping[str, str] = os.environ) -> None:
        """Read `KUBECONFIG` and `REGISTRY`.

        Raises:
            DevclusterError: one of them is of no use.
        """
        self.paths = paths
        self.kubeconfig = _files(environment.get("KUBECONFIG", ""))
        self.registry = _registry(environment.get("REGISTRY", ""))

    @property
    def with_docker(self) -> bool:
        """Whether a Docker engine builds and pushes images, else buildah does."""
        return docker.answers()

    def announce(self) -> list[str]:
        """Return what `up` is about to do and how long that takes."""
        lines = [f"The cluster of KUBECONFIG={self.kubeconfig} is used; nothing is started."]
        if not self._program.exists() and not build.is_built(self.paths):
            lines.append("Compile kubectl, once: 1 to 2 minutes.")
        return lines

    def is_up(self, shape: Shape) -> bool:
        """Tell whether it works; its shape is its owner's business."""
        return not shape.instance_type and self.problem() is None

    def up(self, shape: Shape) -> None:
        """Have kubectl and see that the cluster works.

        Raises:
            DevclusterError: it does not, or its nodes are to be labelled.
        """
        if shape.instance_type:
            raise DevclusterError("PROVIDER=kubeconfig labels no nodes; leave --instance-type out.")
        build.ensure_kubectl(self.paths, Cgroups(self.paths.instance))
        if problem := self.problem():
            raise DevclusterError(f"The cluster of KUBECONFIG does not work: {problem}")

    def down(self) -> None:
        """Remove the stand-in if this provider deployed it, and nothing else."""
        say(
            "PROVIDER=kubeconfig leaves your cluster and its nodes alone; the operator goes by "
            "`helm uninstall batchai --namespace batchai-system`."
        )
        if self._program.exists() and storage_deploying.remove(self):
            say("The storage stand-in that was deployed from here is removed.")

    def problem(self) -> str | None:
        """Return why the cluster does not work, or None when it does."""
        if not self._program.exists():
            return "kubectl is not there yet"
        try:
            self.kubectl(["config", "current-context"])
        except CommandError:
            return "KUBECONFIG has no current context; `kubectl config use-context NAME` sets one"
        try:
            ready = self.kubectl(["get", "--raw=/readyz"]).strip()
            if ready != "ok":
                return ready
            return None if self._nodes() else "no node takes Pods"
        except CommandError as error:
            return str(error)

    def kubectl(self, arguments: Sequence[str], stdin: str | None = None) -> str:
        """Run kubectl and return what it prints."""
        environment = {"KUBECONFIG": self.kubeconfig}
        return run([self._program, *arguments], stdin=stdin, environment=environment, timeout=120)

    def lacks_image(self, reference: str) -> bool:
        """Tell whether a node lacks an image, as far as kubelets tell.

        Raises:
            DevclusterError: one lacks it and there is no registry to pull it from.
        """
        nodes = self._nodes()
        lacking = [name for name, images in nodes.items() if reference not in images]
        if lacking and not self.registry:
            raise DevclusterError(
                f"{len(lacking)} of {len(nodes)} nodes ({lacking[0]} is one) do not list the image "
                f"{reference}, and images cannot be loaded into your nodes: name a registry that "
                "they pull from and you can push to, for example REGISTRY=myacr.azurecr.io/batchai "
                "(a kubelet lists its 50 largest images only, so one that is there may be missing)."
            )
        return bool(lacking)

    def load_image(self, reference: str, archive: Path) -> None:
        """Refuse; what nodes lack is pulled from the registry.

        Raises:
            DevclusterError: always.
        """
        raise DevclusterError(f"{archive} cannot be loaded into your nodes as {reference}.")

    @property
    def _program(self) -> Path:
        return self.paths.bin / "kubectl"

    def _nodes(self) -> dict[str, set[str]]:
        """Return the Linux nodes that take Pods, each with the images that it lists."""
        found = {}
        for node in json.loads(self.kubectl(["get", "nodes", "--output=json"]))["items"]:
            spec, status = node["spec"], node["status"]
            taints = {taint["key"] for taint in spec.get("taints") or ()}
            is_linux = status["nodeInfo"]["operatingSystem"] == "linux"
            if is_linux and not spec.get("unschedulable") and _CONTROL_PLANE not in taints:
                images = status.get("images") or ()
                names = {name for image in images for name in image.get("names") or ()}
                found[node["metadata"]["name"]] = names
        return found


def _files(text: str) -> str:
    """Return `KUBECONFIG` with absolute paths, because programs start in other folders."""
    files = [Path(part).absolute() for part in text.split(os.pathsep) if part]
    if not any(file.is_file() for file in files):
        what = f"there is no file {text}" if files else "it is not set"
        raise DevclusterError(
            f"PROVIDER=kubeconfig uses the cluster that KUBECONFIG names, and {what}: "
            "export KUBECONFIG=$HOME/.kube/config, or where yours is."
        )
    return os.pathsep.join(map(str, files))


def _registry(text: str) -> str:
    name = text.rstrip("/")
    if name and not _REGISTRY.fullmatch(name):
        raise DevclusterError(
            f"REGISTRY={text} is no registry with an optional path in small letters, "
            "such as myacr.azurecr.io/batchai or docker.io/myname."
        )
    return name
