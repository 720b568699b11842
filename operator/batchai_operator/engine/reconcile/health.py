"""How the operator is, as the probes and the metrics tell it.

Made by the controller, read by the handlers.
"""

from dataclasses import dataclass

from batchai_operator.engine.reconcile.queue import Counts


@dataclass
class Health:
    """What the probes and metrics tell; every figure is taken at the moment it is asked for.

    Attributes:
        synced: every kind has been listed since the start.
        resync_age: seconds since all kinds were listed last, None before the first time.
        event_age: seconds since a watch delivered anything, None before the first time.
        echo_age: seconds for which a write of ours has not come back through a watch.
        queue_depth: tasks that wait for a worker.
        queue_oldest: seconds for which the oldest task has been waiting or worked on.
        retrying: tasks whose last try failed.
        delayed: tasks that are to be looked at later.
        counts: of the queue since the start.
        known: objects in the cache by plural.
    """

    synced: bool
    resync_age: float | None
    event_age: float | None
    echo_age: float
    queue_depth: int
    queue_oldest: float
    retrying: int
    delayed: int
    counts: Counts
    known: dict[str, int]
