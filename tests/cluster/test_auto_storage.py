"""Auto-storage end to end, by the old command line: nothing given, an account, StorageClasses.

The release is installed anew for each back end and as it was at the end. Share and container are
really made in the storage stand-in: of an account by the operator, with Azure's SDKs, and of
StorageClasses by their drivers, for Kubernetes' own provisioner.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchai_devcluster import storage_deploying as deploying
from support.api import Api, Raw
from support.commandline import Batchai, in_scene
from support.explaining import RELEASE_NAMESPACE
from support.kubectl import Kubectl
from support.objects import ACCOUNT
from support.onlooker import SECRET
from support.scene import Scene
from support.waiting import wait_until

BOX = "auto-storage"
"""The Secret with the operator's account."""

BY_ACCOUNT = (
    "autoStorage.backend=account",
    f"autoStorage.account.secret={BOX}",
    "autoStorage.account.namespaces={*}",
    f"autoStorage.account.fileEndpoint={deploying.FILE_ENDPOINT}",
)
BY_CLASS = (
    "autoStorage.backend=storageClass",
    "autoStorage.share.storageClass=azurefile-csi",
    "autoStorage.share.size=1Gi",
    "autoStorage.container.storageClass=azureblob-fuse-premium",
    "autoStorage.container.size=1Gi",
)

JOB = {
    "properties": {
        "nodeCount": 1,
        "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/autoafs",
        "outputDirectories": [{"id": "MODEL", "pathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/autobfs"}],
    }
}


@pytest.fixture(scope="module")
def install(node_image: str, storage: str) -> Iterator[Callable[..., None]]:
    """Install the release with other values; it is as before at the end."""
    command = [sys.executable, "-m", "batchai_devcluster", "install", "--blob-endpoint", storage]

    def installed(*values: str) -> None:
        words = [word for value in values for word in ("--set", value)]
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL, timeout=300)

    yield installed
    installed()


@pytest.fixture(scope="module")
def box(api: Api) -> Iterator[Callable[[str], None]]:
    """Give the operator an account with a key."""

    def put(key: str) -> None:
        data = {
            name: base64.b64encode(value.encode()).decode()
            for name, value in (
                ("azurestorageaccountname", ACCOUNT),
                ("azurestorageaccountkey", key),
            )
        }
        metadata = {"name": BOX, "namespace": RELEASE_NAMESPACE}
        if api.find("secrets", BOX, RELEASE_NAMESPACE):
            api.patch("secrets", BOX, RELEASE_NAMESPACE, {"data": data})
        else:
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
            api.create("secrets", body)

    yield put
    api.delete("secrets", BOX, RELEASE_NAMESPACE)


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    """Run the command in the test's resource group."""
    return in_scene(scene, kubeconfig)


@pytest.fixture
def job_file(tmp_path: Path) -> Callable[[str], str]:
    """Write a job file of the service with a command; what it mounts is its cluster's."""

    def write(command: str) -> str:
        file = tmp_path / "job.json"
        content = json.loads(json.dumps(JOB))
        content["properties"]["customToolkitSettings"] = {"commandLine": command}
        file.write_text(json.dumps(content))
        return str(file)

    return write


def ready(scene: Scene, name: str, status: str, reason: str, seconds: float = 60) -> Raw:
    """Wait for a cluster's condition `AutoStorageReady` and return the cluster."""

    def look() -> Raw | None:
        cluster = scene.api.get("batchaiclusters", name, scene.namespace)
        for found in (cluster.get("status") or {}).get("conditions") or ():
            if found["type"] == "AutoStorageReady":
                is_it = (found["status"], found["reason"]) == (status, reason)
                return cluster if is_it else None
        return None

    def explain() -> str:
        return json.dumps(scene.api.get("batchaiclusters", name, scene.namespace), indent=1)

    found = wait_until(look, seconds, f"auto-storage of {name}: {status} {reason}", explain)
    assert found is not None
    return found


def keys_in(scene: Scene) -> list[str]:
    """Return the names of auto-storage's Secrets in the namespace."""
    found = [secret["metadata"]["name"] for secret in scene.api.list("secrets", scene.namespace)]
    return [name for name in found if "-autostorage-" in name]


def auto_cluster(batchai: Batchai, name: str, *flags: str) -> None:
    """Create a cluster as the service's quickstart does."""
    words = ("--use-auto-storage", "--generate-ssh-keys", "-s", "Standard_D2", "-t", "2")
    batchai("cluster", "create", "-n", name, "-w", "myworkspace", *words, *flags)


def test_auto_storage_by_an_account(
    *,
    scene: Scene,
    batchai: Batchai,
    install: Callable[..., None],
    box: Callable[[str], None],
    account_key: str,
    job_file: Callable[[str], str],
    tell: Callable[[object], None],
) -> None:
    """From an operator that has none, over a wrong key, to files that outlive the clusters."""
    auto_cluster(batchai, "first")
    ready(scene, "first", "False", "NotConfigured")
    write = "echo hello; pwd >&2; echo weights >$AZ_BATCHAI_OUTPUT_MODEL/model.bin"
    batchai("job", "create", "-n", "early", "-c", "first", "-f", job_file(write))
    scene.message("early", "autoStorage.backend")
    assert not scene.pods("early")

    wrong = base64.b64encode(b"this is not the key").decode()
    box(wrong)
    install(*BY_ACCOUNT)
    cluster = ready(scene, "first", "False", "StorageKeyRefused", seconds=120)
    assert wrong not in json.dumps(cluster)
    scene.message("early", "the key in the operator's Secret is not the account's")
    assert not keys_in(scene), "a key that opens nothing is not handed on"

    box(account_key)
    tell("The kubelet brings the new key, and the operator tries again: up to three minutes.")
    cluster = ready(scene, "first", "True", "Ready", seconds=300)
    share = f"batchaishare-{scene.namespace}"
    assert cluster["status"]["autoStorage"]["azureFileUrl"].endswith(f"/{share}")
    assert account_key not in json.dumps(cluster)
    scene.succeed("early", seconds=180)
    text = batchai("job", "file", "stream", "-j", "early", "-f", "stdout.txt").stdout
    assert text == b"hello\n"
    shown = json.loads(batchai("job", "file", "list", "-j", "early", "-d", "MODEL").stdout)
    assert [item["name"] for item in shown] == ["model.bin"]
    # What the service's quickstart asks the cluster for.
    query = "nodeSetup.mountVolumes.azureFileShares[0].accountName"
    named = batchai("cluster", "show", "-n", "first", "-w", "myworkspace", "--query", query).stdout
    assert json.loads(named) == ACCOUNT

    auto_cluster(batchai, "Second_One")
    second = next(
        each
        for each in scene.api.list("batchaiclusters", scene.namespace)
        if each["spec"].get("name") == "Second_One"
    )
    ready(scene, second["metadata"]["name"], "True", "Ready")
    segment = scene.status("early")["jobOutputDirectoryPathSegment"]
    root = "$AZ_BATCHAI_MOUNT_ROOT"
    count = f"find {root}/autobfs -name model.bin | wc -l"
    read = f"cat {root}/autoafs/{segment}/stdouterr/stdout.txt; {count}"
    batchai("job", "create", "-n", "late", "-c", "Second_One", "-f", job_file(read))
    scene.succeed("late", seconds=180)
    assert (
        batchai("job", "file", "stream", "-j", "late", "-f", "stdout.txt").stdout == b"hello\n1\n"
    )

    for name in ("first", "Second_One"):
        batchai("cluster", "delete", "-n", name, "-y")
    scene.until(lambda: not keys_in(scene), 60, "the clusters' Secrets to go with them")
    auto_cluster(batchai, "third")
    ready(scene, "third", "True", "Ready")
    batchai("job", "create", "-n", "last", "-c", "third", "-f", job_file(read))
    scene.succeed("last", seconds=180)
    assert (
        batchai("job", "file", "stream", "-j", "last", "-f", "stdout.txt").stdout == b"hello\n1\n"
    )


def test_the_operator_tells_nobody_the_key(api: Api, account_key: str) -> None:
    """Runs after the account was given: neither its name in a path nor an error brings it along."""
    labels = "app.kubernetes.io/instance=batchai"
    (pod,) = api.list("pods", RELEASE_NAMESPACE, labels=labels)
    text = api.logs(pod["metadata"]["name"], RELEASE_NAMESPACE, "operator").decode()
    assert "batchaishare" in text
    assert account_key not in text
    assert "SharedKey" not in text


def test_storage_that_is_away_is_told_and_found_again(
    scene: Scene, batchai: Batchai, kubectl: Kubectl
) -> None:
    """Runs after the account was given; other clusters are not disturbed meanwhile."""
    words = ("--namespace", deploying.NAMESPACE, "deployment/files")
    kubectl.run("scale", "--replicas=0", *words)
    try:
        kubectl.run("wait", "--for=delete", "pod", "--namespace", deploying.NAMESPACE,
                    "--selector=app.kubernetes.io/name=files", "--timeout=60s")  # fmt: skip
        auto_cluster(batchai, "away")
        ready(scene, "away", "False", "StorageUnreachable", seconds=120)
        ready(scene, "third", "True", "Ready", seconds=5)
    finally:
        kubectl.run("scale", "--replicas=1", *words)
    ready(scene, "away", "True", "Ready", seconds=180)


@pytest.mark.usefixtures("provisioning")
def test_auto_storage_by_classes(
    *,
    make_scene: Callable[..., Scene],
    kubeconfig: Path,
    install: Callable[..., None],
    job_file: Callable[[str], str],
) -> None:
    """Two claims are made once, their driver provides for them, and files outlive the cluster."""
    own = make_scene("classes")
    # Whatever opens the account here is what the driver stores, not the tests' own Secret.
    own.api.delete("secrets", SECRET, own.namespace)
    run = in_scene(own, kubeconfig)
    install(*BY_CLASS)
    auto_cluster(run, "claims")
    ready(own, "claims", "True", "Ready", seconds=180)
    claims = own.api.list("persistentvolumeclaims", own.namespace)
    volumes = {each["metadata"]["name"]: each["spec"]["volumeName"] for each in claims}
    first = {each["metadata"]["uid"] for each in claims}
    assert set(volumes) == {"batchaishare", "batchaicontainer"}
    command = "echo kept; echo weights >$AZ_BATCHAI_OUTPUT_MODEL/model.bin"
    run("job", "create", "-n", "job", "-c", "claims", "-f", job_file(command))
    own.succeed("job", seconds=180)
    assert run("job", "file", "stream", "-j", "job", "-f", "stdout.txt").stdout == b"kept\n"
    listed = json.loads(run("job", "file", "list", "-j", "job", "-d", "MODEL").stdout)
    assert [item["name"] for item in listed] == ["model.bin"]
    run("cluster", "delete", "-n", "claims", "-y")
    auto_cluster(run, "others")
    ready(own, "others", "True", "Ready", seconds=60)
    read = "find $AZ_BATCHAI_MOUNT_ROOT/autobfs -name model.bin | wc -l"
    run("job", "create", "-n", "late", "-c", "others", "-f", job_file(read))
    own.succeed("late", seconds=180)
    assert run("job", "file", "stream", "-j", "late", "-f", "stdout.txt").stdout == b"1\n"
    claims = own.api.list("persistentvolumeclaims", own.namespace)
    assert {each["metadata"]["uid"] for each in claims} == first
    own.api.delete("namespaces", own.namespace)
    for volume in volumes.values():
        own.until(
            lambda volume=volume: own.api.find("persistentvolumes", volume) is None,  # type: ignore[misc]
            120,
            f"{volume} to go with the namespace",
        )
