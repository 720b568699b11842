"""Warns of storage accounts whose key is nowhere: neither given nor in the namespace (spec 6.3).

Called by the commands that create. The old command line looked the key up in the subscription and
refused what it did not find; here the Secret may come a moment later, so this is no error.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from batchai_operator.cli.documents.completion import storage_secret_name
from batchai_operator.cli.session import warn
from batchai_operator.engine.commands.secrets import NewSecret
from batchai_operator.engine.ports import SECRETS, ObjectStore
from batchai_operator.errors import ForbiddenError, NotFoundError


async def warn_of_missing_keys(
    store: ObjectStore,
    namespace: str,
    mount_volumes: Mapping[str, Any] | None,
    made: Collection[NewSecret],
) -> None:
    """Look for the Secrets that volumes will be mounted with, and tell of those that are not there.

    Args:
        store: the API server.
        namespace: of the object.
        mount_volumes: of the object that is about to be created.
        made: Secrets that are made with it.
    """
    coming = {secret.name for secret in made}
    for account, name in dict(_expected(mount_volumes or {})).items():
        if name in coming:
            continue
        try:
            await store.get(SECRETS, name, namespace)
        except NotFoundError:
            warn(
                f"Secret {name} with the key of storage account {account} does not exist in "
                f"namespace {namespace}; a job that mounts it fails after a moment. Give "
                f"--storage-account-key, or make it: kubectl create secret generic {name} "
                f"-n {namespace} --from-literal=azurestorageaccountname={account} "
                "--from-literal=azurestorageaccountkey=KEY"
            )
        except ForbiddenError:
            # Who may not look may still use it.
            return


def _expected(mount_volumes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("azureFileShares", "azureBlobFileSystems"):
        for volume in mount_volumes.get(kind) or ():
            reference = (volume.get("credentials") or {}).get("secretRef") or {}
            account = str(volume["accountName"])
            yield account, str(reference.get("name") or storage_secret_name(account))
