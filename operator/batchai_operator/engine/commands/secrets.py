"""Secrets that come with what users create: made, compared with what is there, taken back.

Used for jobs by jobs.py, for clusters by the command line.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchai_operator.engine.ports import JOBS, SECRETS, Object, ObjectStore
from batchai_operator.errors import BatchAIError, ConflictError, NotFoundError


@dataclass(frozen=True)
class NewSecret:
    """A Secret that a new job needs.

    Attributes:
        name: name of the Secret.
        data: plain values by key.
        type: Secret type.
        shared: belongs to the namespace and outlives the job.
        given: may replace what an existing Secret of that name holds.
    """

    name: str
    data: Mapping[str, str] = field(repr=False)
    type: str = "Opaque"
    shared: bool = False
    given: bool = False


async def put_secrets(
    store: ObjectStore, namespace: str, secrets: Sequence[NewSecret], warn: Callable[[str], None]
) -> list[NewSecret]:
    """Make Secrets say what they should, and return those that are new.

    Raises:
        ConflictError: one exists with another content that may not be replaced.
    """
    return [secret for secret in secrets if await put_secret(store, namespace, secret, warn)]


async def put_secret(
    store: ObjectStore, namespace: str, secret: NewSecret, warn: Callable[[str], None]
) -> bool:
    """Make a Secret say what it should; tell whether it is new."""
    body = {
        "metadata": {"name": secret.name, "namespace": namespace},
        "type": secret.type,
        "stringData": dict(secret.data),
    }
    try:
        await store.create(SECRETS, body)
    except ConflictError:
        existing = await store.get(SECRETS, secret.name, namespace)
        if _holds(existing, secret):
            return False
        if not secret.given:
            raise ConflictError(
                f"Secret {secret.name} exists and holds something else than the file. Remove the "
                f"value from the file to use the Secret, or delete the Secret."
            ) from None
        await store.patch(SECRETS, secret.name, namespace, {"stringData": dict(secret.data)})
        warn(f"Secret {secret.name} held another key and was changed to the one given.")
        return False
    return True


async def take_back(
    store: ObjectStore, namespace: str, secret: NewSecret, warn: Callable[[str], None]
) -> None:
    """Remove a Secret of a job that was refused; the user must hear of the refusal all the same."""
    try:
        await store.delete(SECRETS, secret.name, namespace)
    except NotFoundError:
        pass
    except BatchAIError as error:
        warn(f"Secret {secret.name} was made for the job and could not be removed: {error}")


async def own_secret(store: ObjectStore, job: Object, secret: str) -> None:
    """Let a Secret of the job alone go when the job goes."""
    metadata = job["metadata"]
    owner = {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    await store.patch(
        SECRETS, secret, metadata["namespace"], {"metadata": {"ownerReferences": [owner]}}
    )


def _holds(existing: Mapping[str, Any], secret: NewSecret) -> bool:
    held = existing.get("data") or {}
    return all(
        held.get(name) == base64.b64encode(value.encode()).decode()
        for name, value in secret.data.items()
    )
