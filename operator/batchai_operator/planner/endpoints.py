"""Where the file servers of a namespace are, for volumes of kind `fileServers` (spec 2.11).

The engine fills these from its cache of BatchAIFileServers and hands them to the planner by object
name; volumes/mounting.py mounts what they tell. It knows nothing of how a server is run.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FileServerEndpoint:
    """An NFS export.

    Attributes:
        server: host name or address.
        path: exported directory, absolute.
    """

    server: str
    path: str


FileServers = Mapping[str, FileServerEndpoint]
"""Endpoints of the file servers that are ready, by object name."""


def named_server(reference: str) -> str:
    """Return the object name that a `fileServer.id` means: itself, or its last segment."""
    return reference.rsplit("/", maxsplit=1)[-1].lower()
