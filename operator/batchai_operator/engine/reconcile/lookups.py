"""Facts that are asked for when they are needed, instead of being watched.

Called by the job reconciler before Pods are made. Secrets are read one by one by name, so that the
operator needs no right to list them and no copy of a key stays in memory; nodes and namespaces
change seldom and are remembered for a minute.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Generic, TypeVar

from batchai_operator.engine.ports import NAMESPACES, NODES, SECRETS, Clock, Object, ObjectStore
from batchai_operator.errors import ForbiddenError, NotFoundError
from batchai_operator.planner.facts import NodeCapacity, SecretFacts

REMEMBERED = timedelta(minutes=1)
"""How old facts about nodes and namespaces may be."""

_ACCOUNT_KEYS = ("azurestorageaccountname", "accountname")
_INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"
_SUFFIXES = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}

V = TypeVar("V")


class _Remembered(Generic[V]):
    """Values that are good for `REMEMBERED`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[datetime, V]] = {}

    def get(self, key: str) -> tuple[V] | None:
        found = self._values.get(key)
        if found is None or self._clock() - found[0] > REMEMBERED:
            return None
        return (found[1],)

    def put(self, key: str, value: V) -> V:
        self._values[key] = (self._clock(), value)
        return value


class Lookups:
    """Reads Secrets, nodes and namespaces.

    Args:
        store: the API server.
        gpu_resource: extended resource that stands for a GPU.
        clock: tells when a remembered fact is too old.
        reads_nodes: whether nodes are asked for; an operator of one namespace may not.
    """

    def __init__(
        self, store: ObjectStore, gpu_resource: str, clock: Clock, *, reads_nodes: bool
    ) -> None:
        self._store = store
        self._reads_nodes = reads_nodes
        self._gpu_resource = gpu_resource
        self._capacities: _Remembered[NodeCapacity | None] = _Remembered(clock)
        self._annotations: _Remembered[Mapping[str, str]] = _Remembered(clock)

    async def secrets(self, namespace: str, wanted: Iterable[str]) -> dict[str, SecretFacts | None]:
        """Look up Secrets; never the values of their keys, except a storage account's name.

        Args:
            namespace: of the job.
            wanted: names of Secrets.

        Returns:
            Facts by name, None where there is no such Secret.

        Raises:
            UnavailableError: no answer.
            ForbiddenError: no right to read Secrets in that namespace.
        """
        found: dict[str, SecretFacts | None] = {}
        for name in sorted(wanted):
            try:
                found[name] = _secret_facts(await self._store.get(SECRETS, name, namespace))
            except NotFoundError:
                found[name] = None
        return found

    async def capacity(self, vm_size: str) -> NodeCapacity | None:
        """Return what the smallest node of a VM size can give, None when no node carries the size.

        The letter case of the size does not matter (spec 8); clouds label nodes in their own.

        An operator bound to one namespace does not list nodes, and one that may not does without;
        then only the table of sizes counts.

        Raises:
            UnavailableError: no answer.
        """
        if not self._reads_nodes:
            return None
        key = vm_size.casefold()
        known = self._capacities.get(key)
        if known is not None:
            return known[0]
        try:
            nodes = await self._store.list(NODES, labels=f"{_INSTANCE_TYPE_LABEL}={vm_size}")
            if not nodes:
                labelled = await self._store.list(NODES, labels=_INSTANCE_TYPE_LABEL)
                nodes = [node for node in labelled if _size_of(node).casefold() == key]
        except ForbiddenError:
            nodes = []
        return self._capacities.put(key, _smallest(nodes, self._gpu_resource))

    async def annotations(self, namespace: str) -> Mapping[str, str]:
        """Return the annotations of a namespace; none where it may not be read.

        Raises:
            UnavailableError: no answer.
        """
        known = self._annotations.get(namespace)
        if known is not None:
            return known[0]
        try:
            found = await self._store.get(NAMESPACES, namespace)
        except (ForbiddenError, NotFoundError):
            return self._annotations.put(namespace, {})
        return self._annotations.put(namespace, found["metadata"].get("annotations") or {})


def _secret_facts(secret: Object) -> SecretFacts:
    data = secret.get("data") or {}
    encoded = next((data[key] for key in _ACCOUNT_KEYS if key in data), None)
    account = None
    if encoded is not None:
        try:
            account = base64.b64decode(encoded, validate=True).decode("utf-8").strip()
        except (binascii.Error, UnicodeDecodeError):
            account = None
    values = {key: _decoded(text) for key, text in data.items()}
    return SecretFacts(
        name=secret["metadata"]["name"],
        keys=frozenset(data),
        account=account,
        sizes={key: len(value) for key, value in values.items()},
        no_text=frozenset(key for key, value in values.items() if not _is_text(value)),
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in value


def _smallest(nodes: list[Object], gpu_resource: str) -> NodeCapacity | None:
    """Return what every one of the nodes can give, so that a Pod fits whichever is free.

    Nodes that take no Pods now do not count unless there are no others. GPUs are as many as the
    best node has: one that has fewer than its size has lost them, or not announced them yet.
    """
    if not nodes:
        return None
    usable = [node for node in nodes if _is_usable(node)] or nodes
    offers = [(node.get("status") or {}).get("allocatable") or {} for node in usable]
    least = {
        resource: min((str(offer.get(resource, "0")) for offer in offers), key=_number)
        for resource in ("cpu", "memory")
    }
    gpus = max(int(_number(str(offer.get(gpu_resource, "0")))) for offer in offers)
    return NodeCapacity(least["cpu"], least["memory"], gpus, _size_of(usable[0]))


def _size_of(node: Object) -> str:
    return str((node["metadata"].get("labels") or {}).get(_INSTANCE_TYPE_LABEL, ""))


def _is_usable(node: Object) -> bool:
    """Tell whether a node takes Pods: it is ready, not cordoned and not being deleted."""
    if node["metadata"].get("deletionTimestamp") or (node.get("spec") or {}).get("unschedulable"):
        return False
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = next((c.get("status") for c in conditions if c.get("type") == "Ready"), "True")
    return bool(ready == "True")


def _number(quantity: str) -> Decimal:
    """Return a Kubernetes quantity as a number; 0 for what is none."""
    digits = quantity.rstrip("kKmMGTi")
    try:
        return Decimal(digits) * _SUFFIXES[quantity[len(digits) :]]
    except (InvalidOperation, KeyError):
        return Decimal(0)
