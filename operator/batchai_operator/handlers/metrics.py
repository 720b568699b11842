"""The figures of the operator in Prometheus' text format.

Called by the probes' `/metrics`. Pure; what a figure means is said in its help line, which is what
an administrator gets to see.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from batchai_operator.engine.reconcile.health import Health

_PREFIX = "batchai_operator_"


@dataclass(frozen=True)
class _Figure:
    name: str
    type: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def render(
    health: Health, requests: Mapping[tuple[str, str], int], *, leading: bool, lease_age: float
) -> str:
    """Return all figures.

    Args:
        health: of the controller.
        requests: sent to the API server, by verb and resource.
        leading: whether this process is the one that works.
        lease_age: seconds since the Lease was last seen or renewed.
    """
    return "".join(_lines(_figures(health, requests, leading=leading, lease_age=lease_age)))


def _figures(
    health: Health, requests: Mapping[tuple[str, str], int], *, leading: bool, lease_age: float
) -> Iterable[_Figure]:
    counts = health.counts
    yield _one("leader", "gauge", "1 when this process holds the Lease.", leading)
    yield _one("lease_age_seconds", "gauge", "Time since the Lease answered.", lease_age)
    yield _one("synced", "gauge", "1 when every kind has been listed.", health.synced)
    if health.resync_age is not None:
        yield _one(
            "resync_age_seconds", "gauge", "Time since everything was listed.", health.resync_age
        )
    if health.event_age is not None:
        yield _one(
            "event_age_seconds", "gauge", "Time since a watch spoke; quiet is no fault.",
            health.event_age,
        )  # fmt: skip
    yield _one(
        "echo_age_seconds", "gauge", "For how long a write has not come back by a watch.",
        health.echo_age,
    )  # fmt: skip
    yield _one("queue_depth", "gauge", "Tasks that wait for a worker.", health.queue_depth)
    yield _one(
        "queue_oldest_seconds", "gauge", "Age of the oldest task waiting or at work.",
        health.queue_oldest,
    )  # fmt: skip
    yield _one("queue_retrying", "gauge", "Tasks whose last try failed.", health.retrying)
    yield _one("queue_delayed", "gauge", "Tasks to be looked at later.", health.delayed)
    yield _one("passes_total", "counter", "Passes of reconciling.", counts.done)
    yield _one("failures_total", "counter", "Passes that failed.", counts.failed)
    yield _one("conflicts_total", "counter", "Passes overtaken by a change.", counts.conflicts)
    yield _one("busy_seconds_total", "counter", "Time spent in passes.", counts.busy_seconds)
    yield _Figure(
        "objects",
        "gauge",
        "Objects known.",
        tuple(({"resource": name}, count) for name, count in sorted(health.known.items())),
    )
    yield _Figure(
        "api_requests_total",
        "counter",
        "Requests to the API server, watches apart.",
        tuple(
            ({"verb": verb, "resource": resource}, count)
            for (verb, resource), count in sorted(requests.items())
        ),
    )
    yield _one("resident_memory_bytes", "gauge", "Memory of this process.", _resident_memory())


def _one(name: str, type_: str, help_: str, value: float) -> _Figure:
    return _Figure(name, type_, help_, (({}, value),))


def _lines(figures: Iterable[_Figure]) -> Iterable[str]:
    for figure in figures:
        name = _PREFIX + figure.name
        yield f"# HELP {name} {figure.help}\n# TYPE {name} {figure.type}\n"
        for labels, value in figure.samples:
            inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
            number = f"{float(value):.3f}".rstrip("0").rstrip(".")
            yield f"{name}{{{inside}}} {number}\n" if inside else f"{name} {number}\n"


def _resident_memory() -> int:
    # Pages of 4 KiB on every platform that this image is built for.
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
