"""Puts Azurite and the storage stand-in into a cluster, with one storage account.

Called by storage.py. The account's key is made once, lives in a Secret of the stand-in's namespace,
and is never put on a command line. The manifests are `../storage/manifests/*.yaml`; image
references and one folder are filled in.
"""

import base64
import json
import secrets
import string
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import yaml

from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.paths import DEVCLUSTER
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
#: What runs there; names in images.toml.
IMAGES = ("storage", "azurite")
#: What runs there besides, when claims are provided for; it takes minutes to compile.
PROVISIONING_IMAGES = ("storage", "provisioner")
#: Labels of the namespace where the cluster is not ours but the stand-in is, so that it can go.
OURS = {"batchai.dev/provider": "kubeconfig"}
#: Azure Files' REST, as far as making a share; the SDK knows no account in the path.
FILE_ENDPOINT = f"http://files.{NAMESPACE}.svc.cluster.local:10004"

_MANIFESTS = DEVCLUSTER / "storage" / "manifests"
_PROVISIONING = _MANIFESTS / "provisioning"
_KEYS = "accounts"
#: Seconds until everything must run; images are in the nodes already, or pulled (they are small).
_PATIENCE = 180


class Cluster(Protocol):
    """What is needed of a provider (see provider.py)."""

    def kubectl(self, arguments: list[str], stdin: str | None = None) -> str:
        """Run kubectl and return what it prints."""


def deploy(
    cluster: Cluster, folder: Path, images: dict[str, str], labels: Mapping[str, str]
) -> None:
    """Have everything in the cluster and ready; changes nothing that is there already.

    Args:
        cluster: the provider whose cluster runs.
        folder: where the data of shares and containers lies on every node.
        images: references of the images in `IMAGES`.
        labels: labels of the namespace.

    Raises:
        DevclusterError: it does not become ready; the message says what it waits for.
    """
    with step("Starting Azurite and the storage drivers' stand-in"):
        key = find_key(cluster) or base64.b64encode(secrets.token_bytes(64)).decode()
        name = {"name": NAMESPACE, "labels": dict(labels)}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": name}
        objects: list[object] = [space, _accounts(key), credentials("default", key)]
        _apply(cluster, [*objects, *_manifests(_MANIFESTS, folder, images)])
        _wait(cluster)


def provide(cluster: Cluster, folder: Path, images: Mapping[str, str]) -> None:
    """Have controllers, provisioner and StorageClasses beside what `deploy` made.

    Args:
        cluster: the provider whose cluster runs.
        folder: where the data of shares and containers lies on every node.
        images: references of the images in `PROVISIONING_IMAGES`.

    Raises:
        DevclusterError: they do not become ready.
    """
    with step("Starting the storage drivers' controllers"):
        _apply(cluster, _manifests(_PROVISIONING, folder, images))
        _wait(cluster)


def is_foreign(cluster: Cluster) -> bool:
    """Tell whether a stand-in is there that another provider deployed.

    Raises:
        DevclusterError: other drivers of the same names are there; the stand-in would break them.
    """
    if _is_there(cluster, f"namespace/{NAMESPACE}", OURS):
        return False
    if find_key(cluster) is not None:
        return True
    for driver in sorted(DRIVERS):
        if _is_there(cluster, f"csidriver/{driver}"):
            raise DevclusterError(
                f"CSI=standin would take the place of {driver}, which this cluster has; "
                "use CSI=none."
            )
    return False


def remove(cluster: Cluster) -> bool:
    """Remove the stand-in where it is labelled as ours; tell whether it was."""
    if not _is_there(cluster, f"namespace/{NAMESPACE}", OURS):
        return False
    images = dict.fromkeys((*IMAGES, *PROVISIONING_IMAGES), "none")
    objects: list[object] = [credentials("default", "")]
    for manifests in (_PROVISIONING, _MANIFESTS):
        objects += _manifests(manifests, Path("/"), images)
    # The namespace goes last: with it goes the label that says whose all this is.
    for part in (
        yaml.safe_dump_all(objects),
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": NAMESPACE},
            }
        ),
    ):
        cluster.kubectl(["delete", "--ignore-not-found", "--filename=-"], stdin=part)
    return True


def _is_there(cluster: Cluster, name: str, labels: Mapping[str, str] | None = None) -> bool:
    """Tell whether an object is there and has the labels."""
    found = cluster.kubectl(["get", name, "--ignore-not-found", "--output=json"])
    if not found.strip():
        return False
    has = json.loads(found)["metadata"].get("labels") or {}
    return (labels or {}).items() <= has.items()


def _manifests(manifests: Path, folder: Path, images: Mapping[str, str]) -> list[object]:
    files = sorted(manifests.glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(fill_in(file, folder, images))]


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


def fill_in(file: Path, folder: Path, images: Mapping[str, str]) -> str:
    """Return a manifest with image references and the data folder in place."""
    return string.Template(file.read_text()).substitute(
        STORAGE_IMAGE=images["storage"],
        AZURITE_IMAGE=images.get("azurite", ""),
        PROVISIONER_IMAGE=images.get("provisioner", ""),
        DATA=str(folder),
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
