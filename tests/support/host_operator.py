"""The operator as an ordinary process of this machine, started again whenever it ends.

Used by the crash tests, which have to kill it at a moment that no Pod could be killed at. It gets
the settings that the chart's Deployment has, except for where the API server is and which namespace
it serves; like a restarted container it keeps its name, so its Lease is its own again at once.
"""

import base64
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import yaml

from batchai_devcluster.paths import REPOSITORY
from support.api import Api, Raw
from support.explaining import RELEASE_NAMESPACE

_RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


class HostOperator:
    """The process and the one who starts it again. Use as a context manager.

    Args:
        environment: settings of the operator.
        log: file that all its lives write to.

    Attributes:
        exits: how each life but the present one ended; a negative number is a signal.
    """

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = environment
        self.log = log
        self.exits: list[int] = []
        self._stopping = False
        self._process = self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._keeper.join()

    def kill(self) -> None:
        """Send SIGKILL; it is started again."""
        self._process.kill()

    def tail(self, lines: int = 60) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "batchai_operator.main"],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": "/nonexistent",
                    "PYTHONPATH": str(REPOSITORY / "operator"),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **self._environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._stopping:
                return
            self.exits.append(code)
            self._process = self._start()


def settings(api: Api, namespace: str, kubeconfig: Path) -> dict[str, str]:
    """Return the environment of an operator for one namespace, else as the chart has it."""
    deployment = api.list("deployments", RELEASE_NAMESPACE)[0]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    chart = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    return {
        **chart,
        "BATCHAI_OPERATOR_KUBECONFIG": str(kubeconfig),
        "BATCHAI_OPERATOR_NAMESPACE": namespace,
        "BATCHAI_OPERATOR_LEASE_NAMESPACE": namespace,
        "BATCHAI_OPERATOR_POD_NAME": f"host-{namespace}",
        "BATCHAI_OPERATOR_HEALTH_PORT": "0",
        "BATCHAI_OPERATOR_LOG_FORMAT": "text",
    }


def kubeconfig_for(server: str, file: Path) -> Path:
    """Write a kubeconfig that names a server and no credentials."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        "clusters": [{"name": "proxy", "cluster": {"server": server}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    file.write_text(yaml.safe_dump(content))
    return file


def token(api: Api) -> str:
    """Return a token of the chart's ServiceAccount."""
    spec = api.list("deployments", RELEASE_NAMESPACE)[0]["spec"]["template"]["spec"]
    account = f"/api/v1/namespaces/{RELEASE_NAMESPACE}/serviceaccounts/{spec['serviceAccountName']}"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 7200},
    }
    answer: Raw = json.loads(api.request("POST", f"{account}/token", body))
    return str(answer["status"]["token"])


def grant_lease(api: Api, namespace: str) -> None:
    """Copy the chart's rights to its Lease into another namespace."""
    for plural in ("roles", "rolebindings"):
        listed = json.loads(api.request("GET", f"{_RBAC}/{RELEASE_NAMESPACE}/{plural}"))["items"]
        for each in listed:
            name = each["metadata"]["name"]
            if name.endswith("-lease"):
                copy = {key: each[key] for key in ("rules", "roleRef", "subjects") if key in each}
                metadata = {"name": name, "namespace": namespace}
                api.request("POST", f"{_RBAC}/{namespace}/{plural}", {"metadata": metadata, **copy})


def trust(kubeconfig: Path) -> ssl.SSLContext:
    """Return how to know the API server of a kubeconfig."""
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    if "certificate-authority-data" in cluster:
        text = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return ssl.create_default_context(cadata=text)
    return ssl.create_default_context(cafile=cluster["certificate-authority"])
