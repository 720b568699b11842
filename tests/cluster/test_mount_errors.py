"""Storage that cannot be mounted ends the job within seconds and says why (spec 7.1, design 5)."""

from collections.abc import Callable

import pytest

from support.api import Raw
from support.objects import ACCOUNT, a_cluster, a_container, a_job, a_share
from support.scene import Scene

SECONDS = 60
"""The bound of these tests. Three failed tries of the kubelet take 3 to 10 s, and the machine is
shared."""
WRONG_KEY = "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50LCBidXQgYSBrZXkgYWxsIHRoZSBzYW1lIQ=="


def a_secret(name: str, namespace: str, account: str, key: str) -> Raw:
    """Return a storage account's Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"azurestorageaccountname": account, "azurestorageaccountkey": key},
    }


def by(secret: str) -> Raw:
    """Return credentials that name a Secret."""
    return {"credentials": {"secretRef": {"name": secret}}}


CASES: dict[str, tuple[str, tuple[str, ...], Callable[[], Raw]]] = {
    "share-wrong-key": ("AZFMountError", ("logs",), lambda: _shares(a_share(**by("wrong")))),
    "share-missing": ("AZFMountError", ("nothing",), lambda: _shares(a_share("nothing"))),
    "share-no-secret": ("AZFMountError", ("absent",), lambda: _shares(a_share(**by("absent")))),
    "share-other-account": (
        "AZFMountError",
        ("somebodyelse", ACCOUNT),
        lambda: _shares(a_share(**by("other"))),
    ),
    "blob-wrong-key": (
        "BFSMountError",
        ("data",),
        lambda: _blobs(a_container("data", **by("wrong"))),
    ),
    "blob-missing": ("BFSMountError", ("no-such",), lambda: _blobs(a_container("no-such"))),
    "blob-no-secret": (
        "BFSMountError",
        ("absent",),
        lambda: _blobs(a_container("data", **by("absent"))),
    ),
}


def _shares(*shares: Raw) -> Raw:
    return {"azureFileShares": [a_share(path="good"), *shares]}


def _blobs(*containers: Raw) -> Raw:
    return {"azureFileShares": [a_share(path="good")], "azureBlobFileSystems": list(containers)}


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene, account_key: str) -> None:
    scene.api.create("secrets", a_secret("wrong", scene.namespace, ACCOUNT, WRONG_KEY))
    scene.api.create("secrets", a_secret("other", scene.namespace, "somebodyelse", account_key))
    for name, (_, _, volumes) in CASES.items():
        job = a_job(name, scene.namespace)
        job["spec"]["mountVolumes"] = volumes()
        job["spec"]["stdOutErrPathPrefix"] = "$AZ_BATCHAI_JOB_MOUNT_ROOT/good"
        scene.submit(job)


@pytest.mark.parametrize("name", CASES)
def test_mount_error(scene: Scene, account_key: str, name: str) -> None:
    code, words, _ = CASES[name]
    info = scene.fail(name, code, seconds=SECONDS)
    error = info["errors"][0]
    said = {
        "AZFMountError": "unable to mount Azure File",
        "BFSMountError": "unable to mount blob fuse file system",
    }
    assert error["message"] == said[code]
    # What exactly is wrong stands in the details and in the printer column.
    details = " ".join(detail["value"] for detail in error["details"])
    for word in words:
        assert word in details
    status = scene.status(name)
    assert any(word in status["message"] for word in (*words, "key", "Secret"))
    assert account_key not in str(scene.job(name))
    assert WRONG_KEY not in str(scene.job(name))
    assert "exitCode" not in info
    scene.until(
        lambda: not any(pod["status"]["phase"] == "Pending" for pod in scene.pods(name)),
        30,
        "no Pod to be left waiting",
        name,
    )


def test_secret_that_comes_later_does_no_harm(scene: Scene, account_key: str) -> None:
    late = a_job("late-secret", scene.namespace, "echo patience pays")
    late["spec"]["mountVolumes"]["azureFileShares"][0].update(by("late"))
    scene.submit(late)
    scene.message("late-secret", "late")
    scene.api.create("secrets", a_secret("late", scene.namespace, ACCOUNT, account_key))
    scene.succeed("late-secret")
    assert scene.text("late-secret", "stdout.txt") == "patience pays\n"


def test_volumes_of_the_cluster(scene: Scene) -> None:
    """Cluster and job volumes are visible at once, under different roots (spec 2.6)."""
    cluster = a_cluster("mounted", scene.namespace)
    cluster["spec"]["nodeSetup"] = {"mountVolumes": {"azureFileShares": [a_share(path="afs")]}}
    scene.submit(cluster)
    command = 'ls -d "$AZ_BATCHAI_MOUNT_ROOT/afs" "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"'
    job = a_job("both", scene.namespace, command, cluster="mounted")
    job["spec"]["stdOutErrPathPrefix"] = "$AZ_BATCHAI_MOUNT_ROOT/afs"
    scene.submit(job)
    scene.succeed("both")
    root = "/mnt/batch/tasks/shared/LS_root"
    assert scene.text("both", "stdout.txt").splitlines() == [
        f"{root}/jobs/default/default/both/mounts/logs",
        f"{root}/mounts/afs",
    ]
