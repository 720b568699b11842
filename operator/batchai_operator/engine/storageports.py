"""What the engine asks of Azure Storage itself, as protocols; `storage` implements them.

Imported by files/blobfiles.py, reconcile/autostorage.py and the adapter. All errors are those of
`batchai_operator.errors`; about blobs: `NotFoundError` (no such blob or container),
`ForbiddenError` (key or SAS refused), `UnavailableError` (no answer).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from batchai_operator.errors import NotFoundError


class ContainerGoneError(NotFoundError):
    """There is no such container (any more)."""


@dataclass(frozen=True)
class BlobCredential:
    """How to open a storage account: by its key, or by a shared access signature.

    Attributes:
        account: name of the account.
        key: its key; empty for none.
        signature: the query string of a SAS; empty for none.
    """

    account: str
    key: str = field(default="", repr=False)
    signature: str = field(default="", repr=False)


@dataclass(frozen=True)
class BlobEntry:
    """One blob, or one common prefix of several.

    Attributes:
        name: whole name in the container; that of a prefix ends with `/`.
        size: bytes; None for a prefix.
        modified: time as the service prints it; None for a prefix.
        marks_folder: an empty blob that stands for a folder (`hdi_isfolder`).
    """

    name: str
    size: int | None = None
    modified: str | None = None
    marks_folder: bool = False


class BlobContainer(Protocol):
    """One container."""

    def walk(self, prefix: str) -> AsyncIterator[Sequence[BlobEntry]]:
        """Yield what is below a prefix, one level deep, page by page, sorted by name."""
        ...

    async def look(self, name: str) -> BlobEntry:
        """Return one blob's entry."""
        ...

    def read(self, name: str, offset: int, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield a blob's bytes; nothing beyond its end. A blob that is replaced breaks it off."""
        ...

    def link(self, name: str, minutes: int) -> str | None:
        """Return a URL that reads a blob without credentials for some time.

        None when only the account's key could make one and there is no key.
        """
        ...


OpenContainer = Callable[
    [str, str, BlobCredential], AbstractAsyncContextManager[BlobContainer] | None
]
"""Opens a container: URL of the account, name of the container, credential. None when the library
for it is not installed."""


class StorageAccount(Protocol):
    """The storage account that was given to the operator for auto-storage."""

    def credentials(self) -> tuple[str, str]:
        """Return its name and key, as they are now.

        Raises:
            StorageError: none was given, or half of one.
        """
        ...

    async def ensure(self, share: str, container: str) -> None:
        """Make a share and a container unless they are there; never longer than a minute.

        Raises:
            StorageError: the account refuses or does not answer; what was made stays.
        """
        ...
