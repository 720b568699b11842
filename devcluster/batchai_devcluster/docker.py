"""Calls a Docker engine, where one answers. Nobody has run this part on this project's machines."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.paths import Paths
from batchai_devcluster.running import run, succeeds
from batchai_devcluster.streaming import stream


@cache
def answers() -> bool:
    """Tell whether a Docker engine answers."""
    return shutil.which("docker") is not None and succeeds(["docker", "info"], timeout=15)


def has(reference: str) -> bool:
    """Tell whether the engine has an image."""
    return succeeds(["docker", "image", "inspect", reference])


def build(
    reference: str,
    dockerfile: Path,
    context: Path,
    paths: Paths,
    on_line: Callable[[str], None],
) -> None:
    """Build a Dockerfile on the base images that it names itself."""
    command = ["docker", "build", "--progress=plain", f"--tag={reference}", f"--file={dockerfile}"]
    stream([*command, context], on_line, cgroups=Cgroups(paths.instance))


def push(built: str, reference: str, paths: Paths, on_line: Callable[[str], None]) -> None:
    """Push an image under another name, with Docker's own credentials (`docker login`)."""
    run(["docker", "tag", built, reference])
    stream(["docker", "push", reference], on_line, cgroups=Cgroups(paths.instance))


def export(reference: str, archive: Path) -> None:
    """Write an image into an archive that `kind load image-archive` reads."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    run(["docker", "save", f"--output={archive}", reference])
