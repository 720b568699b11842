"""Opens folders of blob storage with the caller's own rights to the account's Secret.

Called by the origins of files (outputs.py, volumefiles.py). Whoever may not read the Secret, or
whose Secret has neither key nor SAS, gets no folder and reads through a Pod, which mounts it.
"""

import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from batchai_operator.engine.files.blobfiles import BlobFolder
from batchai_operator.engine.ports import SECRETS, ObjectStore
from batchai_operator.engine.storageports import BlobCredential, OpenContainer
from batchai_operator.errors import ForbiddenError, NotFoundError

if TYPE_CHECKING:  # Many a job has no container.
    from batchai_operator.planner.files.blobplaces import BlobPlace

DEFAULT_MINUTES = 60
"""How long links work unless the user says otherwise (spec 6.1)."""


class Straight:
    """Containers that are open, until `close`.

    Args:
        store: the API server.
        open_container: of `wiring`; None where blobs are read through Pods only.
        announce: told why storage itself cannot be asked.
        minutes: how long links to files work.
        must_exist: folders in which nothing is are not there (`BlobFolder`).
    """

    def __init__(
        self,
        store: ObjectStore,
        open_container: OpenContainer | None,
        announce: Callable[[str], None],
        minutes: int = DEFAULT_MINUTES,
        *,
        must_exist: bool = False,
    ) -> None:
        self._store, self._open = store, open_container
        self.announce, self._minutes, self._must_exist = announce, minutes, must_exist
        self._stack = AsyncExitStack()
        self._folders: dict[tuple[str, BlobPlace], BlobFolder | None] = {}
        self._given_up = False

    async def folder(self, namespace: str, place: "BlobPlace | None") -> BlobFolder | None:
        """Return a folder of storage itself, if the caller may have it."""
        if place is None or not self.is_possible:
            return None
        if (namespace, place) not in self._folders:
            self._folders[namespace, place] = await self._folder(namespace, place)
        return self._folders[namespace, place]

    @property
    def is_possible(self) -> bool:
        """Whether storage itself can be asked at all."""
        return self._open is not None and not self._given_up

    def give_up(self, reason: object) -> None:
        """Read through Pods from now on."""
        self._given_up = True
        self.announce(f"{reason} The files are read through a Pod.")

    async def close(self) -> None:
        """Close all connections to storage."""
        await self._stack.aclose()

    async def _folder(self, namespace: str, place: "BlobPlace") -> BlobFolder | None:
        credential = await self._credential(namespace, place)
        if credential is None or self._open is None:
            return None
        opening = self._open(place.url, place.container, credential)
        if opening is None:
            return None
        container = await self._stack.enter_async_context(opening)
        return BlobFolder(container, place.prefix, self._minutes, must_exist=self._must_exist)

    async def _credential(self, namespace: str, place: "BlobPlace") -> BlobCredential | None:
        """Read key or SAS; those of another account than the volume names are none (design 5)."""
        try:
            secret = await self._store.get(SECRETS, place.secret, namespace)
        except (ForbiddenError, NotFoundError):
            return None
        values = {
            name.lower(): base64.b64decode(value).decode("utf-8", "replace").strip()
            for name, value in (secret.get("data") or {}).items()
        }
        account = values.get("azurestorageaccountname") or values.get("accountname")
        key = values.get("azurestorageaccountkey") or values.get("accountkey") or ""
        signature = values.get("azurestorageaccountsastoken", "").removeprefix("?")
        if account != place.account or not (key or signature):
            return None
        return BlobCredential(account, key, "" if key else signature)
