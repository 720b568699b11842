"""One pass over one file server: see that what runs it is there, then its own status.

Called by the controller for each task of kind `fileserver`. Its Deployment is watched; claim and
Service are asked for in each pass, and passes are few: the file server or its Deployment changed.
It knows nothing of jobs; the inbox wakes those that wait when the status tells an address.
"""

from batchai_operator.engine.ports import (
    CLAIMS,
    DEPLOYMENTS,
    FILE_SERVERS,
    SERVICES,
    Clock,
    Object,
    ObjectStore,
    Resource,
)
from batchai_operator.engine.reconcile.cache import Cache
from batchai_operator.engine.reconcile.inbox import Inbox
from batchai_operator.engine.reconcile.report import Reporter
from batchai_operator.engine.reconcile.table import Key, name_of
from batchai_operator.errors import ConflictError, ForbiddenError, NotFoundError, RejectedError
from batchai_operator.planner.facts import FileServerFacts
from batchai_operator.planner.fileservers.children import child_name, used_claim
from batchai_operator.planner.fileservers.fileserver import plan_file_server
from batchai_operator.planner.plan import FileServerPlan
from batchai_operator.settings import Settings

_CHILDREN = {resource.kind: resource for resource in (CLAIMS, SERVICES)}


class FileServerReconciler:
    """Brings one file server at a time closer to what its spec says.

    Args:
        cache: what is known.
        store: the API server.
        inbox: told of every answer, so that the next pass knows it.
        reporter: writes status and Events.
        settings: of the operator.
        clock: what time it is, for the planner.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        store: ObjectStore,
        inbox: Inbox,
        reporter: Reporter,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._store = store
        self._inbox = inbox
        self._reporter = reporter
        self._settings = settings
        self._clock = clock

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass.

        Args:
            key: namespace and name of a file server.

        Returns:
            Seconds after which to look again although nothing happens, or None.

        Raises:
            BatchAIError: the pass is incomplete; the same call again goes on where it ended.
        """
        server = self._cache.file_servers.by_name(key)
        if server is None or server["metadata"].get("deletionTimestamp"):
            # Owner references remove what runs it.
            return None
        plan = plan_file_server(await self._observe(server))
        refusal = ""
        if plan.create or plan.apply:
            refusal = await self._apply(server, plan)
            # What was made has an address by now, which the status tells.
            plan = plan_file_server(await self._observe(server, refusal))
        await self._reporter.report(FILE_SERVERS, server, plan.status, plan.events)
        return plan.requeue_after

    async def _observe(self, server: Object, refusal: str = "") -> FileServerFacts:
        namespace, name = server["metadata"]["namespace"], child_name(server)
        used = used_claim(server)
        claim = await self._find(CLAIMS, used, server) if used else None
        service = await self._find(SERVICES, name, server) if used else None
        deployment = self._cache.deployments.by_name((namespace, name))
        return FileServerFacts(
            server=server,
            claim=claim if used != name or _owns(server, claim) else None,
            service=service if _owns(server, service) else None,
            deployment=deployment if _owns(server, deployment) else None,
            settings=self._settings,
            now=self._clock(),
            refusal=refusal,
        )

    async def _find(self, resource: Resource, name: str, server: Object) -> Object | None:
        try:
            return await self._store.get(resource, name, server["metadata"]["namespace"])
        except NotFoundError:
            return None

    async def _apply(self, server: Object, plan: FileServerPlan) -> str:
        """Make what is missing; return why the API server refused it, if it did."""
        try:
            for child in plan.create:
                await self._create(server, child)
            for child in plan.apply:
                await self._replace(server, child)
        except (ForbiddenError, RejectedError) as error:
            return str(error)
        return ""

    async def _create(self, server: Object, child: Object) -> None:
        resource = _CHILDREN[child["kind"]]
        try:
            await self._store.create(resource, child)
        except ConflictError as error:
            found = await self._find(resource, child["metadata"]["name"], server)
            if not _owns(server, found):
                raise _taken(child) from error

    async def _replace(self, server: Object, child: Object) -> None:
        known = self._cache.deployments.by_name(name_of(child))
        if known is not None and not _owns(server, known):
            raise _taken(child)
        self._inbox.wrote(DEPLOYMENTS, await self._store.apply(DEPLOYMENTS, child))


def _owns(server: Object, child: Object | None) -> bool:
    owners = (child or {"metadata": {}})["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == server["metadata"]["uid"] for owner in owners)


def _taken(child: Object) -> RejectedError:
    return RejectedError(
        f"{child['kind']} {child['metadata']['name']} exists and does not belong to this file "
        "server; delete it, then the file server goes on."
    )
