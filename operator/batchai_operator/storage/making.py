"""Makes a file share and a blob container with Azure's SDK.

Loaded by given.py when the first cluster asks for auto-storage, and never before. Each call looks
first, so that an account whose key may only read is no error where everything is there, and gives
up soon: the engine's queue tries again, with a back-off that the SDK does not know of.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.fileshare.aio import ShareServiceClient

from batchai_operator.errors import StorageError

_PATIENCE: dict[str, Any] = {
    # The SDK would wait for 15 s before a second try, and the engine's queue for 0.2.
    "retry_total": 0,
    "connection_timeout": 5,
    "read_timeout": 15,
    "logging_enable": False,
}
_MADE_ALREADY = frozenset({"ShareAlreadyExists", "ContainerAlreadyExists"})
_KEY_REFUSED = frozenset({"AuthenticationFailed", "InvalidAuthenticationInfo"})
_THROTTLED = frozenset({429, 503})

# One line for each request, which tells nothing that our own do not.
logging.getLogger("azure").setLevel(logging.WARNING)


async def make_share(endpoint: str, account: str, key: str, share: str) -> None:
    """Make a file share unless it is there.

    Raises:
        StorageError: the account refuses or does not answer.
    """
    credential = {"account_name": account, "account_key": key}
    async with (
        _told(account, f"share {share}"),
        ShareServiceClient(endpoint, credential=credential, **_PATIENCE) as service,
    ):
        client = service.get_share_client(share)
        await _make(client.get_share_properties, client.create_share)


async def make_container(endpoint: str, account: str, key: str, container: str) -> None:
    """Make a blob container unless it is there.

    Raises:
        StorageError: the account refuses or does not answer.
    """
    credential = {"account_name": account, "account_key": key}
    async with (
        _told(account, f"container {container}"),
        BlobServiceClient(endpoint, credential=credential, **_PATIENCE) as service,
    ):
        client = service.get_container_client(container)
        await _make(client.get_container_properties, client.create_container)


async def _make(look: Callable[[], Awaitable[Any]], make: Callable[[], Awaitable[Any]]) -> None:
    try:
        await look()
    except ResourceNotFoundError:
        try:
            await make()
        except ResourceExistsError as error:
            # The same status says that one of that name is being deleted.
            if _code(error) not in _MADE_ALREADY:
                raise


@asynccontextmanager
async def _told(account: str, what: str) -> AsyncIterator[None]:
    """Turn the SDK's exceptions into ours; none of them holds the key."""
    try:
        yield
    except (AzureError, ValueError) as error:
        raise _error(account, what, error) from error


def _error(account: str, what: str, error: Exception) -> StorageError:
    where = f"Storage account {account}, {what}"
    code = _code(error)
    said = f"{where}: {code or type(error).__name__}"
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, ValueError) or (
        isinstance(error, ClientAuthenticationError) and status is None
    ):
        return StorageError(
            f"{where}: the key in the operator's Secret is none; correct the Secret.",
            reason="StorageKeyInvalid",
        )
    if code in _KEY_REFUSED or status == 401:
        return StorageError(
            f"{said}: the key in the operator's Secret is not the account's; correct the Secret.",
            reason="StorageKeyRefused",
        )
    if status in _THROTTLED:
        return StorageError(
            f"{said}: the account is busy; it is tried again.",
            reason="StorageThrottled",
            retry_after=_retry_after(error),
        )
    if status == 403:
        return StorageError(
            f"{said}: the account does not admit the operator; look at its firewall and at "
            "whether it allows access by key.",
            reason="StorageForbidden",
        )
    if isinstance(error, ServiceRequestError):
        return StorageError(
            f"{where}: cannot be reached ({_first_line(error)}); is the account's name right?",
            reason="StorageUnreachable",
        )
    if status is not None and status < 500:
        return StorageError(f"{said} (HTTP {status}).", reason="StorageRefused")
    return StorageError(f"{said}: {_first_line(error)}", reason="StorageUnavailable")


def _code(error: Exception) -> str:
    """Return storage's own word, which the SDK gives as an enumeration where it knows it."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("Retry-After") or "")
    return float(text) if text.isdigit() else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
