"""Exceptions and answers of the Kubernetes API as our own errors.

Called by everything in `kube` around each request. It decides nothing: what to do about an error is
the caller's business.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp

from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)

# Statuses that say "later", whatever the body says.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})

# What the API server says of a path that it does not serve, instead of a Status.
_NO_SUCH_PATH = "404 page not found"


def error_from(status: int, body: bytes, headers: Mapping[str, str], doing: str) -> BatchAIError:
    """Make the error for an answer of 300 or more.

    Args:
        status: HTTP status.
        body: the answer, a Kubernetes `Status` in JSON or a proxy's text.
        headers: of the answer; `Retry-After` is used.
        doing: what was asked, such as `create pods`.
    """
    reason, text = _status_of(body)
    message = f"{doing}: {text or f'HTTP {status}'}"
    if status == 404 and text == _NO_SUCH_PATH:
        return NotFoundError(
            f"{doing}: this Kubernetes does not know that kind of object. Install the operator's "
            "chart, which brings its kinds, or choose another cluster by --context or KUBECONFIG."
        )
    if status == 404:
        return NotFoundError(message)
    if status in {409, 410, 412}:
        return ConflictError(message)
    # A create into a namespace that is being deleted answers 403, and so does a quota: both are
    # policy, and the message says which.
    if status == 403:
        return ForbiddenError(message)
    if status == 401:
        return UnavailableError(f"{message} (credentials refused; they are read again)")
    if status in _PASSING or reason == "Timeout":
        return UnavailableError(message, retry_after=_seconds(headers.get("Retry-After")))
    return RejectedError(message)


@contextmanager
def connection_errors(doing: str) -> Iterator[None]:
    """Turn failures to talk to the server at all into `UnavailableError`.

    Raises:
        UnavailableError: no connection, a broken one, or no answer in time.
    """
    try:
        yield
    except TimeoutError as error:
        raise UnavailableError(f"{doing}: the API server did not answer in time") from error
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
        raise UnavailableError(f"{doing}: {str(error) or type(error).__name__}") from error


def _status_of(body: bytes) -> tuple[str, str]:
    try:
        status = json.loads(body)
    except ValueError:
        return "", body[:500].decode("utf-8", "replace").strip()
    if not isinstance(status, dict):
        return "", str(status)[:500]
    return str(status.get("reason") or ""), str(status.get("message") or "")


def _seconds(text: str | None) -> float | None:
    # The header may also hold a date; the API server never sends one.
    return float(text) if text is not None and text.isdigit() else None
