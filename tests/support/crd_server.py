"""Our kinds in the real API server under a group of their own, for tests of the definitions alone.

So no operator sees the objects, and the cluster's own definitions are left as they are.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from batchai_operator.model.definitions import build_crd
from batchai_operator.model.kinds import KINDS
from support.api import Api, ApiError
from support.crd_tables import minimal
from support.waiting import wait_until

OWN_GROUP = "acceptance.batchai.example"
KIND_OF = {
    "job": "BatchAIJob",
    "cluster": "BatchAICluster",
    "fileserver": "BatchAIFileServer",
}


class Server:
    """The API server, with our kinds under another group."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def path(self, kind: str, name: str = "") -> str:
        collection = f"/apis/{OWN_GROUP}/v1/namespaces/default/batchai{kind}s"
        return f"{collection}/{name}" if name else collection

    def send(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._api.request(method, path, body, kind=kind))
        return answer

    def create(
        self, kind: str, spec: object, *, name: str = "", query: str = "?dryRun=All"
    ) -> dict[str, Any]:
        body = {
            "apiVersion": f"{OWN_GROUP}/v1",
            "kind": KIND_OF[kind],
            "metadata": {"name": name or f"t{uuid.uuid4().hex[:8]}"},
            "spec": spec,
        }
        joint = "&" if query else "?"
        return self.send("POST", f"{self.path(kind)}{query}{joint}fieldValidation=Strict", body)

    def refusal(self, kind: str, spec: object, **options: str) -> str:
        with pytest.raises(ApiError) as caught:
            self.create(kind, spec, **options)
        assert caught.value.code in (400, 422), caught.value
        return caught.value.message


@contextmanager
def own_definitions(api: Api) -> Iterator[Server]:
    """Install the definitions as the models have them now; they are gone afterwards."""
    names = []
    for kind in KINDS:
        crd = _own(build_crd(kind))
        names.append(crd["metadata"]["name"])
        api.delete("customresourcedefinitions", names[-1])
        wait_until(
            lambda name=names[-1]: api.find("customresourcedefinitions", name) is None,  # type: ignore[misc]
            60,
            f"{names[-1]} to be gone",
        )
        api.create("customresourcedefinitions", crd)
    made = Server(api)
    try:
        for kind in KIND_OF:
            wait_until(
                lambda kind=kind: _is_served(made, kind),  # type: ignore[misc]
                60,
                f"{kind}s to be served",
            )
        yield made
    finally:
        for name in names:
            api.delete("customresourcedefinitions", name)


def _own(crd: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = json.loads(json.dumps(crd))
    own["metadata"]["name"] = f"{own['spec']['names']['plural']}.{OWN_GROUP}"
    own["spec"]["group"] = OWN_GROUP
    # Short names and categories of the cluster's own kinds stay theirs.
    del own["spec"]["names"]["shortNames"], own["spec"]["names"]["categories"]
    return own


def _is_served(server: Server, kind: str) -> bool:
    """Whether objects can be created; the list is served a moment before."""
    try:
        server.create(kind, minimal(kind))
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return True
