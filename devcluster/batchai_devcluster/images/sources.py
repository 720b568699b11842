"""What goes into an image: its files, the hash over them, and a context that holds just these.

The tag is the hash, and nothing but what is hashed reaches the build; so equal tags mean equal
images, whatever else lies in the working tree.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from batchai_devcluster import build, pins
from batchai_devcluster.images.table import Image
from batchai_devcluster.paths import Paths

#: Folders that are never part of an image.
_SKIPPED = {"__pycache__", ".git", ".mypy_cache", ".ruff_cache", "node_modules"}


def files(image: Image) -> Iterator[tuple[str, Path]]:
    """Yield the image's files, sorted, with their paths inside the context."""
    found = {
        path
        for pattern in image.inputs
        for path in image.context.glob(pattern)
        if path.is_file() and not _SKIPPED.intersection(path.parts)
    }
    for path in sorted(found):
        yield str(path.relative_to(image.context)), path


def tag(image: Image) -> str:
    """Return the hash over Dockerfile, files, programs and the base images' pins."""
    digest = hashlib.sha256()
    digest.update(image.dockerfile.read_bytes())
    for name, path in files(image):
        mode = "x" if path.stat().st_mode & 0o111 else "-"
        digest.update(f"\0{name}\0{mode}\0".encode() + path.read_bytes())
    if image.programs:
        digest.update(build.key().encode())
    pinned = (pins.BASE_SUITE, pins.BASE_PACKAGES, pins.GO_WHEEL, pins.NODE_WHEEL)
    digest.update(repr(pinned).encode())
    return digest.hexdigest()[:12]


def reference(image: Image, registry: str = "") -> str:
    """Return the image's full reference, below a registry or as it is called where it is built."""
    repository = f"{registry}/{image.name}" if registry else image.repository
    return f"{repository}:{tag(image)}"


def stage(image: Image, paths: Paths, folder: Path) -> Path:
    """Copy the image's files into an empty folder and return where its Dockerfile is there."""
    for name, path in files(image):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    for program in image.programs:
        shutil.copy2(build.folder(paths) / program, folder / program)
    dockerfile = folder / ".Dockerfile"
    shutil.copy2(image.dockerfile, dockerfile)
    return dockerfile
