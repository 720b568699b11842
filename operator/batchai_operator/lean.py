"""Leaves the synchronous half of the Kubernetes client out of our processes.

Called by the two entry points before they import anything else. `import kubernetes.aio` loads the
synchronous client, its configuration and what they need first (requests, oauthlib, websocket), and
kopf loads its model classes to be able to recognise them: 8 MB of the operator, and a third of the
time that `batchai` takes to start. Nothing of ours uses any of it. It decides nothing else.
"""

import importlib.util
import sys
import types

_PACKAGE = "kubernetes"
_SYNCHRONOUS = ("kubernetes.client", "kubernetes.config")


def leave_out_synchronous_client() -> None:
    """Have `kubernetes` be a package that loads nothing by itself.

    Where it is loaded already, as in tests, nothing happens.
    """
    if _PACKAGE in sys.modules:
        return
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.submodule_search_locations is None:
        return
    package = types.ModuleType(_PACKAGE, "The asynchronous half of the Kubernetes client.")
    package.__path__ = list(found.submodule_search_locations)
    package.__spec__ = found
    sys.modules[_PACKAGE] = package
    for name in _SYNCHRONOUS:
        # To whom asks, this says that it is not installed; kopf then does without it.
        sys.modules[name] = None  # type: ignore[assignment]
