"""The container that a job runs in (spec 2.7). Used by job.py and the planner."""

import re
from typing import Annotated

from batchai_operator.model.base import Model
from batchai_operator.model.credentials import RegistryCredentials
from batchai_operator.model.text import Text

_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class ImageSourceRegistry(Model):
    """An image and the registry that holds it (spec 2.7)."""

    image: Annotated[
        str,
        Text(
            1024,
            r"[!-;=?-~]+",
            "must be the reference of an image, without blanks and signs other than ASCII",
            "is a placeholder: put the reference of an image in its place",
        ),
    ]
    """Image with tag or digest; with its registry when that is not the public one."""

    server_url: (
        Annotated[
            str, Text(512, r"[!-;=?-~]+", "must be the host of a registry, such as demo.azurecr.io")
        ]
        | None
    ) = None
    """Registry, such as `demo.azurecr.io`; the public one when absent. The image must begin with
    its host."""

    credentials: RegistryCredentials | None = None
    """How to log in to the registry."""


class ContainerSettings(Model):
    """Image and shared memory of the job's container (spec 2.7)."""

    image_source_registry: ImageSourceRegistry
    """The image."""

    shm_size: (
        Annotated[
            str,
            Text(
                32,
                r"[0-9]{1,12}(?:\.[0-9]{1,6})? ?(?:[Bb]|[KkMmGgTt][Bb]?)?",
                "must be a size in docker's notation, such as 512m or 16gb",
            ),
        ]
        | None
    ) = None
    """Size of /dev/shm in docker's notation, such as `16gb`; the runtime's default when absent."""

    @property
    def shm_bytes(self) -> int | None:
        """Size of /dev/shm in bytes."""
        if self.shm_size is None:
            return None
        parts = re.fullmatch(r"([\d.]+) ?([bkmgt]?)b?", self.shm_size.lower())
        assert parts is not None  # noqa: S101 - the field's own shape
        return int(float(parts.group(1)) * _UNITS[parts.group(2)])
