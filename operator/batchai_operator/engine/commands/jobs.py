"""What users ask of jobs: create, find, list, wait, terminate.

Called by the command line (and later other fronts). Every command is a request that `kubectl` could
have made; nothing here decides what a job does.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchai_operator.engine.commands.objects import find, look_until
from batchai_operator.engine.commands.secrets import (
    NewSecret,
    own_secret,
    put_secret,
    take_back,
)
from batchai_operator.engine.ports import JOBS, Object, ObjectStore
from batchai_operator.engine.reconcile.keys import is_finished
from batchai_operator.errors import ConflictError, ForbiddenError, NotFoundError, RejectedError
from batchai_operator.names import DEFAULT_EXPERIMENT, DEFAULT_WORKSPACE
from batchai_operator.planner.naming import object_name

_ACCEPT_SECONDS = 5.0


@dataclass(frozen=True)
class JobKey:
    """The four names of a job; the namespace is its resource group (design 2)."""

    namespace: str
    workspace: str
    experiment: str
    name: str


async def find_job(store: ObjectStore, key: JobKey) -> Object:
    """Find a job by its Batch AI names, whatever its object is called.

    Raises:
        NotFoundError: there is none; in the service's words (spec 1.6).
    """
    expected = object_name(key.workspace, key.experiment, key.name)
    found = await find(store, JOBS, key.namespace, expected, lambda job: _key_of(job) == key)
    if found is None:
        raise NotFoundError(
            f"The specified job {key.name} is not found. Experiment {key.experiment} of workspace "
            f"{key.workspace} in namespace {key.namespace} was looked through; -e, -w and -g name "
            "others, and `batchai job list` shows what there is."
        )
    return found


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
            if await put_secret(store, key.namespace, secret, warn):
                made.append(secret)  # noqa: PERF401 - known at once, should a later one fail
        created = await store.create(JOBS, job, strict=True)
    except (ConflictError, ForbiddenError, RejectedError):
        # Only a clear no: after a timeout the job may exist, and needs its Secrets.
        for secret in made:
            await take_back(store, key.namespace, secret, warn)
        raise
    for secret in made:
        if not secret.shared:
            await own_secret(store, created, secret.name)
    return await _until_accepted(store, created)


async def terminate_job(store: ObjectStore, job: Object) -> Object:
    """Ask for the end of a job; a finished one stays as it is (spec 7.2)."""
    if is_finished(job):
        return job
    metadata = job["metadata"]
    change = {"spec": {"terminate": True}}
    return await store.patch(JOBS, metadata["name"], metadata["namespace"], change)


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


async def _until_accepted(store: ObjectStore, job: Object) -> Object:
    """Wait for the operator's first word, which holds the output path."""
    return await look_until(
        store,
        JOBS,
        job,
        lambda job: bool((job.get("status") or {}).get("executionState")),
        _ACCEPT_SECONDS,
    )
