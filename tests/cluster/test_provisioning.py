"""Claims that a StorageClass provides for, as on AKS: volumes of jobs, and what becomes of them.

Kubernetes' own provisioner asks the stand-in's controllers; shares and containers are really made.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.api import Api, Raw
from support.kubectl import Kubectl
from support.objects import ACCOUNT, a_job
from support.onlooker import SECRET
from support.scene import Scene

SHARE, CONTAINER = "azurefile-csi", "azureblob-fuse-premium"
"""Classes that AKS has under these names, and the storage stand-in too."""

ROOT = "$AZ_BATCHAI_JOB_MOUNT_ROOT"


class Storage:
    """What lies in the account, as the stand-in's administrator sees it."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def _admin(self, *words: str) -> tuple[int, str]:
        pod = ("--namespace=batchai-storage", "daemonset/storage", "--container=storage")
        done = self._kubectl.try_run("exec", *pod, "--", "/storage", "admin", *words)
        return done.returncode, (done.stdout + done.stderr).decode()

    def files(self, place: str) -> list[str]:
        """Return the names of the files of `share/NAME` or `container/NAME`."""
        code, text = self._admin("ls", place)
        assert code == 0, f"{place}: {text}"
        return sorted(line.split()[-1] for line in text.splitlines())

    def has(self, place: str) -> bool:
        """Tell whether there is such a share or container."""
        code, text = self._admin("ls", place)
        assert code == 0 or "ContainerNotFound" in text or "no such share" in text, text
        return code == 0

    def remove(self, place: str) -> None:
        """Remove what a share or container holds."""
        code, text = self._admin("rm", place)
        assert code == 0, text


@pytest.fixture(scope="module")
def account(kubectl: Kubectl, provisioning: None) -> Storage:
    """The storage account."""
    return Storage(kubectl)


@pytest.fixture
def a_class(api: Api, scene: Scene) -> Iterator[Callable[..., str]]:
    """Make a StorageClass of the test's own."""
    made = []

    def make(suffix: str, driver: str, parameters: dict[str, str], **fields: Any) -> str:
        name = f"{scene.namespace}-{suffix}"
        body: Raw = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": driver,
            "parameters": parameters,
            **fields,
        }
        api.create("storageclasses", body)
        made.append(name)
        return name

    yield make
    for name in made:
        api.delete("storageclasses", name)


def claim(scene: Scene, name: str, storage_class: str) -> None:
    """Make a claim of 1 GiB for many nodes."""
    scene.api.create(
        "persistentvolumeclaims",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": scene.namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": storage_class,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
    )


def volume_of(scene: Scene, name: str) -> Raw:
    """Wait until a claim is bound and return its PersistentVolume."""

    def look() -> Raw | None:
        found = scene.api.get("persistentvolumeclaims", name, scene.namespace)
        if found["status"]["phase"] != "Bound":
            return None
        return scene.api.get("persistentvolumes", found["spec"]["volumeName"])

    found = scene.until(look, 90, f"claim {name} to be bound")
    assert found is not None
    return found


def gone(scene: Scene, name: str) -> None:
    """Wait until a PersistentVolume is gone."""
    scene.until(
        lambda: scene.api.find("persistentvolumes", name) is None, 90, f"volume {name} to be gone"
    )


def on_claims(scene: Scene, name: str, command: str, **claims: str) -> None:
    """Run a job with claims as volumes, by relative path; its logs are on the first."""
    mounts = [{"claimName": each, "relativeMountPath": path} for path, each in claims.items()]
    job = a_job(name, scene.namespace, command, shares=[])
    job["spec"]["mountVolumes"] = {"persistentVolumeClaims": mounts}
    job["spec"]["stdOutErrPathPrefix"] = f"{ROOT}/{next(iter(claims))}"
    scene.submit(job)
    scene.succeed(name, seconds=180)


def test_a_job_mounts_claims_of_the_classes_of_aks(scene: Scene, account: Storage) -> None:
    """A share and a container are made for two claims, and go with them."""
    scene.api.delete("secrets", SECRET, scene.namespace)
    claim(scene, "logs", SHARE)
    claim(scene, "results", CONTAINER)
    volumes = {name: volume_of(scene, name) for name in ("logs", "results")}
    share, container = (volumes[name]["metadata"]["name"] for name in ("logs", "results"))
    space = scene.namespace
    handles = {name: volume["spec"]["csi"]["volumeHandle"] for name, volume in volumes.items()}
    assert handles == {
        "logs": f"devcluster#{ACCOUNT}#{share}###{space}",
        "results": f"devcluster#{ACCOUNT}#{container}##{space}#",
    }
    # The driver has stored the account's key beside the claims.
    assert scene.api.find("secrets", SECRET, space)
    command = f"echo of the share; echo 42 >{ROOT}/out/answer.txt"
    on_claims(scene, "both", command, log="logs", out="results")
    assert account.files(f"container/{container}") == ["answer.txt"]
    logs = f"{scene.folder('both')}/stdout.txt"
    assert logs in account.files(f"share/{share}")
    scene.api.delete("batchaijobs", "both", space)
    scene.until(lambda: not scene.pods("both"), 60, "the job's Pods to be gone")
    for name in volumes:
        scene.api.delete("persistentvolumeclaims", name, space)
    for place, name in ((f"share/{share}", share), (f"container/{container}", container)):
        gone(scene, name)
        assert not account.has(place)


def test_a_class_that_retains(
    scene: Scene, account: Storage, a_class: Callable[..., str], api: Api
) -> None:
    """Names may hold the claim's; what was made outlives claim and volume."""
    kept = a_class(
        "kept",
        "file.csi.azure.com",
        {"shareName": "${pvc.metadata.namespace}-${pvc.metadata.name}", "storageAccount": ACCOUNT},
        reclaimPolicy="Retain",
    )
    claim(scene, "kept", kept)
    volume = volume_of(scene, "kept")
    share = f"{scene.namespace}-kept"
    name = volume["metadata"]["name"]
    handle = f"devcluster#{ACCOUNT}#{share}##{name}#{scene.namespace}"
    assert volume["spec"]["csi"]["volumeHandle"] == handle
    on_claims(scene, "first", f"echo here >{ROOT}/kept/here.txt", kept="kept")
    api.delete("batchaijobs", "first", scene.namespace)
    scene.until(lambda: not scene.pods("first"), 60, "the job's Pods to be gone")
    api.delete("persistentvolumeclaims", "kept", scene.namespace)

    def released() -> bool:
        phase: str = api.get("persistentvolumes", name)["status"]["phase"]
        return phase == "Released"

    scene.until(released, 60, "the volume to be released")
    api.delete("persistentvolumes", name)
    gone(scene, name)
    # A new claim of that name finds the old share.
    claim(scene, "kept", kept)
    on_claims(scene, "second", f"cat {ROOT}/kept/here.txt", kept="kept")
    assert "here.txt" in account.files(f"share/{share}")
    account.remove(f"share/{share}")
    again = volume_of(scene, "kept")["metadata"]["name"]
    patch = {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    api.patch("persistentvolumes", again, "", patch)
    api.delete("batchaijobs", "second", scene.namespace)
    api.delete("persistentvolumeclaims", "kept", scene.namespace)
    gone(scene, again)
    assert not account.has(f"share/{share}")


def test_a_class_that_the_driver_refuses(scene: Scene, a_class: Callable[..., str]) -> None:
    """The claim's events have the real driver's words."""
    wrong = a_class("wrong", "blob.csi.azure.com", {"shareName": "logs"})
    claim(scene, "wrong", wrong)

    def told() -> str | None:
        for event in scene.api.list("events", scene.namespace):
            is_its = event["involvedObject"]["name"] == "wrong"
            if is_its and event["reason"] == "ProvisioningFailed":
                return json.dumps(event["message"])
        return None

    message = scene.until(told, 60, "the driver's refusal")
    assert message is not None
    assert 'invalid parameter \\"shareName\\" in storage class' in message
    scene.api.delete("persistentvolumeclaims", "wrong", scene.namespace)
