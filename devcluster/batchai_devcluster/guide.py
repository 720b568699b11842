"""The verb `guide`: what docs/guide/storage.md asks for, on the development cluster.

cli.py registers it (`add_verb`), `make guide` and the guide's test call it. A reader with a cluster
and an account of his own makes the same things himself; the page names them.
"""

import argparse
import json
import shlex

from batchai_devcluster import provider, release, storage
from batchai_devcluster import storage_copying as copying
from batchai_devcluster import storage_deploying as deploying
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import step

SHARES = ("scripts", "logs")
CONTAINER = "data"
VOLUME = "guide-disk"
"""The volume for the claim of the guide's file server, where nothing provisions any."""


def add_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `guide`; it sets `verb` as cli.py expects."""
    parser = verbs.add_parser(
        "guide", help="prepare all that docs/guide/storage.md asks for; print shell exports"
    )
    parser.set_defaults(verb=_guide)


def _guide(paths: Paths, chosen: argparse.Namespace) -> None:
    cluster = provider.choose(paths, chosen.provider)
    if problem := cluster.problem():
        raise DevclusterError(f"The cluster does not work ({problem}); run `make up` first.")
    for name, value in prepare(paths, cluster).items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"export PATH={shlex.quote(str(paths.bin))}:$PATH")


def prepare(paths: Paths, cluster: provider.Provider) -> dict[str, str]:
    """Install the operator, fill the account, offer a disk; do nothing twice.

    Args:
        paths: where things lie.
        cluster: the cluster, which must work.

    Returns:
        The variables that the guide's commands need.

    Raises:
        DevclusterError: the cluster has no stand-in for storage, or a step failed.
    """
    if not storage.is_wanted(cluster):
        raise DevclusterError(
            "With CSI=none storage is yours: make what the beginning of docs/guide/storage.md "
            "lists in an account of your own. `guide` does that for the stand-in (CSI=standin)."
        )
    storage.up(paths, cluster)
    storage.provide(paths, cluster)
    images = release.install(
        paths,
        cluster,
        blob_endpoint=deploying.BLOB_ENDPOINT,
        more={"autoStorage.account.fileEndpoint": deploying.FILE_ENDPOINT},
        keep=True,
    )
    with step("Making shares, a container and a volume"):
        kubectl = storage.kubectl_of(paths, cluster)
        for share in SHARES:
            copying.admin(kubectl, "share", "create", share)
        copying.admin(kubectl, "container", "create", CONTAINER)
        _offer_disk(paths, cluster)
    return {
        "KUBECONFIG": cluster.kubeconfig,
        "AZURE_BATCHAI_STORAGE_ACCOUNT": deploying.ACCOUNT,
        "AZURE_BATCHAI_STORAGE_KEY": deploying.find_key(cluster) or "",
        "BATCHAI_OPERATOR_LAUNCHER_IMAGE": images.launcher,
        "BATCHAI_OPERATOR_BLOB_ENDPOINT": deploying.BLOB_ENDPOINT,
    }


def _offer_disk(paths: Paths, cluster: provider.Provider) -> None:
    """Have a volume that a claim without a StorageClass gets; a used one is not given again."""
    phase = ["get", "persistentvolume", VOLUME, "--ignore-not-found", "--output"]
    found = cluster.kubectl([*phase, "jsonpath={.status.phase}"]).strip()
    if found == "Bound":
        return
    if found:
        cluster.kubectl(["delete", "persistentvolume", VOLUME])
    names = cluster.kubectl(["get", "nodes", "--output=jsonpath={.items[*].metadata.name}"])
    volume = disk(str(paths.storage / VOLUME), names.split()[0])
    cluster.kubectl(["create", "--filename=-"], stdin=json.dumps(volume))


def disk(folder: str, node: str) -> dict[str, object]:
    """Return a PersistentVolume in a folder of one node."""
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": VOLUME},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": folder, "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
        },
    }
