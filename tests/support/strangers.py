"""People and Pods that are no part of a job: accounts with some rights, and a Pod that attacks.

Used by the security tests. An account is a real ServiceAccount with a real token; the Pod is an
ordinary one that anybody could create, and runs intruder.py.
"""

import json
from pathlib import Path

import yaml

from support.api import Api, Raw
from support.kubectl import Kubectl
from support.shell_pods import a_pod
from support.waiting import wait_until

INTRUDER = Path(__file__).with_name("intruder.py")


class Account:
    """Somebody who may do what the roles bound to a ServiceAccount allow, and nothing else.

    Attributes:
        api: the API server as this account.
        kubectl: kubectl as this account.
        kubeconfig: its kubeconfig, for `batchai`.
    """

    def __init__(self, admin: Api, kubectl: Kubectl, folder: Path, namespace: str, name: str):
        self._admin, self._name, self._namespace = admin, name, namespace
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        metadata = {"name": name, "namespace": namespace}
        admin.create("serviceaccounts", {**account, "metadata": metadata})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 7200},
        }
        token = json.loads(admin.request("POST", path, request))["status"]["token"]
        config = yaml.safe_load(Path(kubectl.environment["KUBECONFIG"]).read_text())
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        config["contexts"][0]["context"]["namespace"] = namespace
        self.kubeconfig = folder / f"{namespace}-{name}.conf"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.api = Api(self.kubeconfig)
        self.kubectl = Kubectl(self.kubeconfig, kubectl.program)

    def bind(self, role: str, namespace: str) -> "Account":
        """Give it a ClusterRole in one namespace."""
        body = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"{self._namespace}-{self._name}", "namespace": namespace},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [
                {"kind": "ServiceAccount", "name": self._name, "namespace": self._namespace}
            ],
        }
        self._admin.create("rolebindings", body)
        return self


class Intruder:
    """A container from which the port of a job is attacked.

    Args:
        kubectl: kubectl as somebody who may look into it.
        pod: its Pod.
        container: its name, when there are several.
    """

    def __init__(self, kubectl: Kubectl, pod: Raw, container: str = "") -> None:
        self._kubectl = kubectl
        self._namespace, self._name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._chosen = [f"--container={container}"] if container else []

    def start(self, *words: str) -> None:
        """Begin an attack that goes on by itself; `told` returns what came of it."""
        line = (
            "cat >/tmp/intruder.py; nohup python3 /tmp/intruder.py $@ >/tmp/told 2>&1 </dev/null &"
        )
        self._exec("sh", "-c", line, "sh", *words, stdin=INTRUDER.read_bytes())

    def told(self) -> list[Raw]:
        """Return what the attack has reported up to now, one object per line."""
        lines = self._exec("cat", "/tmp/told")  # noqa: S108 (in a Pod)
        return [json.loads(line) for line in lines.decode().splitlines()]

    def run(self, *words: str) -> list[Raw]:
        """Attack, and return what came of it."""
        told = self._exec("python3", "-", *words, stdin=INTRUDER.read_bytes())
        return [json.loads(line) for line in told.decode().splitlines()]

    def _exec(self, *command: str, stdin: bytes = b"") -> bytes:
        where = ["exec", "-i", f"--namespace={self._namespace}", self._name, *self._chosen]
        return self._kubectl.run(*where, "--", *command, stdin=stdin)


def a_stranger(namespace: str, name: str, image: str, *, on_node: str = "") -> Raw:
    """Return a Pod that does nothing by itself; with `on_node` it shares a node's network."""
    pod = a_pod(name, namespace, image, "sleep infinity", {})
    if on_node:
        pod["spec"] |= {"hostNetwork": True, "nodeName": on_node}
    return pod


def wait_for_pod(api: Api, pod: Raw) -> None:
    """Wait until a Pod's containers are ready."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]

    def ready() -> bool:
        statuses = api.get("pods", name, namespace)["status"].get("containerStatuses", ())
        return any(each["ready"] for each in statuses)

    wait_until(ready, 120, f"the Pod {name}")
