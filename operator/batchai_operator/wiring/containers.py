"""Opens blob containers for a front, if azure-storage-blob is installed.

Called by `cli` through `wiring.open_container`. The library is loaded here and nowhere before.
"""

from contextlib import AbstractAsyncContextManager

from batchai_operator.engine.storageports import BlobContainer, BlobCredential


def open_container(
    url: str, name: str, credential: BlobCredential
) -> AbstractAsyncContextManager[BlobContainer] | None:
    """Open a container; None where the library is not installed (extra `storage`)."""
    try:
        from batchai_operator.storage.blobs import AzureContainer  # noqa: PLC0415 (half a second)
    except ModuleNotFoundError:
        return None
    return AzureContainer(url, name, credential)
