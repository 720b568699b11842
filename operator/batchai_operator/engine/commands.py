"""What users ask for: create, find, list, wait, terminate, delete jobs.

Called by the command line (and later other fronts). Every command is a request that `kubectl` could
have made; nothing here decides what a job does.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchai_operator.engine.keys import is_finished
from batchai_operator.engine.ports import JOBS, SECRETS, Object, ObjectStore
from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
)
from batchai_operator.names import DEFAULT_EXPERIMENT, DEFAULT_WORKSPACE
from batchai_operator.planner.naming import object_name

_ACCEPT_SECONDS = 5.0
_GONE_SECONDS = 120.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class JobKey:
    """The four names of a job; the namespace is its resource group (design 2)."""

    namespace: str
    workspace: str
    experiment: str
    name: str


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


async def find_job(store: ObjectStore, key: JobKey) -> Object:
    """Find a job by its Batch AI names, whatever its object is called.

    Raises:
        NotFoundError: there is none; in the service's words (spec 1.6).
    """
    expected = object_name(key.workspace, key.experiment, key.name)
    try:
        job = await store.get(JOBS, expected, key.namespace)
        if _key_of(job) == key:
            return job
    except NotFoundError:
        pass
    # `kubectl apply` may have given the object any name, with `spec.workspace` beside it.
    for job in await store.list(JOBS, key.namespace):
        if _key_of(job) == key:
            return job
    raise NotFoundError(
        f"The specified job {key.name} is not found. Experiment {key.experiment} of workspace "
        f"{key.workspace} in namespace {key.namespace} was looked through; -e, -w and -g name "
        "others, and `batchai job list` shows what there is."
    )


async def list_jobs(
    store: ObjectStore, namespace: str, workspace: str | None, experiment: str | None
) -> list[Object]:
    """List the jobs of a namespace, oldest first.

    Args:
        store: the API server.
        namespace: the resource group.
        workspace: only this one, when given.
        experiment: only this one, when given.
    """
    jobs = [
        job
        for job in await store.list(JOBS, namespace)
        if workspace in {None, _key_of(job).workspace}
        and experiment in {None, _key_of(job).experiment}
    ]
    return sorted(jobs, key=lambda job: (job["metadata"]["creationTimestamp"], _key_of(job).name))


async def create_job(
    store: ObjectStore, job: Object, secrets: Sequence[NewSecret], warn: Callable[[str], None]
) -> Object:
    """Create a job and the Secrets it needs; wait a moment for the operator to accept it.

    Args:
        store: the API server.
        job: the BatchAIJob, with its namespace.
        secrets: made before the job, so that it never waits for them. Those that are not shared
            have names that nobody had before, so that none is the Secret of an earlier job which
            its end is about to remove.
        warn: told about Secrets that changed, or that stay behind.

    Returns:
        The job, with its output path when the operator is there.

    Raises:
        ConflictError: the job, or a Secret with other content, exists.
    """
    key = _key_of(job)
    try:
        await find_job(store, key)
    except NotFoundError:
        pass
    else:
        raise ConflictError(
            f"A job with given name already exists: {key.name} in experiment {key.experiment} of "
            f"workspace {key.workspace}."
        )
    # What the API server would refuse must not leave Secrets behind.
    await store.create(JOBS, job, strict=True, dry_run=True)
    made: list[NewSecret] = []
    try:
        for secret in secrets:
            if await _put_secret(store, key.namespace, secret, warn):
                made.append(secret)  # noqa: PERF401 - known at once, should a later one fail
        created = await store.create(JOBS, job, strict=True)
    except (ConflictError, ForbiddenError, RejectedError):
        # Only a clear no: after a timeout the job may exist, and needs its Secrets.
        for secret in made:
            await _take_back(store, key.namespace, secret, warn)
        raise
    for secret in made:
        if not secret.shared:
            await _own_secret(store, created, secret.name)
    return await _until_accepted(store, created)


async def put_secrets(
    store: ObjectStore, namespace: str, secrets: Sequence[NewSecret], warn: Callable[[str], None]
) -> list[NewSecret]:
    """Make Secrets say what they should, and return those that are new.

    Raises:
        ConflictError: one exists with another content that may not be replaced.
    """
    return [secret for secret in secrets if await _put_secret(store, namespace, secret, warn)]


async def terminate_job(store: ObjectStore, job: Object) -> Object:
    """Ask for the end of a job; a finished one stays as it is (spec 7.2)."""
    if is_finished(job):
        return job
    metadata = job["metadata"]
    change = {"spec": {"terminate": True}}
    return await store.patch(JOBS, metadata["name"], metadata["namespace"], change)


async def delete_job(store: ObjectStore, job: Object, *, wait: bool) -> None:
    """Delete a job; its output files stay (spec 7.3).

    Args:
        store: the API server.
        job: the BatchAIJob.
        wait: return only when the object is gone.
    """
    metadata = job["metadata"]
    try:
        await store.delete(JOBS, metadata["name"], metadata["namespace"], uid=metadata["uid"])
        for _ in range(int(_GONE_SECONDS / _POLL_SECONDS) if wait else 0):
            now = await store.get(JOBS, metadata["name"], metadata["namespace"])
            if now["metadata"]["uid"] != metadata["uid"]:
                return
            await asyncio.sleep(_POLL_SECONDS)
    except NotFoundError:
        return


async def wait_for_end(
    store: ObjectStore, job: Object, interval: float, changed: Callable[[Object], None]
) -> Object:
    """Look at a job until it has ended.

    Args:
        store: the API server.
        job: the BatchAIJob.
        interval: seconds between two looks.
        changed: called with the job at first, and whenever its state or message changes.

    Raises:
        NotFoundError: the job was deleted meanwhile.
    """
    metadata = job["metadata"]
    before = None
    while True:
        job = await store.get(JOBS, metadata["name"], metadata["namespace"])
        if job["metadata"]["uid"] != metadata["uid"]:
            raise NotFoundError("The job was deleted, and another of its name was created.")
        status = job.get("status") or {}
        now = (status.get("executionState", "queued"), status.get("message"))
        if now != before:
            changed(job)
            before = now
        if is_finished(job):
            return job
        await asyncio.sleep(interval)


def _key_of(job: Mapping[str, Any]) -> JobKey:
    spec, metadata = job["spec"], job["metadata"]
    return JobKey(
        namespace=metadata["namespace"],
        workspace=spec.get("workspace") or DEFAULT_WORKSPACE,
        experiment=spec.get("experiment") or DEFAULT_EXPERIMENT,
        name=spec.get("name") or metadata["name"],
    )


async def _put_secret(
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


async def _take_back(
    store: ObjectStore, namespace: str, secret: NewSecret, warn: Callable[[str], None]
) -> None:
    """Remove a Secret of a job that was refused; the user must hear of the refusal all the same."""
    try:
        await store.delete(SECRETS, secret.name, namespace)
    except NotFoundError:
        pass
    except BatchAIError as error:
        warn(f"Secret {secret.name} was made for the job and could not be removed: {error}")


def _holds(existing: Mapping[str, Any], secret: NewSecret) -> bool:
    held = existing.get("data") or {}
    return all(
        held.get(name) == base64.b64encode(value.encode()).decode()
        for name, value in secret.data.items()
    )


async def _own_secret(store: ObjectStore, job: Object, secret: str) -> None:
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


async def _until_accepted(store: ObjectStore, job: Object) -> Object:
    """Wait for the operator's first word, which holds the output path."""
    metadata = job["metadata"]
    for _ in range(int(_ACCEPT_SECONDS / _POLL_SECONDS)):
        if (job.get("status") or {}).get("executionState"):
            break
        await asyncio.sleep(_POLL_SECONDS)
        job = await store.get(JOBS, metadata["name"], metadata["namespace"])
    return job
