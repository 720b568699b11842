"""The engine's `StorageAccount`: the account whose Secret is mounted into the operator's Pod.

Made by `wiring`. The Secret is read at each use, so that a new key is taken without a restart; the
kubelet brings it within a minute or two. Azure's library is loaded when it is first needed, because
most installations never need it and it costs the operator 25 MB.
"""

import asyncio
import importlib
from pathlib import Path

from batchai_operator.errors import StorageError
from batchai_operator.settings import Settings

_NAME_FILES = ("azurestorageaccountname", "accountname")
_KEY_FILES = ("azurestorageaccountkey", "accountkey")
# A whole look, repetitions of the SDK included.
_LONGEST_SECONDS = 45.0


class GivenAccount:
    """The operator's storage account.

    Args:
        settings: where the Secret is mounted, and the cloud's endpoints.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.auto_storage.folder)

    def credentials(self) -> tuple[str, str]:
        """Return name and key as they are now (see `StorageAccount`)."""
        return self._read(_NAME_FILES), self._read(_KEY_FILES)

    async def ensure(self, share: str, container: str) -> None:
        """Make a share and a container unless they are there (see `StorageAccount`)."""
        account, key = self.credentials()
        auto = self._settings.auto_storage
        # Loading takes a second, in which the loop has better things to do.
        making = await asyncio.to_thread(importlib.import_module, "batchai_operator.storage.making")
        suffix = auto.endpoint_suffix
        files = auto.file_endpoint or f"https://{{account}}.file.{suffix}"
        blobs = self._settings.blob_endpoint or f"https://{{account}}.blob.{suffix}"
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await making.make_share(files.replace("{account}", account), account, key, share)
                await making.make_container(
                    blobs.replace("{account}", account), account, key, container
                )
        except TimeoutError as error:
            raise StorageError(
                f"Storage account {account} did not answer in time.", reason="StorageUnavailable"
            ) from error

    def _read(self, files: tuple[str, ...]) -> str:
        secret = self._settings.auto_storage.secret or "of the operator"
        for name in files:
            try:
                text = (self._folder / name).read_text(encoding="utf-8").strip()
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise StorageError(
                    f"Secret {secret}, key {name}: {type(error).__name__}",
                    reason="StorageSecretInvalid",
                ) from error
            if text:
                return text
        raise StorageError(
            f"Secret {secret} with the key {files[0]} is not in the operator's namespace; create "
            "it with the name and the key of the storage account.",
            reason="StorageSecretMissing",
        )
