"""Puts Azurite and the storage stand-in into a cluster, with one storage account.

Called by storage.py. The account's key is made once, lives in a Secret of the stand-in's namespace,
and is never put on a command line. The manifests are `../storage/manifests/*.yaml`; two image
references and one folder are filled in.
"""

import base64
import json
import secrets
import string
import time
from pathlib import Path
from typing import Protocol

import yaml

from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.paths import DEVCLUSTER, Paths
from batchai_devcluster.progress import step

NAMESPACE = "batchai-storage"
ACCOUNT = "batchaidev"
#: The name under which both real drivers look for an account's Secret.
SECRET = f"azure-storage-account-{ACCOUNT}-secret"
#: Azurite's address in the cluster; the chart's `blobEndpoint` has the same form.
BLOB_ENDPOINT = f"http://azurite.{NAMESPACE}.svc.cluster.local:10000/{{account}}"
DRIVERS = frozenset(
    {"blob.csi.azure.com", "file.csi.azure.com", "nfs.csi.k8s.io", "smb.csi.k8s.io"}
)

_MANIFESTS = DEVCLUSTER / "storage" / "manifests"
_KEYS = "accounts"
#: Seconds until everything must run; images are in the nodes already.
_PATIENCE = 180


class Cluster(Protocol):
    """What is needed of a provider (see provider.py)."""

    def kubectl(self, arguments: list[str], stdin: str | None = None) -> str:
        """Run kubectl and return what it prints."""


def deploy(cluster: Cluster, paths: Paths, images: dict[str, str]) -> None:
    """Have everything in the cluster and ready; changes nothing that is there already.

    Args:
        cluster: the provider whose cluster runs.
        paths: where the data of shares and containers lies.
        images: references of the images `storage` and `azurite`.

    Raises:
        DevclusterError: it does not become ready; the message says what it waits for.
    """
    with step("Starting Azurite and the storage drivers' stand-in"):
        paths.storage.mkdir(parents=True, exist_ok=True)
        key = find_key(cluster) or base64.b64encode(secrets.token_bytes(64)).decode()
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        objects: list[object] = [space, _accounts(key), credentials("default", key)]
        for file in sorted(_MANIFESTS.glob("*.yaml")):
            objects += yaml.safe_load_all(fill_in(file, paths, images))
        _apply(cluster, objects)
        _wait(cluster)


def find_key(cluster: Cluster) -> str | None:
    """Return the account's key, or None when the stand-in has never been deployed."""
    words = ["get", "secret", _KEYS, f"--namespace={NAMESPACE}", "--ignore-not-found"]
    found = cluster.kubectl([*words, "--output=jsonpath={.data.key}"]).strip()
    return base64.b64decode(found).decode() if found else None


def give_secret(cluster: Cluster, namespace: str) -> None:
    """Put the account's Secret, as the real drivers name it, into a namespace.

    Raises:
        DevclusterError: the stand-in is not deployed.
    """
    key = find_key(cluster)
    if key is None:
        raise DevclusterError("There is no storage account yet; run `storage up` first.")
    _apply(cluster, [credentials(namespace, key)])


def credentials(namespace: str, key: str) -> dict[str, object]:
    """Return the Secret that Pods of a namespace mount with."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "stringData": {"azurestorageaccountname": ACCOUNT, "azurestorageaccountkey": key},
    }


def fill_in(file: Path, paths: Paths, images: dict[str, str]) -> str:
    """Return a manifest with image references and the data folder in place."""
    return string.Template(file.read_text()).substitute(
        STORAGE_IMAGE=images["storage"],
        AZURITE_IMAGE=images["azurite"],
        DATA=str(paths.storage),
    )


def _accounts(key: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": _KEYS, "namespace": NAMESPACE},
        "stringData": {"accounts": f"{ACCOUNT}:{key}", "key": key},
    }


def _apply(cluster: Cluster, objects: list[object]) -> None:
    """Server-side, because client-side apply would repeat a Secret's values in an annotation."""
    words = ["apply", "--server-side", "--force-conflicts", "--filename=-"]
    cluster.kubectl(words, stdin=yaml.safe_dump_all(objects))


def _wait(cluster: Cluster) -> None:
    deadline = time.monotonic() + _PATIENCE
    while missing := _missing(cluster):
        if time.monotonic() > deadline:
            try:
                pods = cluster.kubectl(["describe", "pods", f"--namespace={NAMESPACE}"])
            except CommandError as error:
                pods = str(error)
            raise DevclusterError(f"Waited {_PATIENCE} s in vain: {missing}.\n{pods[-3000:]}")
        time.sleep(0.5)


def _missing(cluster: Cluster) -> str:
    """Return what is not ready yet, or nothing."""
    words = ["get", "deployments,daemonsets", f"--namespace={NAMESPACE}", "--output=json"]
    for found in json.loads(cluster.kubectl(words))["items"]:
        status = found.get("status", {})
        wanted = status.get("desiredNumberScheduled", found["spec"].get("replicas"))
        updated = status.get("updatedNumberScheduled", status.get("updatedReplicas", 0))
        ready = status.get("numberReady", status.get("readyReplicas", 0))
        is_seen = status.get("observedGeneration") == found["metadata"]["generation"]
        if not (is_seen and wanted and updated == ready == wanted):
            return f"{found['kind']} {found['metadata']['name']} has {ready} of {wanted} ready"
    for node in json.loads(cluster.kubectl(["get", "csinodes", "--output=json"]))["items"]:
        names = {driver["name"] for driver in node["spec"].get("drivers") or ()}
        if not names >= DRIVERS:
            return f"node {node['metadata']['name']} has registered {sorted(names)}"
    return ""
