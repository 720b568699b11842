"""Which Secrets a job needs, and whether they are what its spec says (design 5).

`secrets_needed` is called by the engine before Pods are made, `check_secrets` by job.py. Values of
keys never come here. The drivers take account name and key from the Secret and ignore the
spec's account, so a Secret for another account would mount somebody else's data: that is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.filesystems import UnmanagedFileSystem
from batchai_operator.model.job import JobSpec
from batchai_operator.model.volumes import AzureBlobFileSystem, AzureFileShare
from batchai_operator.planner.facts import Object, SecretFacts
from batchai_operator.planner.jobs.failures import Failure, mount_failure, start_failure
from batchai_operator.planner.pods.build import Build, registry_secret
from batchai_operator.planner.pods.expansion import MAX_TEXT_BYTES
from batchai_operator.planner.specs import job_spec
from batchai_operator.planner.volumes.autostorage import with_auto_storage
from batchai_operator.planner.volumes.azurevolumes import azure_secret
from batchai_operator.planner.volumes.mounting import Mount, volume_fields

_ACCOUNT_KEYS = ("azurestorageaccountname", "accountname")
_SAS_KEY = "azurestorageaccountsastoken"
_SHARE_KEYS = ("azurestorageaccountkey", "accountkey")
_BLOB_KEYS = (
    *_SHARE_KEYS,
    _SAS_KEY,
    "msisecret",
    "azurestoragespnclientsecret",
)
_LOGIN_KEYS = ("username", "password")
_REGISTRY_KEYS = (".dockerconfigjson", ".dockercfg")


@dataclass(frozen=True)
class SecretProblem:
    """A Secret that keeps a job from starting.

    Attributes:
        failure: what the job ends with, now or when patience is over.
        message: what is missing, for people.
        may_come: the Secret is not there yet; it may arrive a moment after the job.
    """

    failure: Failure
    message: str
    may_come: bool


def secrets_needed(job: Object, cluster: Object | None) -> frozenset[str]:
    """Return the names of all Secrets that the Pods of a job will use.

    Args:
        job: the BatchAIJob.
        cluster: its BatchAICluster, None when there is none.

    Returns:
        Names in the job's namespace; none for a spec that makes no sense, which plan_job refuses.
    """
    try:
        spec = job_spec(job)
        setup = with_auto_storage(cluster) if cluster else None
        storage = _storage_secrets(spec, setup)
    except (ValidationError, InvalidSpecError):
        return frozenset()
    others = {registry_secret(spec)}
    others |= {secret.secret_key_ref.name for secret in spec.secrets if secret.secret_key_ref}
    return frozenset(name for name in storage | others if name)


def check_secrets(build: Build, secrets: Mapping[str, SecretFacts | None]) -> SecretProblem | None:
    """Return what is wrong with the Secrets of a job: first what no waiting heals.

    Args:
        build: of the job.
        secrets: what was found, by name.
    """
    problems = [_check_storage(mount, secrets) for mount in build.volumes.mounts if mount.secret]
    problems += [_check_registry(build, secrets), *_check_variables(build, secrets)]
    found = [problem for problem in problems if problem is not None]
    return min(found, key=lambda problem: problem.may_come, default=None)


def _storage_secrets(spec: JobSpec, cluster: ClusterSpec | None) -> set[str | None]:
    found: set[str | None] = set()
    for field, _, volume in volume_fields(spec, cluster, ""):
        match volume:
            case AzureFileShare() | AzureBlobFileSystem():
                found.add(azure_secret(field, volume))
            case UnmanagedFileSystem() if volume.credentials is not None:
                found.add(volume.credentials.secret_ref.name)
            case _:
                continue
    return found


def _check_storage(mount: Mount, secrets: Mapping[str, SecretFacts | None]) -> SecretProblem | None:
    name = str(mount.secret)
    secret = secrets.get(name)
    what = "the login" if mount.kind == "smb" else f"the key of storage account {mount.account}"
    if secret is None:
        info = f"Secret {name} with {what} does not exist"
        return SecretProblem(
            mount_failure(mount, info), f"Waiting for Secret {name}: {info}.", True
        )
    info = _login_flaw(secret) if mount.kind == "smb" else _account_flaw(mount, secret)
    if not info:
        return None
    return SecretProblem(mount_failure(mount, info), f"{info}.", may_come=False)


def _login_flaw(secret: SecretFacts) -> str:
    missing = [key for key in _LOGIN_KEYS if key not in secret.keys]
    return f"Secret {secret.name} lacks the key {missing[0]}" if missing else ""


def _account_flaw(mount: Mount, secret: SecretFacts) -> str:
    name = secret.name
    keys = {key.lower() for key in secret.keys}
    wanted = _BLOB_KEYS if mount.kind == "blob" else _SHARE_KEYS
    if not keys.intersection(_ACCOUNT_KEYS) or secret.account == "":
        return f"Secret {name} lacks the key {_ACCOUNT_KEYS[0]}"
    if not keys.intersection(wanted) and _SAS_KEY in keys:
        return (
            f"Secret {name} holds a SAS token, with which SMB cannot log in; add the account's key "
            f"as {wanted[0]}, or use a container (azureBlobFileSystems)"
        )
    if not keys.intersection(wanted):
        return f"Secret {name} lacks the key {wanted[0]}"
    if secret.account is not None and secret.account != mount.account:
        return (
            f"Secret {name} is for storage account {secret.account}, but {mount.field} names "
            f"{mount.account}"
        )
    return ""


def _check_registry(
    build: Build, secrets: Mapping[str, SecretFacts | None]
) -> SecretProblem | None:
    name = registry_secret(build.spec)
    if name is None:
        return None
    secret = secrets.get(name)
    if secret is None:
        info = f"Secret {name} with the registry's credentials does not exist"
        failure = start_failure(build.image, info)
        return SecretProblem(failure, f"Waiting for Secret {name}: {info}.", may_come=True)
    if not secret.keys.intersection(_REGISTRY_KEYS):
        info = f"Secret {name} is not of type kubernetes.io/dockerconfigjson"
        return SecretProblem(start_failure(build.image, info), f"{info}.", may_come=False)
    return None


def _unfit(build: Build, index: int, key: str, size: int) -> SecretProblem:
    """A value that no container can be started with; kubelet would try for ever."""
    wrong = (
        f"has {size} bytes, but Linux takes {MAX_TEXT_BYTES} at most in one variable"
        if size > MAX_TEXT_BYTES
        else f"has {size} bytes that are no text (UTF-8 without NUL), as a variable must be"
    )
    info = (
        f"secrets[{index}].secretKeyRef.key {key} {wrong}; encode it, or put it into a file on a "
        "volume"
    )
    return SecretProblem(start_failure(build.image, info), f"{info}.", may_come=False)


def _check_variables(
    build: Build, secrets: Mapping[str, SecretFacts | None]
) -> list[SecretProblem]:
    problems = []
    for index, variable in enumerate(build.spec.secrets):
        reference = variable.secret_key_ref
        if reference is None:
            continue
        secret = secrets.get(reference.name)
        if secret is not None and reference.key in secret.keys:
            size = secret.sizes.get(reference.key, 0)
            if size > MAX_TEXT_BYTES or reference.key in secret.no_text:
                problems.append(_unfit(build, index, reference.key, size))
            continue
        info = f"Secret {reference.name} with the key {reference.key} does not exist"
        failure = start_failure(build.image, f"{info}; secrets variable {variable.name} needs it")
        problems.append(
            SecretProblem(failure, f"Waiting for Secret {reference.name}: {info}.", may_come=True)
        )
    return problems
