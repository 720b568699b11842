"""Leaves out of our processes what their libraries load and we never use.

Called by the two entry points before they import anything else. `import kubernetes.aio` loads the
synchronous client, its configuration, all the client's own helpers and what they need first
(requests, oauthlib, websocket, dateutil), and kopf loads its model classes to be able to recognise
them: 8 MB of the operator, and a third of the time that `batchai` takes to start. aiohttp reads
the system's certificates twice when it is loaded. It decides nothing else.
"""

import importlib
import importlib.util
import ssl
import sys
import types
from typing import Any

from typing_extensions import override

_PACKAGE = "kubernetes"
_BARE = (_PACKAGE, "kubernetes.aio", "kubernetes.aio.client", "kubernetes.aio.utils")
"""Packages whose modules are loaded by name, and by name only."""

_SYNCHRONOUS = ("kubernetes.client", "kubernetes.config")


def leave_out_synchronous_client() -> None:
    """Have `kubernetes` be a package that loads nothing by itself.

    Where it is loaded already, as in tests, nothing happens.
    """
    if _PACKAGE in sys.modules:
        return
    for name in _BARE:
        found = importlib.util.find_spec(name)
        if found is None or found.submodule_search_locations is None:
            return
        package = types.ModuleType(name, "The asynchronous half of the Kubernetes client.")
        package.__path__ = list(found.submodule_search_locations)
        package.__spec__ = found
        sys.modules[name] = package
    # The module that reads kubeconfigs wants these two by name. It sets the one, and makes the
    # other, which needs pydantic and the models, only for who asks it for a whole client.
    client = sys.modules["kubernetes.aio.client"]
    client.__getattr__ = _configuration_of_client  # type: ignore[method-assign]
    client.ApiClient = None  # type: ignore[attr-defined]
    for name in _SYNCHRONOUS:
        # To whom asks, this says that it is not installed; kopf then does without it.
        sys.modules[name] = None  # type: ignore[assignment]


def read_certificates_late() -> None:
    """Have aiohttp read the system's certificates when it first needs them.

    It makes two TLS contexts when it is loaded, which takes as long as the rest of it. Kubernetes
    has a context of its own; only storage's endpoints need the system's. Where aiohttp is loaded
    already, nothing happens.
    """
    if "aiohttp" in sys.modules:
        return
    made: list[ssl.SSLContext] = []

    def note(context: ssl.SSLContext) -> None:
        made.append(context)

    ssl.SSLContext.set_default_verify_paths = note  # type: ignore[assignment, method-assign]
    try:
        importlib.import_module("aiohttp")
    finally:
        del ssl.SSLContext.set_default_verify_paths  # What it hid is inherited.
    for context in made:
        context.__class__ = _LateContext


class _LateContext(ssl.SSLContext):
    """A context that reads what the system trusts at the first connection."""

    _is_complete = False

    @override
    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        self._complete()
        return super().wrap_bio(*arguments, **named)

    @override
    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        self._complete()
        return super().wrap_socket(*arguments, **named)

    def _complete(self) -> None:
        if not self._is_complete:
            self._is_complete = True
            self.set_default_verify_paths()


def _configuration_of_client(name: str) -> object:
    if name != "Configuration":
        raise AttributeError(name)
    return importlib.import_module("kubernetes.aio.client.configuration").Configuration
