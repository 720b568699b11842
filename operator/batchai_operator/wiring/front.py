"""Connects a front, such as the command line, to one Kubernetes.

Called by `cli`. It must not import kopf or the handlers, and the client only when it connects.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batchai_operator.engine.ports import Cluster

_REQUEST_SECONDS = 30.0


@asynccontextmanager
async def connect(
    kubeconfig: str | None = None, context: str | None = None
) -> AsyncIterator[Cluster]:
    """Connect to the Kubernetes that a user means.

    Args:
        kubeconfig: file instead of `KUBECONFIG`, the Pod's service account, `~/.kube/config`.
        context: context of the kubeconfig instead of its current one.

    Raises:
        UnavailableError: there is no usable configuration.
    """
    # The client takes a fifth of a second to load, so a command that does not connect must not.
    from batchai_operator import lean  # noqa: PLC0415

    lean.leave_out_synchronous_client()
    lean.read_certificates_late()
    from batchai_operator.kube.access import load_access  # noqa: PLC0415
    from batchai_operator.kube.client import KubeClient  # noqa: PLC0415

    async with KubeClient(await load_access(kubeconfig, context), timeout=_REQUEST_SECONDS) as made:
        yield made
