"""Where the API server is and how we prove who we are.

Called by `wiring`, once per process. Reads a kubeconfig or the Pod's service account; makes no
request of its own (except what an exec plugin of the kubeconfig does).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from batchai_operator.errors import UnavailableError

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT_KUBECONFIG = str(Path("~/.kube/config").expanduser())


@dataclass(frozen=True)
class Access:
    """A loaded client configuration and the namespace that goes with it."""

    configuration: Any
    default_namespace: str


async def load_access(kubeconfig: str | None = None, context: str | None = None) -> Access:
    """Find the API server: a named kubeconfig, `KUBECONFIG`, the Pod we run in, `~/.kube/config`.

    Args:
        kubeconfig: path, or paths joined by colons; None looks for itself.
        context: context of the kubeconfig instead of its current one.

    Raises:
        UnavailableError: nothing usable was found, with what was tried.
    """
    configuration = Configuration()
    chosen = kubeconfig or os.environ.get("KUBECONFIG") or ""
    try:
        if not chosen and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
            load_incluster_config(client_configuration=configuration)
            _settle_proxy(configuration)
            return Access(configuration, _pod_namespace())
        chosen = chosen or _DEFAULT_KUBECONFIG
        _check_there(chosen)
        loader = await load_kube_config(
            config_file=chosen,
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
        _settle_proxy(configuration)
        return Access(configuration, _context_namespace(loader.current_context))
    except (ConfigException, OSError, ValueError) as error:
        where = f"kubeconfig {chosen}" if chosen else "the Pod's service account"
        raise UnavailableError(
            f"No Kubernetes to talk to: {where}: {str(error).rstrip('.')}. Set KUBECONFIG or give "
            "--kubeconfig, or run inside a Pod."
        ) from error


def _check_there(kubeconfig: str) -> None:
    """Raise OSError when no file of a kubeconfig is there, which the client calls invalid."""
    paths = [Path(each).expanduser() for each in kubeconfig.split(os.pathsep) if each]
    if not any(path.is_file() for path in paths):
        raise FileNotFoundError("there is no such file")


def _settle_proxy(configuration: Configuration) -> None:
    """Find the proxy once, instead of at every request.

    With `trust_env` aiohttp asks the environment for a proxy and `~/.netrc` for a password before
    each request, each in another thread, and the threads stay.
    """
    configuration.client_session_kwargs = {"trust_env": False}
    server = urlsplit(configuration.host)
    if configuration.proxy is None and not proxy_bypass(server.hostname or ""):
        configuration.proxy = getproxies().get(server.scheme)


def _pod_namespace() -> str:
    try:
        return _NAMESPACE_FILE.read_text().strip() or "default"
    except OSError:
        return "default"


def _context_namespace(context: Mapping[str, Any]) -> str:
    """Return the namespace of a context, as the client's loader has it."""
    return str((context["context"] or {}).get("namespace") or "default")
