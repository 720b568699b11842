"""Tells people and programs what a pass found: one status write, then the Events that go with it.

Called last by the reconcilers. An Event is written only after the status it explains was, and once;
failing to write one is logged and forgotten, because Events are hints and the status is the truth.
"""

import logging
from collections.abc import Iterable

from batchai_operator.engine.ports import Object, ObjectStore, Resource
from batchai_operator.engine.reconcile.inbox import Inbox
from batchai_operator.errors import BatchAIError, NotFoundError, RejectedError
from batchai_operator.planner.plan import Event

logger = logging.getLogger(__name__)


class Reporter:
    """Writes status and Events.

    Args:
        store: the API server.
        inbox: told of the answer, so that the next pass knows it.
    """

    def __init__(self, store: ObjectStore, inbox: Inbox) -> None:
        self._store = store
        self._inbox = inbox

    async def report(
        self, resource: Resource, obj: Object, status: Object | None, events: Iterable[Event]
    ) -> None:
        """Write a new status if there is one, then the Events.

        Args:
            resource: kind of the object.
            obj: the version that the status was made from.
            status: complete new status; None, or the same as before, writes nothing.
            events: what to tell besides.

        Raises:
            ConflictError: the object has changed meanwhile; nothing was written.
            RejectedError: the status does not fit its schema; an Event says so.
            UnavailableError: no answer.
        """
        if status is not None and status != (obj.get("status") or {}):
            try:
                written = await self._store.replace_status(resource, obj, status)
            except NotFoundError:
                # Deleted while we looked. The watch will say so too, unless it has lost that.
                self._inbox.gone(resource, obj)
                return
            except RejectedError as error:
                # A mistake of ours, but the one who waits for the job must hear of it.
                await self._record(obj, Event("Warning", "StatusRefused", str(error)))
                raise
            self._inbox.wrote(resource, written)
            state = (
                status.get("executionState")
                or status.get("allocationState")
                or status.get("provisioningState")
            )
            logger.info(
                "%s %s/%s: %s%s",
                resource.kind,
                obj["metadata"]["namespace"],
                obj["metadata"]["name"],
                state,
                f", {status['message']}" if status.get("message") else "",
            )
        for event in events:
            await self._record(obj, event)

    async def _record(self, obj: Object, event: Event) -> None:
        try:
            await self._store.record(obj, event.type, event.reason, event.message)
        except BatchAIError as error:
            logger.warning("Event %s was not written: %s", event.reason, error)
