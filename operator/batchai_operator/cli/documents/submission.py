"""From a file and flags to a BatchAIJob and the Secrets it needs. Pure.

Called by `job create`. It puts completion.py, unknown.py and the models in their order; what it
returns is what `kubectl apply` could have sent.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from batchai_operator.cli.documents.completion import ExtraMounts, StorageAccount, complete_volumes
from batchai_operator.cli.documents.jobfile import Document
from batchai_operator.cli.documents.oldshape import id_segment
from batchai_operator.cli.documents.secretfields import take_registry_password, take_secret_values
from batchai_operator.cli.documents.unknown import drop_unknown
from batchai_operator.engine.commands.jobs import JobKey
from batchai_operator.engine.commands.secrets import NewSecret
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.names import API_VERSION, JOB_KIND
from batchai_operator.planner.naming import object_name

_SHAPES = {
    "model_type": "must be an object, in braces.",
    "model_attributes_type": "must be an object, in braces.",
    "dict_type": "must be an object, in braces.",
    "list_type": "must be a list, in brackets.",
    "tuple_type": "must be a list, in brackets.",
    "string_type": "must be a text, in quotes.",
}
"""Pydantic's errors about the type of a value, as people say it."""


@dataclass(frozen=True)
class Submission:
    """What is to be sent, and what the user should know.

    Attributes:
        job: the BatchAIJob.
        secrets: Secrets that must exist before it.
        cluster: object name of its cluster.
        warnings: sentences for people.
    """

    job: dict[str, Any]
    secrets: tuple[NewSecret, ...]
    cluster: str
    warnings: tuple[str, ...]

    @property
    def namespace(self) -> str:
        """Namespace of everything here."""
        return str(self.job["metadata"]["namespace"])


def build_submission(
    document: Document,
    key: JobKey,
    cluster: str | None,
    account: StorageAccount,
    mounts: ExtraMounts,
    *,
    suffix: str,
) -> Submission:
    """Complete a document and make it an object.

    Args:
        document: what the file says.
        key: namespace and names; they win over those in the file.
        cluster: name or resource id from the command line.
        account: storage account from the command line.
        mounts: volumes from the command line.
        suffix: random letters for the names of the job's own Secrets. Kubernetes removes those of
            a deleted namesake some time after it, by their names.

    Raises:
        InvalidSpecError: the job could not run; with field and remedy, never with a secret.
    """
    properties, unknown = drop_unknown(JobSpec, copy.deepcopy(document.properties))
    check_shapes(JobSpec, properties)
    warnings = [f"Unknown member {path} was dropped." for path in (*document.ignored, *unknown)]
    for name in ("name", "workspace", "experiment"):
        properties.pop(name, None)
    own_name = object_name(key.workspace, key.experiment, key.name)
    chosen = cluster_name(
        cluster or (properties.pop("cluster", None) or {}).get("id"), key.namespace
    )
    properties.pop("cluster", None)

    volumes, secrets, told = complete_volumes(
        properties.get("mountVolumes"), account, mounts, namespace=key.namespace
    )
    if volumes:
        properties["mountVolumes"] = volumes
    secrets += take_registry_password(properties, f"{own_name}-registry-{suffix}")
    secrets += take_secret_values(properties, f"{own_name}-secrets-{suffix}")
    warnings += told
    warnings += [
        f"Secret {secret.name} keeps what the file says in the clear; remove it from the file."
        for secret in secrets
        if not secret.shared
    ]
    spec = {
        "name": key.name,
        "workspace": key.workspace,
        "experiment": key.experiment,
        "cluster": {"id": chosen},
        **properties,
    }
    validate(JobSpec, spec)
    job = {
        "apiVersion": API_VERSION,
        "kind": JOB_KIND,
        "metadata": {"name": own_name, "namespace": key.namespace, **document.metadata},
        "spec": spec,
    }
    return Submission(job, tuple(secrets), chosen, tuple(warnings))


def cluster_name(reference: str | None, namespace: str) -> str:
    """Resolve a cluster's name or resource id to an object name.

    Raises:
        InvalidSpecError: none was given, or it lies in another resource group.
    """
    if not reference:
        raise InvalidSpecError("No cluster: give -c/--cluster, or `cluster.id` in the file.")
    group = id_segment(reference, "resourceGroups")
    if group and group.lower() != namespace.lower():
        raise InvalidSpecError(
            f"Cluster {reference} lies in resource group {group}, the job in namespace "
            f"{namespace}; both must be the same."
        )
    return reference.rstrip("/").rsplit("/", maxsplit=1)[-1]


def validate(model: type[BaseModel], spec: dict[str, Any]) -> None:
    """Check a spec against its model, in the words of the file.

    Raises:
        InvalidSpecError: with one line per problem. Values are left out: one may be a secret.
    """
    if problems := _problems(model, spec):
        raise _invalid((path, str(problem["msg"])) for path, problem in problems)


def check_shapes(model: type[BaseModel], properties: dict[str, Any]) -> None:
    """Check that objects, lists and texts stand where the model wants them.

    Whatever completes the properties before they are validated may then rely on it.

    Raises:
        InvalidSpecError: with one line per member of the wrong type.
    """
    wrong = [
        (path, _SHAPES[problem["type"]])
        for path, problem in _problems(model, properties)
        if problem["type"] in _SHAPES
    ]
    if wrong:
        raise _invalid(wrong)


def _problems(model: type[BaseModel], data: dict[str, Any]) -> list[tuple[str, ErrorDetails]]:
    """Return what a model has against data, by path. Inputs are left out: one may be a secret."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [
            (path_of(problem["loc"]), problem)
            for problem in error.errors(include_input=False, include_url=False)
        ]
    return []


def path_of(parts: Iterable[int | str]) -> str:
    """Write the way to a member as people do: `secrets[0].value`."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts
    ).removeprefix(".")


def _invalid(problems: Iterable[tuple[str, str]]) -> InvalidSpecError:
    lines = [f"{path}: {text}" if path else text for path, text in problems]
    return InvalidSpecError("\n  ".join(["The file is not valid:", *lines]))
