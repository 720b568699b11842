"""Builds an image when its sources have changed, and sees that every node has it or can pull it."""

import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from batchai_devcluster import docker, preparing
from batchai_devcluster.images import sources, table
from batchai_devcluster.images.bases import Bases
from batchai_devcluster.images.buildah import Buildah
from batchai_devcluster.locking import locked
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import step


class Nodes(Protocol):
    """The cluster as far as images matter; every provider is one."""

    @property
    def registry(self) -> str:
        """Where nodes pull from; empty when images are loaded into them."""

    def lacks_image(self, reference: str) -> bool:
        """Tell whether a node lacks an image."""

    def load_image(self, reference: str, archive: Path) -> None:
        """Put an image into every node that lacks it."""


class Images:
    """Images of one home."""

    def __init__(self, paths: Paths, *, with_docker: bool) -> None:
        """Remember where things are made, and whether a Docker engine builds them."""
        self.paths = paths
        self.with_docker = with_docker
        self.buildah = Buildah(paths)
        self.bases = Bases(paths, self.buildah)

    def ensure(self, name: str, nodes: Nodes) -> str:
        """Have an image built and in every node, or where nodes pull; return its full reference."""
        image = table.find(name)
        built = sources.reference(image)
        reference = sources.reference(image, nodes.registry)
        if not nodes.lacks_image(reference):
            return reference
        with locked(self.paths.lock("images"), "building an image"):
            # Another run may have done it while this one waited for the lock.
            if nodes.lacks_image(reference):
                self._build(image, built)
                if nodes.registry:
                    self._push(built, reference)
                else:
                    self._load(image, reference, nodes)
        return reference

    def build(self, name: str) -> str:
        """Have an image built; return its full reference."""
        image = table.find(name)
        reference = sources.reference(image)
        with locked(self.paths.lock("images"), "building an image"):
            self._build(image, reference)
        return reference

    def load(self, name: str, nodes: Nodes) -> None:
        """Put an image that is built into every node."""
        image = table.find(name)
        self._load(image, sources.reference(image), nodes)

    def _build(self, image: table.Image, reference: str) -> None:
        """Build an image unless it is built."""
        builder_has = docker.has if self.with_docker else self.buildah.has
        if builder_has(reference):
            return
        if not self.with_docker:
            preparing.ensure_builder(self.paths)
        self.buildah.tidy()
        with (
            step(f"Building the image {image.name}") as progress,
            tempfile.TemporaryDirectory(dir=self.buildah.temporary) as folder,
        ):
            dockerfile = sources.stage(image, self.paths, Path(folder))
            if self.with_docker:
                docker.build(reference, dockerfile, Path(folder), self.paths, progress.note)
                return
            arguments = self.bases.arguments_for(dockerfile)
            self.buildah.stream(
                "bud",
                "--layers" if image.keep else "--layers=false",
                "--pull-never",
                "--network=host",
                *self.bases.mounts(),
                *arguments,
                f"--tag={reference}",
                f"--file={dockerfile}",
                folder,
                on_line=progress.note,
            )
            self.buildah.forget_older(reference)

    def _push(self, built: str, reference: str) -> None:
        """Push an image; it is kept here, because this machine does not ask who else has it."""
        with step(f"Pushing {reference}") as progress:
            if self.with_docker:
                docker.push(built, reference, self.paths, progress.note)
            else:
                self.buildah.push(built, reference, progress.note)

    def _load(self, image: table.Image, reference: str, nodes: Nodes) -> None:
        archive = self.paths.images / "archives" / f"{image.name}.tar"
        with step(f"Loading the image {image.name} into the nodes"):
            try:
                (docker.export if self.with_docker else self.buildah.export)(reference, archive)
                nodes.load_image(reference, archive)
            finally:
                shutil.rmtree(archive.parent, ignore_errors=True)
            if not image.keep and not self.with_docker:
                self.buildah.remove(reference)
