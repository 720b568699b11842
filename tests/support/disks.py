"""A claim on a folder of one node, where a cluster has no provisioner: for file servers."""

from pathlib import Path

from support.api import Api

CLAIM = "disk"


def make_disk(api: Api, namespace: str, storage: Path) -> str:
    """Make a claim and its volume below a folder of the node; return the claim's name."""
    name = f"{CLAIM}-{namespace}"
    node = api.list("nodes")[0]["metadata"]["name"]
    size = {"storage": "1Gi"}
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": size,
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": CLAIM},
            "hostPath": {"path": str(storage / name), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
        },
    }
    wanted = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "volumeName": name,
            "resources": {"requests": size},
        },
    }
    api.create("persistentvolumes", volume)
    api.create("persistentvolumeclaims", wanted)
    return CLAIM


def remove_disk(api: Api, namespace: str) -> None:
    """Remove the volume; the claim goes with its namespace."""
    api.delete("persistentvolumes", f"{CLAIM}-{namespace}")
