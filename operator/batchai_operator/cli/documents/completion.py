"""Completing what a recipe leaves to the command line: storage accounts, keys, extra mounts. Pure.

Called by the commands that create, between reading a file and validating it. The service's clients
did this, not the server (spec 6.3). Keys never pass: they leave the properties for Secrets.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from batchai_operator.cli.documents.oldshape import id_segment
from batchai_operator.engine.commands.secrets import NewSecret
from batchai_operator.errors import InvalidSpecError

ACCOUNT_PLACEHOLDER = "<AZURE_BATCHAI_STORAGE_ACCOUNT>"
KEY_PLACEHOLDER = "<AZURE_BATCHAI_STORAGE_KEY>"
STORAGE_SUFFIX = "core.windows.net"
"""Suffix of storage endpoints in Azure's public cloud."""


CONFIGURE_ACCOUNT = (
    "Please configure Azure Storage account name via --storage-account-name, "
    "AZURE_BATCHAI_STORAGE_ACCOUNT or storage_account in section batchai of your az configuration "
    "file."
)
CONFIGURE_KEY = (
    "Please configure Azure Storage account key via --storage-account-key, "
    "AZURE_BATCHAI_STORAGE_KEY or storage_key in section batchai of your az configuration file."
)


@dataclass(frozen=True)
class StorageAccount:
    """The account given by flags or environment, if any, and the cloud that it is in."""

    name: str | None = None
    key: str | None = field(default=None, repr=False)
    suffix: str = STORAGE_SUFFIX


@dataclass(frozen=True)
class ExtraMounts:
    """Volumes added by flags, as in `--afs-name logs --afs-mount-path logs`."""

    share: str | None = None
    share_path: str = "afs"
    container: str | None = None
    container_path: str = "bfs"
    file_server: str | None = None
    file_server_path: str = "nfs"


def storage_secret_name(account: str) -> str:
    """Return the drivers' own name for an account's Secret (platform convention)."""
    return f"azure-storage-account-{account}-secret"


def complete_volumes(
    mount_volumes: dict[str, Any] | None,
    account: StorageAccount,
    extra: ExtraMounts,
    *,
    namespace: str,
) -> tuple[dict[str, Any] | None, list[NewSecret], list[str]]:
    """Fill in accounts and take out keys of `mountVolumes`.

    Args:
        mount_volumes: the section of the file, or None.
        account: what flags or environment say.
        extra: volumes to add.
        namespace: of the object, where a file server must be.

    Returns:
        The section for the object, the Secrets to make, and warnings.

    Raises:
        InvalidSpecError: a placeholder without a value, an account that nothing tells.
    """
    volumes = copy.deepcopy(mount_volumes) or {}
    _add_mounts(volumes, account, extra, namespace)
    drafts: dict[str, NewSecret] = {}
    warnings: list[str] = []
    for path, volume in _storage_volumes(volumes):
        _fill_account(path, volume, account)
        name, key = volume["accountName"], _take_key(path, volume, account)
        if key is None and name == account.name and "credentials" not in volume:
            key = account.key
        if key is None:
            continue
        # A key typed for this command, even through a placeholder, is newer than what is stored.
        draft = _storage_draft(name, key, given=key == account.key)
        if drafts.setdefault(draft.name, draft).data != draft.data:
            raise InvalidSpecError(
                f"{path}.credentials.accountKey: two different keys are given for account {name}."
            )
        if not draft.given:
            warnings.append(
                f"{path}.credentials.accountKey is kept in Secret {draft.name}, not in the object; "
                "remove it from the file."
            )
    return volumes or None, list(drafts.values()), warnings


def _storage_draft(account: str, key: str, *, given: bool) -> NewSecret:
    return NewSecret(
        name=storage_secret_name(account),
        data={"azurestorageaccountname": account, "azurestorageaccountkey": key},
        shared=True,
        given=given,
    )


def _add_mounts(
    volumes: dict[str, Any], account: StorageAccount, extra: ExtraMounts, namespace: str
) -> None:
    for wanted, path, what in (
        (extra.file_server, extra.file_server_path, "File server"),
        (extra.share, extra.share_path, "Azure File share"),
        (extra.container, extra.container_path, "Azure Storage Container"),
    ):
        if wanted and not path:
            raise InvalidSpecError(f"{what} relative mount path cannot be empty.")
    if (extra.share or extra.container) and not account.name:
        raise InvalidSpecError(CONFIGURE_ACCOUNT)
    if extra.share:
        url = f"https://{account.name}.file.{account.suffix}/{extra.share}"
        volumes.setdefault("azureFileShares", []).append(
            {
                "accountName": account.name,
                "azureFileUrl": url,
                "relativeMountPath": extra.share_path,
            }
        )
    if extra.container:
        # A container has no URL that tells the cloud, and the driver would look in the public one.
        is_elsewhere = account.suffix != STORAGE_SUFFIX
        server = {"server": f"{account.name}.blob.{account.suffix}"} if is_elsewhere else {}
        volumes.setdefault("azureBlobFileSystems", []).append(
            {
                "accountName": account.name,
                "containerName": extra.container,
                **server,
                "relativeMountPath": extra.container_path,
            }
        )
    if extra.file_server:
        volumes.setdefault("fileServers", []).append(
            {
                "fileServer": {"id": _file_server(extra.file_server, namespace)},
                "relativeMountPath": extra.file_server_path,
                "mountOptions": "rw",
            }
        )


def _file_server(reference: str, namespace: str) -> str:
    """Return a file server's name or resource id, which must be one of this namespace."""
    group = id_segment(reference, "resourceGroups")
    if group and group.lower() != namespace.lower():
        raise InvalidSpecError(
            f"--nfs: file server {reference} lies in resource group {group}, but what mounts it in "
            f"namespace {namespace}; both must be the same."
        )
    return reference.rstrip("/")


def _storage_volumes(volumes: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("azureFileShares", "azureBlobFileSystems"):
        for index, volume in enumerate(volumes.get(kind) or []):
            # Anything else than an object is left for the models to refuse.
            if isinstance(volume, dict):
                yield f"mountVolumes.{kind}[{index}]", volume


def _fill_account(path: str, volume: dict[str, Any], account: StorageAccount) -> None:
    for member in ("accountName", "azureFileUrl"):
        text = volume.get(member)
        if isinstance(text, str) and ACCOUNT_PLACEHOLDER in text:
            if not account.name:
                raise InvalidSpecError(
                    f"{path}.{member} contains {ACCOUNT_PLACEHOLDER}. {CONFIGURE_ACCOUNT}",
                    field=f"{path}.{member}",
                )
            volume[member] = text.replace(ACCOUNT_PLACEHOLDER, account.name)
    if volume.get("accountName"):
        return
    if "azureFileUrl" not in volume:
        raise InvalidSpecError(
            f"{path}.accountName is missing: no account name provided.", field=f"{path}.accountName"
        )
    try:
        host = urlsplit(volume["azureFileUrl"]).hostname
    except ValueError:  # such as a bracket that is not closed
        host = None
    if not host:
        raise InvalidSpecError(
            f"{path}.azureFileUrl names no account; expected https://ACCOUNT.file.{STORAGE_SUFFIX}/SHARE.",
            field=f"{path}.azureFileUrl",
        )
    volume["accountName"] = host.split(".")[0]


def _take_key(path: str, volume: dict[str, Any], account: StorageAccount) -> str | None:
    """Remove the key from a volume's credentials and return it."""
    credentials = volume.get("credentials")
    if not isinstance(credentials, dict):
        volume.pop("credentials", None)
        return None
    key = credentials.pop("accountKey", None)
    # Empty credentials, as a GET of the old service returned them, mean the account's own Secret.
    if not any(credentials.values()):
        del volume["credentials"]
    if key and KEY_PLACEHOLDER in key:
        if not account.key and account.name and account.name == volume["accountName"]:
            return None  # The named account's own Secret has it, or its absence is told.
        if not account.key:
            raise InvalidSpecError(
                f"{path}.credentials.accountKey contains {KEY_PLACEHOLDER}. {CONFIGURE_KEY} Or "
                "remove `credentials` and keep the key in Secret "
                f"{storage_secret_name(volume['accountName'])}.",
                field=f"{path}.credentials.accountKey",
            )
        if account.name not in {None, volume["accountName"]}:
            # Its Secret serves other jobs, and would be overwritten with a key that is not its own.
            raise InvalidSpecError(
                f"{path}.credentials.accountKey: {KEY_PLACEHOLDER} stands for the key of account "
                f"{account.name}, but the volume is of account {volume['accountName']}. Remove "
                "`credentials` and keep the key in Secret "
                f"{storage_secret_name(volume['accountName'])}.",
                field=f"{path}.credentials.accountKey",
            )
        key = key.replace(KEY_PLACEHOLDER, account.key)
    return str(key) if key else None
