"""Requests to the API server and the wrong answers that a plan gives to some of them.

Used by the fault proxy and the tests that plan faults. Pure, except for the seeded dice.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from support.api import Raw

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_APART = frozenset({"leases", "events"})
_PATH = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+(?=/))?"
    r"/(?P<resource>[^/?]+)(?:/(?P<name>[^/?]+))?(?:/(?P<sub>[^/?]+))?(?:\?(?P<query>.*))?"
)


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        method: of HTTP.
        resource: plural, or `plural/subresource`.
        name: of the object; for a POST known only once it is stored.
        is_watch: whether it is a stream that stays open.
        metadata: of the object that was stored, empty before.
    """

    method: str
    resource: str
    name: str = ""
    is_watch: bool = False
    metadata: Raw | None = None

    @classmethod
    def of(cls, method: str, path: str) -> "Call":
        """Read a request's path."""
        found = _PATH.fullmatch(path)
        if found is None:
            return cls(method, "discovery", path)
        resource = "/".join(filter(None, (found["resource"], found["sub"])))
        is_watch = "watch=true" in (found["query"] or "")
        return cls(method, resource, found["name"] or "", is_watch)

    @property
    def counts(self) -> bool:
        """Whether it is one of the writes that the tests count."""
        return self.method in _WRITING and self.resource not in _APART

    def __str__(self) -> str:
        return f"{self.method} {self.resource} {self.name}"


def stored(call: Call, answer: Raw) -> Call:
    """Return a write with what the API server says about the object."""
    metadata = answer.get("metadata") or {}
    return replace(call, name=call.name or metadata.get("name", ""), metadata=metadata)


@dataclass(frozen=True)
class Fault:
    """A wrong answer.

    Attributes:
        status: of HTTP.
        reason: Kubernetes' word for it.
        retry_after: seconds in the header of that name.
        is_stored: the request is forwarded first, so that it happens and its answer is lost.
    """

    status: int
    reason: str
    retry_after: int = 0
    is_stored: bool = False

    def body(self) -> Raw:
        """Return the answer as the API server words it."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": self.reason,
            "message": f"thrown in by the test: {self.reason}",
            "code": self.status,
        }


Plan = Callable[[Call], Fault | None]
"""Says which requests are answered wrongly."""

OVERLOAD = Fault(429, "TooManyRequests", retry_after=1)
ERROR = Fault(500, "InternalError")
CONFLICT = Fault(409, "Conflict")
EXPIRED = {"type": "ERROR", "object": Fault(410, "Expired").body()}
"""The event by which a watch learns that its place in history is forgotten."""
LOST = Fault(500, "InternalError", is_stored=True)


def no_faults(_: Call) -> Fault | None:
    """Answer everything rightly."""
    return None


def seeded(seed: int, share: float) -> Plan:
    """Return a plan that answers about a share of all requests wrongly, Leases apart.

    Reads and watches get 429 and 500; writes also 409, and answers that get lost.
    """
    dice = random.Random(seed)  # noqa: S311 (repeatable chance, no secret)

    def plan(call: Call) -> Fault | None:
        hit, kind = dice.random() < share, dice.random()
        if call.resource == "leases" or not hit:
            return None
        if call.method == "GET":
            return OVERLOAD if kind < 0.5 else ERROR
        return (CONFLICT, OVERLOAD, ERROR, LOST)[int(kind * 4)]

    return plan
