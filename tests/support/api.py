"""A plain REST client of the API server for the cluster tests.

Used instead of kubectl where a test polls, because starting kubectl costs more processor time than
the question is worth on a small machine. It knows nothing of what the operator does.
"""

import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
import yaml

Raw = dict[str, Any]

PATHS = {
    "batchaijobs": "/apis/batchai.dev/v1",
    "batchaiclusters": "/apis/batchai.dev/v1",
    "batchaifileservers": "/apis/batchai.dev/v1",
    "pods": "/api/v1",
    "secrets": "/api/v1",
    "services": "/api/v1",
    "events": "/api/v1",
    "namespaces": "/api/v1",
    "nodes": "/api/v1",
    "persistentvolumes": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "serviceaccounts": "/api/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "deployments": "/apis/apps/v1",
    "storageclasses": "/apis/storage.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
}


class ApiError(Exception):
    """The API server refused; `code` is the HTTP status and `message` its words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """The API server as the administrator of the kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        self._folder = tempfile.TemporaryDirectory()  # Python reads certificates from files only.
        self._pool = urllib3.PoolManager(
            maxsize=8,
            retries=urllib3.Retry(3, status=0, backoff_factor=0.2),
            timeout=urllib3.Timeout(connect=5, read=60),
            ca_certs=self._file(cluster, "certificate-authority"),
            cert_file=self._file(user, "client-certificate"),
            key_file=self._file(user, "client-key"),
            headers={"Authorization": f"Bearer {user['token']}"} if "token" in user else None,
        )

    def close(self) -> None:
        """End the connections and remove the copies of the certificates."""
        self._pool.clear()
        self._folder.cleanup()

    def _file(self, section: Mapping[str, str], name: str) -> str | None:
        if f"{name}-data" not in section:
            return section.get(name)
        file = Path(self._folder.name) / name
        file.write_bytes(base64.b64decode(section[f"{name}-data"]))
        return str(file)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> bytes:
        """Send one request and return the answer's bytes."""
        headers = {"Content-Type": kind, **self._pool.headers}
        answer = self._pool.request(
            method,
            self.server + path,
            fields=query if body is None else None,
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
        )
        if answer.status >= 300:
            try:
                message = json.loads(answer.data)["message"]
            except (ValueError, KeyError, TypeError):
                message = answer.data.decode(errors="replace")
            raise ApiError(answer.status, message)
        return bytes(answer.data)

    def get(self, resource: str, name: str, namespace: str = "") -> Raw:
        return self._json("GET", self._path(resource, namespace, name))

    def find(self, resource: str, name: str, namespace: str = "") -> Raw | None:
        """Like `get`, but None when there is no such object."""
        try:
            return self.get(resource, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(
        self, resource: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> Sequence[Raw]:
        query = {"labelSelector": labels, "fieldSelector": fields}
        answer = self.request("GET", self._path(resource, namespace), query=query)
        items: Sequence[Raw] = json.loads(answer)["items"]
        return items

    def create(self, resource: str, body: Raw) -> Raw:
        path = self._path(resource, body["metadata"].get("namespace", ""))
        return self._json("POST", f"{path}?fieldValidation=Strict", body)

    def patch(self, resource: str, name: str, namespace: str, body: Raw) -> Raw:
        path = self._path(resource, namespace, name)
        answer = self.request("PATCH", path, body, kind="application/merge-patch+json")
        patched: Raw = json.loads(answer)
        return patched

    def delete(self, resource: str, name: str, namespace: str = "", **options: object) -> None:
        """Delete an object; one that is not there is fine."""
        try:
            self.request("DELETE", self._path(resource, namespace, name), options)
        except ApiError as error:
            if error.code != 404:
                raise

    def logs(self, pod: str, namespace: str, container: str) -> bytes:
        path = f"{self._path('pods', namespace, pod)}/log"
        return self.request("GET", path, query={"container": container})

    def _json(self, method: str, path: str, body: object = None) -> Raw:
        answer: Raw = json.loads(self.request(method, path, body))
        return answer

    @staticmethod
    def _path(resource: str, namespace: str, name: str = "") -> str:
        scope = f"/namespaces/{namespace}" if namespace and resource != "namespaces" else ""
        return f"{PATHS[resource]}{scope}/{resource}" + (f"/{name}" if name else "")
