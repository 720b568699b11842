"""Looks after the auto-storage of clusters: makes what is missing and remembers what it found.

Asked by the cluster pass, which it has repeated when there is news. Storage may take a minute to
refuse, so the work is done in a queue of its own with few workers, and no pass ever waits for it.
Nothing is done per job, and nothing is ever deleted. What it remembers is found again by looking,
so a restart writes nothing.
"""

import base64
from collections.abc import Callable

from batchai_operator.engine.ports import CLAIMS, SECRETS, Object, ObjectStore
from batchai_operator.engine.reconcile.cache import Cache
from batchai_operator.engine.reconcile.queue import WorkQueue
from batchai_operator.engine.reconcile.table import Key, name_of
from batchai_operator.engine.storageports import StorageAccount
from batchai_operator.errors import (
    ForbiddenError,
    NotFoundError,
    RejectedError,
    StorageError,
)
from batchai_operator.planner.facts import AutoStorageFacts
from batchai_operator.planner.volumes import autostorage
from batchai_operator.settings import Settings

WORKERS = 2
"""Accounts and claims looked after at a time."""

AGAIN_SECONDS = 600.0
"""How old the news may be: after that, share, container and key are looked at again."""

UNBOUND_SECONDS = 15.0
"""Pause between two looks at claims that are not bound."""


class AutoStorage:
    """What is known of the auto-storage of each cluster, and the work of making it.

    Args:
        cache: the clusters.
        store: the API server.
        account: the operator's storage account.
        settings: of the operator.
        tell: has a cluster looked at because there is news of its storage.

    Attributes:
        queue: clusters to be looked after; whoever runs the operator runs it.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        store: ObjectStore,
        account: StorageAccount,
        settings: Settings,
        tell: Callable[[Key], None],
    ) -> None:
        self._cache = cache
        self._store = store
        self._account = account
        self._settings = settings
        self._tell = tell
        self._known: dict[Key, tuple[str, AutoStorageFacts]] = {}
        # With the uid, because a cluster may go and come again between two passes.
        self._asked: dict[Key, str] = {}
        self.queue: WorkQueue[Key] = WorkQueue(self._work)

    def look(self, key: Key, cluster: Object) -> AutoStorageFacts | None:
        """Return what is known of a cluster's auto-storage, and have it looked after.

        Args:
            key: of the cluster.
            cluster: the BatchAICluster.

        Returns:
            None when nobody has looked yet.
        """
        if autostorage.obstacle(key[0], self._settings) is not None:
            self.forget(key)
            return None
        wanted = cluster["metadata"]["uid"]
        if self._asked.get(key) != wanted:
            self._asked[key] = wanted
            self.queue.add(key)
        uid, found = self._known.get(key, ("", None))
        return found if uid == wanted else None

    def forget(self, key: Key) -> None:
        """Forget a cluster that is gone, or has no auto-storage."""
        self._known.pop(key, None)
        self._asked.pop(key, None)
        self.queue.forget(key)

    async def _work(self, key: Key) -> float | None:
        """Make a cluster's auto-storage; return when to look again."""
        cluster = self._cache.clusters.by_name(key)
        if cluster is None or key not in self._asked:
            return None
        try:
            if self._settings.auto_storage.backend == "account":
                found, again = await self._in_account(cluster), AGAIN_SECONDS
            else:
                found, again = await self._by_claims(key[0])
        except (ForbiddenError, RejectedError) as error:
            # A quota or a policy; nothing tells when it has changed.
            self._note(key, cluster, AutoStorageFacts(None, "Forbidden", _sentence(error)))
            raise
        except StorageError as error:
            self._note(key, cluster, AutoStorageFacts(None, error.reason, _sentence(error)))
            raise
        # An API server that is away, or another cluster's pass that was faster, says nothing of
        # storage; the queue tries again.
        self._note(key, cluster, found)
        return again

    def _note(self, key: Key, cluster: Object, found: AutoStorageFacts) -> None:
        uid = cluster["metadata"]["uid"]
        if key in self._asked and self._known.get(key) != (uid, found):
            self._known[key] = uid, found
            self._tell(key)

    async def _in_account(self, cluster: Object) -> AutoStorageFacts:
        namespace = cluster["metadata"]["namespace"]
        account, secret_key = self._account.credentials()
        share, container = autostorage.storage_names(namespace, self._settings)
        await self._account.ensure(share, container)
        secret = autostorage.account_secret(cluster, account, secret_key)
        await self._keep_secret(secret)
        place = autostorage.account_place(
            namespace, self._settings, account, secret["metadata"]["name"]
        )
        message = f"Share {share} and container {container} of storage account {account}."
        return AutoStorageFacts(place, "Ready", message)

    async def _keep_secret(self, secret: Object) -> None:
        """Have a Secret, unless it is there; one of that name with another content is no use."""
        namespace, name = name_of(secret)
        try:
            found = await self._store.get(SECRETS, name, namespace)
        except NotFoundError:
            # Whoever was faster with a Secret of this name is told apart by the next look.
            await self._store.create(SECRETS, secret)
            return
        wanted = secret["stringData"]
        held = found.get("data") or {}
        if any(held.get(each) != _encoded(value) for each, value in wanted.items()):
            raise StorageError(
                f"Secret {name} exists and holds something else than the operator's account; "
                "delete it.",
                reason="SecretTaken",
            )

    async def _by_claims(self, namespace: str) -> tuple[AutoStorageFacts, float]:
        unbound = []
        for claim in autostorage.claims(namespace, self._settings.auto_storage):
            name = claim["metadata"]["name"]
            try:
                found = await self._store.get(CLAIMS, name, namespace)
            except NotFoundError:
                found = await self._store.create(CLAIMS, claim)
            phase = str((found.get("status") or {}).get("phase") or "Pending")
            if found["metadata"].get("deletionTimestamp") or phase == "Lost":
                state = "is being deleted" if phase != "Lost" else "has lost its volume"
                raise StorageError(
                    f"PersistentVolumeClaim {name} {state}; delete it, then it is made anew.",
                    reason="ClaimLost",
                )
            if phase != "Bound":
                unbound.append(name)
        place = autostorage.claim_place()
        if not unbound:
            words = " and ".join(place.values())
            return AutoStorageFacts(place, "Ready", f"Claims {words} are bound."), AGAIN_SECONDS
        # A class may bind when the first Pod comes, so this keeps no job from starting.
        message = (
            f"Claims are there, {' and '.join(unbound)} not bound yet; "
            f"`kubectl describe pvc -n {namespace}` tells why."
        )
        return AutoStorageFacts(place, "NotBoundYet", message), UNBOUND_SECONDS


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith((".", "?")) else f"{text}."
