"""Shares and containers without a key of the user's: identities, a vault, NFS, other hosts.

Each job is written as a user of AKS would write it. The kubelet really hands over the tokens of
the jobs' ServiceAccounts, and the stand-in has the API server look at them; who may do what is
registered with the stand-in, which keeps the drivers' contract (devcluster/storage/README.md).
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from batchai_devcluster.paths import REPOSITORY
from support.api import Raw
from support.objects import ACCOUNT, a_container, a_job, a_share
from support.scene import Scene

from .conftest import run_tool

BLOB_ROLE, SHARE_ROLE = "Storage Blob Data Contributor", "Storage File Data SMB MI Admin"
VAULT = "https://batchaidev.vault.azure.net"
HOST = "batchaidev.{}.batchai-storage.svc.cluster.local"
STATIC = {"volumeMode": "PersistentVolume"}
TRAINER = {"serviceAccountName": "trainer"}
ROUND = 'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT"; echo {name} > box/{name}; cat box/{name}; rm box/{name}'

APP, NO_ROLE, VM, UNKNOWN = (str(uuid.uuid4()) for _ in range(4))
"""Client ids: an application, one without roles, an identity of the nodes, and nobody's."""


def workload(client: str = APP) -> Raw:
    """Return credentials that are the job's ServiceAccount."""
    return {"credentials": {"workloadIdentity": {"clientID": client}}}


def managed(client: str = VM) -> Raw:
    """Return credentials that are the node's."""
    return {"credentials": {"managedIdentity": {"clientID": client}}}


def in_vault(secret: str) -> Raw:
    """Return credentials that lie in a vault."""
    reference = {"sourceVault": {"id": "vault"}, "secretUrl": f"{VAULT}/secrets/{secret}"}
    return {"credentials": {"accountKeySecretReference": reference}}


def box(**more: Any) -> Raw:
    """Return the container `data`."""
    return {"containers": [a_container("data", "box", **more)]}


def share(host: str = "", **more: Any) -> Raw:
    """Return the share `logs` a second time, perhaps at another host."""
    second = a_share(path="box", **more)
    if host:
        second["azureFileUrl"] = f"https://{host}/logs"
    return {"shares": [a_share(), second]}


WORKS: dict[str, tuple[Raw, Raw]] = {
    "wi-box": (box(**workload()), TRAINER),
    "wi-box-static": (box(**workload()), {**TRAINER, **STATIC}),
    "wi-share": (share(**workload()), TRAINER),
    "wi-share-static": (share(**workload()), {**TRAINER, **STATIC}),
    "mi-box": (box(**managed()), {}),
    "mi-share": (share(**managed()), {}),
    "vault": (box(**in_vault("key")), {}),
    "nfs-box": (box(protocol="nfs"), {}),
    "nfs-share": (share(protocol="nfs"), {}),
    "host-box": (box(server=HOST.format("blob")), {}),
    "host-share": (share(HOST.format("file")), STATIC),
    "host-nfs": (share(HOST.format("file"), protocol="nfs"), {}),
}
"""Volumes, and what stands under `kubernetes`, of jobs that succeed."""

FAILS: dict[str, tuple[Raw, Raw, str, str]] = {
    "wi-stranger": (
        box(**workload()),
        {},
        "BFSMountError",
        "no federated credential for the job's ServiceAccount",
    ),
    "wi-share-stranger": (
        share(**workload()),
        STATIC,
        "AZFMountError",
        "no federated credential for the job's ServiceAccount",
    ),
    "wi-unknown": (box(**workload(UNKNOWN)), TRAINER, "BFSMountError", "knows no such identity"),
    "wi-no-role": (box(**workload(NO_ROLE)), TRAINER, "BFSMountError", BLOB_ROLE),
    "wi-share-no-role": (share(**workload(NO_ROLE)), TRAINER, "AZFMountError", SHARE_ROLE),
    "mi-not-the-nodes": (box(**managed(APP)), {}, "BFSMountError", "nodes do not have this"),
    "mi-share-not-the-nodes": (share(**managed(APP)), {}, "AZFMountError", "no ticket for the"),
    "vault-no-secret": (box(**in_vault("none")), {}, "BFSMountError", "vault has no such secret"),
    "nfs-not-offered": (
        {"containers": [a_container("smb-only", "box", protocol="nfs")]},
        {},
        "BFSMountError",
        "must be made for NFS",
    ),
    "host-other-cloud": (
        share(f"{ACCOUNT}.file.core.chinacloudapi.cn"),
        {},
        "AZFMountError",
        "set kubernetes.volumeMode to PersistentVolume",
    ),
}
"""Volumes, `kubernetes`, the error's code and words of it, of jobs that fail at once."""

UNRESOLVED = {
    "host-box-unknown": box(server=f"{ACCOUNT}.privatelink.blob.core.windows.net"),
    "host-share-unknown": share(f"{ACCOUNT}.privatelink.file.core.windows.net"),
}
"""Private endpoints without a private DNS zone: may pass, so the reason is told meanwhile."""


def _job(name: str, namespace: str, volumes: Raw, kubernetes: Raw) -> Raw:
    return a_job(
        name,
        namespace,
        ROUND.format(name=name),
        **volumes,
        **({"kubernetes": kubernetes} if kubernetes else {}),
    )


@pytest.fixture(scope="module")
def _registered(scene: Scene, account_key: str) -> Iterator[None]:
    """Register who may do what, for the time of these tests."""
    subject = f"--subject=system:serviceaccount:{scene.namespace}:trainer"
    roles = (f"--role={BLOB_ROLE}", f"--role={SHARE_ROLE}")
    run_tool("storage", "identity", "put", APP, subject, *roles)
    run_tool("storage", "identity", "put", NO_ROLE, subject)
    run_tool("storage", "identity", "put", VM, "--node", *roles, "--role=Key Vault Secrets User")
    # The key goes by standard input, as a secret must.
    subprocess.run(
        [sys.executable, "-m", "batchai_devcluster", "storage", "vault", "put", VAULT, "key"],
        input=account_key,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "devcluster")},
    )
    run_tool("storage", "container", "create", "smb-only")
    for place in ("share/logs", "container/data"):
        run_tool("storage", "nfs", place, "on")
    yield
    # The other ids are nobody's any more with their namespace; the nodes stay.
    run_tool("storage", "identity", "rm", VM)


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene, _registered: None) -> Iterator[None]:
    api, namespace = scene.api, scene.namespace
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    api.create(
        "serviceaccounts", {**account, "metadata": {"name": "trainer", "namespace": namespace}}
    )
    scene.submit(_job("not-permitted", namespace, box(**managed()), {}))
    scene.fail("not-permitted", "UnsupportedCredentials", 120)
    endpoint = ("--blob-endpoint", scene.blob_endpoint)
    run_tool("install", *endpoint, "--set", "nodeIdentity=true")
    for name, (volumes, kubernetes) in WORKS.items():
        scene.submit(_job(name, namespace, volumes, kubernetes))
    for name, (volumes, kubernetes, _, _) in FAILS.items():
        scene.submit(_job(name, namespace, volumes, kubernetes))
    for name, volumes in UNRESOLVED.items():
        scene.submit(_job(name, namespace, volumes, {}))
    yield
    run_tool("install", *endpoint, "--set", "nodeIdentity=false")


def test_an_identity_of_the_nodes_needs_the_administrators_permission(scene: Scene) -> None:
    assert "nodeIdentity of the chart" in str(scene.status("not-permitted"))
    assert not scene.pods("not-permitted")


@pytest.mark.parametrize("name", WORKS)
def test_it_is_mounted_and_written(scene: Scene, name: str) -> None:
    scene.succeed(name, 180)
    assert scene.text(name, "stdout.txt") == f"{name}\n"
    (pod,) = scene.pods(name)
    without = [csi for csi in _volumes(scene, pod) if not _has_secret(csi)]
    # The share of the logs is mounted with the key; the other volume knows of no Secret.
    assert len(without) == (0 if name in ("host-box", "host-share") else 1)


def _volumes(scene: Scene, pod: Raw) -> list[Raw]:
    """Return what the drivers get, from the Pod or from the claims' volumes."""
    found = []
    for volume in pod["spec"]["volumes"]:
        if "csi" in volume:
            found.append(volume["csi"])
        if "persistentVolumeClaim" in volume:
            name = volume["persistentVolumeClaim"]["claimName"]
            found.append(scene.api.get("persistentvolumes", name, "")["spec"]["csi"])
    return found


def _has_secret(csi: Raw) -> bool:
    return "nodeStageSecretRef" in csi or "secretName" in csi["volumeAttributes"]


@pytest.mark.parametrize("name", FAILS)
def test_a_wrong_setting_is_told(scene: Scene, account_key: str, name: str) -> None:
    _, _, code, words = FAILS[name]
    info = scene.fail(name, code, 180)
    assert words in json.dumps(info)
    assert account_key not in str(scene.job(name))
    assert "eyJ" not in str(scene.job(name)), "a token is in the job"


def test_the_subject_that_was_refused_is_named(scene: Scene) -> None:
    info = scene.fail("wi-stranger", "BFSMountError", 180)
    assert f"subject 'system:serviceaccount:{scene.namespace}:default'" in json.dumps(info)


@pytest.mark.parametrize("name", UNRESOLVED)
def test_a_host_that_nobody_knows_is_told_while_it_is_waited_for(scene: Scene, name: str) -> None:
    message = scene.message(name, "private DNS zone", seconds=180)
    assert f"{ACCOUNT}.privatelink." in message
