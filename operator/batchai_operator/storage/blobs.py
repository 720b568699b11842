"""The engine's `BlobContainer` on azure-storage-blob.

Made by `wiring.open_container`, which loads this room only when a container is opened: the library
takes half a second to import. One method is one request, or one per page or piece; it never tries
again, because reading.py does, at the right offset.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import generate_blob_sas
from azure.storage.blob.aio import ContainerClient

from batchai_operator.engine.storageports import BlobCredential, BlobEntry, ContainerGoneError
from batchai_operator.errors import ForbiddenError, NotFoundError, UnavailableError

_PAGE = 1000
_PIECE = 4 << 20
"""Bytes of one request; so much is in memory at a time."""

_CONNECT_SECONDS, _READ_SECONDS = 3, 30


class AzureContainer:
    """One container. Use as an asynchronous context manager.

    Args:
        url: of the account.
        name: of the container.
        credential: key or SAS of the account.
    """

    def __init__(self, url: str, name: str, credential: BlobCredential) -> None:
        self._name, self._credential = name, credential
        self._client = ContainerClient(
            url,
            name,
            credential={"account_name": credential.account, "account_key": credential.key}
            if credential.key
            else credential.signature,
            retry_total=0,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_single_get_size=_PIECE,
            max_chunk_get_size=_PIECE,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def walk(self, prefix: str) -> AsyncIterator[Sequence[BlobEntry]]:
        """Yield what is below a prefix (see `BlobContainer`)."""
        pages = self._client.walk_blobs(
            name_starts_with=prefix, include=["metadata"], delimiter="/", results_per_page=_PAGE
        ).by_page()
        while True:
            with self._errors():
                page = await anext(pages, None)
                if page is None:
                    return
                entries = [_entry(item) async for item in page]
            yield sorted(entries, key=lambda entry: entry.name)

    async def look(self, name: str) -> BlobEntry:
        """Return one blob's entry (see `BlobContainer`)."""
        with self._errors():
            return _entry(await self._client.get_blob_client(name).get_blob_properties())

    async def read(self, name: str, offset: int, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield a blob's bytes (see `BlobContainer`)."""
        blob = self._client.get_blob_client(name)
        with self._errors():
            found = await blob.get_blob_properties()
        end = found.size if length is None else min(found.size, offset + length)
        while offset < end:
            with self._errors():
                piece = await blob.download_blob(
                    offset,
                    min(_PIECE, end - offset),
                    etag=found.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
                content = await piece.readall()
            if not content:
                raise UnavailableError(f"blob {name}: storage sent nothing")
            yield content
            offset += len(content)

    def link(self, name: str, minutes: int) -> str | None:
        """Return a URL with a SAS (see `BlobContainer`)."""
        if not self._credential.key:
            return None
        signature = generate_blob_sas(
            self._credential.account,
            self._name,
            name,
            account_key=self._credential.key,
            permission="rl",  # As the service gave them (spec 2.12).
            expiry=datetime.now(UTC) + timedelta(minutes=minutes),
        )
        return f"{self._client.url.partition('?')[0]}/{quote(name, safe='/~')}?{signature}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        where = f"Container {self._name} of storage account {self._credential.account}"
        try:
            yield
        except ResourceNotFoundError as error:
            if error.error_code == "ContainerNotFound":  # type: ignore[attr-defined]
                raise ContainerGoneError(f"{where} does not exist.") from error
            raise NotFoundError(f"{where}: there is no such file.") from error
        except ResourceModifiedError as error:
            raise UnavailableError(f"{where}: the file was replaced while it was read.") from error
        except ClientAuthenticationError as error:
            raise self._refusal(where, error) from error
        except HttpResponseError as error:
            if error.status_code in {401, 403}:
                raise self._refusal(where, error) from error
            raise UnavailableError(f"{where}: {_first_line(error)}") from error
        except AzureError as error:
            raise UnavailableError(f"{where}: {_first_line(error)}") from error

    def _refusal(self, where: str, error: HttpResponseError) -> ForbiddenError:
        means = "key" if self._credential.key else "shared access signature"
        code = getattr(error, "error_code", None) or error.status_code
        return ForbiddenError(f"{where}: storage refuses the {means} in the Secret ({code}).")


def _entry(item: Any) -> BlobEntry:  # noqa: ANN401 (BlobProperties or BlobPrefix, untyped)
    if item.name.endswith("/") and getattr(item, "size", None) is None:
        return BlobEntry(item.name)
    modified: datetime = item.last_modified
    return BlobEntry(
        name=item.name,
        size=item.size,
        modified=modified.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        marks_folder=(item.metadata or {}).get("hdi_isfolder", "").lower() == "true",
    )


def _first_line(error: AzureError) -> str:
    return str(error.message).strip().partition("\n")[0]
