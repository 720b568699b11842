"""What a provider of a cluster can do, and which one is used."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from batchai_devcluster import docker
from batchai_devcluster.devcluster import Devcluster
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.kind import Kind
from batchai_devcluster.kubeconfig import Kubeconfig
from batchai_devcluster.paths import Paths
from batchai_devcluster.shape import Shape

NAMES = ("auto", "kind", "devcluster", "kubeconfig")


class Provider(Protocol):
    """A cluster that can be started, asked and ended.

    Attributes:
        name: one of NAMES.
        is_ours: whether it was made here; a cluster of somebody else gets nothing unasked.
    """

    name: str
    is_ours: bool

    @property
    def kubeconfig(self) -> str:
        """Value of KUBECONFIG that leads to it."""

    @property
    def with_docker(self) -> bool:
        """Whether a Docker engine builds the images for it."""

    @property
    def registry(self) -> str:
        """Where nodes pull the images from; empty when they are loaded into the nodes."""

    def announce(self) -> list[str]:
        """Return what `up` is about to do and how long that takes, one line each."""

    def is_up(self, shape: Shape) -> bool:
        """Tell whether a cluster of that shape runs and works."""

    def up(self, shape: Shape) -> None:
        """Make a cluster of that shape run."""

    def down(self) -> None:
        """End it and remove it without trace."""

    def problem(self) -> str | None:
        """Return why the cluster does not work, or None when it does."""

    def kubectl(self, arguments: Sequence[str], stdin: str | None = None) -> str:
        """Run kubectl and return what it prints."""

    def lacks_image(self, reference: str) -> bool:
        """Tell whether a node lacks an image.

        Raises:
            DevclusterError: one does, and there is no way to bring it there.
        """

    def load_image(self, reference: str, archive: Path) -> None:
        """Put an image into every node that lacks it."""


def named() -> str:
    """Return the provider that the environment names (`make` passes PROVIDER on so)."""
    return os.environ.get("BATCHAI_PROVIDER") or "auto"


def choose(paths: Paths, wanted: str = "auto") -> Provider:
    """Return the provider to use.

    Args:
        paths: where things lie.
        wanted: one of NAMES; `auto` means the one whose cluster is there, else kind where a Docker
            engine answers, else devcluster. A cluster of the user's is never chosen by itself.

    Raises:
        DevclusterError: `wanted` is none of them, or kind was asked for and no engine answers, or
            kubeconfig and there is no such file.
    """
    if wanted not in NAMES:
        raise DevclusterError(f"There is no provider {wanted!r}; there are: {', '.join(NAMES)}.")
    if wanted == "auto":
        if paths.state.exists():
            wanted = "devcluster"
        else:
            wanted = "kind" if docker.answers() else "devcluster"
    elif wanted == "kind" and not docker.answers():
        raise DevclusterError("kind needs a Docker engine, and none answers `docker info`.")
    elif wanted == "kubeconfig":
        return Kubeconfig(paths)
    return Kind(paths) if wanted == "kind" else Devcluster(paths)
