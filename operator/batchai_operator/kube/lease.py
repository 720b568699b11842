"""The Lease by which one operator of several works, on plain dicts.

Made by `wiring`, driven by the official client's `LeaderElection`. It stands in for the client's
own `LeaseLock`, which lets a broken connection end the election, imports model classes and cannot
give the Lease back: `release` empties the holder, so that the next one need not wait.
"""

import math
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from batchai_operator.engine.ports import LEASES, Object
from batchai_operator.errors import BatchAIError, NotFoundError
from batchai_operator.kube.client import KubeClient


class Lease(BaseLock):  # type: ignore[misc]  # the client has no types
    """One Lease object and our candidature for it.

    Attributes:
        identity: who we are; a Pod's name, so that a restarted container goes on at once.
        seen: when it last answered: a look while somebody else holds it, a renewal of ours.
    """

    def __init__(self, client: KubeClient, name: str, namespace: str, identity: str) -> None:
        super().__init__(name, namespace, identity)
        self.seen: datetime | None = None
        self._client = client
        self._lease: Object = {}

    async def get(self, name: str, namespace: str) -> tuple[bool, Any]:
        """Return (True, record) or (False, exception), as the election expects it."""
        try:
            self._lease = await self._client.get(LEASES, name, namespace)
        except NotFoundError as error:
            # The election creates the Lease on exactly this body, and on nothing else.
            absent = ApiException(status=404, reason=str(error))
            absent.body = '{"code": 404}'
            return False, absent
        except BatchAIError as error:
            return False, ApiException(status=0, reason=str(error))
        spec = self._lease.get("spec") or {}
        if spec.get("holderIdentity") != self.identity:
            self.seen = datetime.now(UTC)
        seconds = spec.get("leaseDurationSeconds")
        return True, LeaderElectionRecord(
            spec.get("holderIdentity") or None,
            str(seconds) if seconds else None,
            spec.get("acquireTime"),
            spec.get("renewTime"),
        )

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        """Create the Lease as ours; False when somebody was faster or the server did not answer."""
        body = {
            "metadata": {"name": name, "namespace": namespace},
            "spec": self._spec(election_record),
        }
        try:
            await self._client.create(LEASES, body)
        except BatchAIError:
            return False
        self.seen = datetime.now(UTC)
        return True

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        """Take or renew the Lease at the version that was read; False when that failed."""
        del name, namespace
        try:
            await self._client.replace(LEASES, {**self._lease, "spec": self._spec(updated_record)})
        except BatchAIError:
            return False
        self.seen = datetime.now(UTC)
        return True

    async def release(self) -> None:
        """Give the Lease back if it is ours; failing to only makes the next one wait.

        Raises:
            BatchAIError: the server did not answer, or somebody else has taken it meanwhile.
        """
        lease = await self._client.get(LEASES, self.name, self.namespace)
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") == self.identity:
            await self._client.replace(LEASES, {**lease, "spec": {**spec, "holderIdentity": ""}})

    def _spec(self, record: LeaderElectionRecord) -> Object:
        old = self._lease.get("spec") or {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = old.get("holderIdentity") == self.identity
        transitions = int(old.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": math.ceil(float(record.lease_duration)),
            "acquireTime": old.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or not old else transitions + 1,
        }
