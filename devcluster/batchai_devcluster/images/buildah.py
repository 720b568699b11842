"""Calls Debian's buildah with storage of its own.

It runs in a mount namespace of its own too, since its storage driver leaves a mount behind that
nobody ever removes otherwise.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.errors import CommandError
from batchai_devcluster.paths import Paths
from batchai_devcluster.running import run
from batchai_devcluster.streaming import stream


class Buildah:
    """The image builder of one home."""

    def __init__(self, paths: Paths) -> None:
        """Remember where its storage lies."""
        self.storage = paths.images / "storage"
        self.temporary = paths.images / "tmp"
        self._cgroups = Cgroups(paths.instance)
        self._environment = {
            "BUILDAH_ISOLATION": "chroot",
            "STORAGE_DRIVER": "overlay",
            "TMPDIR": str(self.temporary),
        }

    def _command(self, arguments: Sequence[str | Path]) -> list[str | Path]:
        self.temporary.mkdir(parents=True, exist_ok=True)
        places = [f"--root={self.storage}", f"--runroot={self.storage}.run"]
        return ["unshare", "--mount", "--", "buildah", *places, *arguments]

    def tidy(self) -> None:
        """Remove what an interrupted build left; the caller holds the lock on images."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        if self.storage.exists():
            self.call("rm", "--all")
        self.temporary.mkdir(parents=True, exist_ok=True)

    def call(self, *arguments: str | Path) -> str:
        """Run buildah and return what it prints."""
        return run(self._command(arguments), environment=self._environment)

    def stream(self, *arguments: str | Path, on_line: Callable[[str], None]) -> None:
        """Run buildah and hand over its output line by line."""
        command = self._command(arguments)
        stream(command, on_line, cgroups=self._cgroups, environment=self._environment)

    def has(self, reference: str) -> bool:
        """Tell whether the storage holds an image."""
        if not self.storage.exists():
            return False
        try:
            self.call("inspect", "--type=image", "--format={{.FromImageID}}", reference)
        except CommandError:
            return False
        return True

    def forget_older(self, reference: str) -> None:
        """Remove an image's earlier tags, and the layers that only they have.

        What a stage of a build left is kept: it makes the next build of that stage short.
        """
        repository = reference.rpartition(":")[0]
        for name in self.call("images", "--format={{.Name}}:{{.Tag}}").split():
            if name.rpartition(":")[0] == repository and name != reference:
                self.call("rmi", name)

    def export(self, reference: str, archive: Path) -> None:
        """Write an image into an uncompressed OCI archive."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.unlink(missing_ok=True)
        target = f"oci-archive:{archive}:{reference}"
        self.call("push", "--quiet", "--disable-compression", reference, target)

    def push(self, built: str, reference: str, on_line: Callable[[str], None]) -> None:
        """Push an image to a registry, with buildah's own credentials (`buildah login`)."""
        self.stream("push", built, f"docker://{reference}", on_line=on_line)

    def remove(self, reference: str) -> None:
        """Remove an image and what only it uses."""
        self.call("rmi", "--force", reference)
