"""Puts the operator process together.

Called by `main`. It makes things and connects them; it starts nothing and decides nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import kopf

from batchai_operator.engine.reconcile.controller import Controller
from batchai_operator.handlers.probes import Probes
from batchai_operator.kube.access import Access, load_access
from batchai_operator.kube.client import KubeClient
from batchai_operator.kube.election import REQUEST_SECONDS, Election
from batchai_operator.kube.lease import Lease
from batchai_operator.settings import Settings
from batchai_operator.storage.given import GivenAccount


@dataclass(frozen=True)
class Operator:
    """The parts of the operator process.

    Attributes:
        controller: reconciles.
        election: decides whether we may.
        probes: tell how it goes.
        login: address and credentials for kopf's watches.
    """

    controller: Controller
    election: Election
    probes: Probes
    login: Callable[[], Awaitable[kopf.ConnectionInfo]]


@asynccontextmanager
async def operator(settings: Settings) -> AsyncIterator[Operator]:
    """Make the parts of the operator; they are connected and idle.

    Raises:
        UnavailableError: there is no usable configuration.
    """

    async def access() -> Access:
        return await load_access(settings.kubeconfig or None, settings.context or None)

    async def login() -> kopf.ConnectionInfo:
        return _connection_info(await access())

    found = await access()
    async with (
        KubeClient(found) as client,
        KubeClient(found, timeout=REQUEST_SECONDS) as lease_client,
    ):
        controller = Controller(client, settings, lambda: datetime.now(UTC), GivenAccount(settings))
        lease = Lease(
            lease_client,
            settings.lease_name,
            settings.lease_namespace or found.default_namespace,
            settings.pod_name,
        )
        election = Election(lease)

        def requests() -> Mapping[tuple[str, str], int]:
            return dict(client.requests) | dict(lease_client.requests)

        probes = Probes(controller.health, election, requests)
        yield Operator(controller, election, probes, login)


def _connection_info(access: Access) -> kopf.ConnectionInfo:
    """Say in kopf's words what the client's configuration says."""
    configuration = access.configuration
    bearer = configuration.api_key.get("BearerToken", "")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        token=bearer.split(" ", maxsplit=1)[-1].strip() or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
        default_namespace=access.default_namespace,
    )
