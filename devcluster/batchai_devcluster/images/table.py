"""Reads images.toml: which images there are and what they are made of."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.paths import DEVCLUSTER, REPOSITORY

FILE = DEVCLUSTER / "images.toml"


@dataclass(frozen=True)
class Image:
    """One row of the table; see the head of images.toml for the fields."""

    name: str
    dockerfile: Path
    context: Path
    inputs: tuple[str, ...]
    programs: tuple[str, ...] = ()
    keep: bool = True

    @property
    def repository(self) -> str:
        """The image's name without its tag."""
        return f"localhost/batchai-{self.name}"


def read() -> dict[str, Image]:
    """Return the rows by name."""
    rows = tomllib.loads(FILE.read_text())
    return {
        name: Image(
            name=name,
            dockerfile=REPOSITORY / row["dockerfile"],
            context=REPOSITORY / row["context"],
            inputs=tuple(row["inputs"]),
            programs=tuple(row.get("programs", ())),
            keep=row.get("keep", True),
        )
        for name, row in rows.items()
    }


def find(name: str) -> Image:
    """Return the row of that name.

    Raises:
        DevclusterError: there is none, or its Dockerfile is missing.
    """
    rows = read()
    if name not in rows:
        raise DevclusterError(f"There is no image {name!r}; there are: {', '.join(rows)}.")
    image = rows[name]
    if not image.dockerfile.exists():
        raise DevclusterError(f"The image {name!r} needs {image.dockerfile}, which is missing.")
    return image
