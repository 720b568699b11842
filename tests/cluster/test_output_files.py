"""Files of jobs are listed and streamed, byte for byte, as long as they are: live, ended, gone."""

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from batchai_operator.engine.storageports import BlobCredential
from batchai_operator.storage.blobs import AzureContainer
from support.api import Api
from support.commandline import Batchai, in_scene
from support.kubectl import Kubectl
from support.objects import ACCOUNT, LOGS, a_cluster, a_container, a_job, a_share
from support.onlooker import SECRET
from support.scene import Scene

# ruff: noqa: S310 (links to the test's own storage)

DATA = "$AZ_BATCHAI_JOB_MOUNT_ROOT/data"
SCRIPT = """
mkdir -p $AZ_BATCHAI_OUTPUT_M/sub/deep
head -c 3000001 /dev/urandom >$AZ_BATCHAI_OUTPUT_M/sub/random
head -c 2000000 /dev/urandom | base64 | sed 's/A/größer/g'
echo begun
while ! test -e {go}; do sleep 0.2; done
printf 'the end without a newline: ö'
"""


def outputs(prefix: str) -> list[dict[str, str]]:
    return [{"id": "M", "pathPrefix": prefix, "pathSuffix": "models"}]


@pytest.fixture(scope="module")
def endpoint(api: Api, storage: str) -> str:
    """Where blob storage is for this machine, which does not know the cluster's names."""
    if "svc.cluster.local" not in storage:
        return storage
    address = api.get("services", "azurite", "batchai-storage")["spec"]["clusterIP"]
    return f"http://{address}:10000/{{account}}"


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path, endpoint: str) -> Batchai:
    return in_scene(scene, kubeconfig, BATCHAI_OPERATOR_BLOB_ENDPOINT=endpoint)


def items(batchai: Batchai, *words: str) -> dict[str, dict[str, object]]:
    found = json.loads(batchai(*words).stdout)
    return {item["name"]: item for item in found}


def test_a_share_through_all_of_a_jobs_life(scene: Scene, batchai: Batchai) -> None:
    cluster = a_cluster("keeper", scene.namespace)
    cluster["spec"]["nodeSetup"] = {"mountVolumes": {"azureFileShares": [a_share()]}}
    scene.submit(cluster)
    go = f"{LOGS}/go-{scene.namespace}"
    scene.submit(
        a_job("life", scene.namespace, SCRIPT.format(go=go), outputDirectories=outputs(LOGS))
    )
    scene.wait("life", "running", seconds=180)
    with batchai.start("job", "file", "stream", "-j", "life", "-f", "stdout.txt") as stream:
        begun = stream.read(2_500_000)
        assert items(batchai, "job", "file", "list", "-j", "life").keys() == {
            "execution.log", "stderr.txt", "stdout.txt",
        }  # fmt: skip
        live = items(batchai, "job", "file", "list", "-j", "life", "-d", "M", "-p", "sub")
        assert (live["deep"]["fileType"], live["deep"]["contentLength"]) == ("directory", None)
        assert live["random"]["contentLength"] == 3000001
        scene.onlooker.run("touch", f"/share/go-{scene.namespace}")
        streamed = begun + stream.rest()
    scene.succeed("life")
    folder = scene.folder("life")
    assert streamed == scene.onlooker.read(f"{folder}/stdout.txt")
    assert streamed.decode().endswith("the end without a newline: ö")
    # After its end, without its Pods, without the object: always the same bytes.
    random = scene.onlooker.sha256(f"{folder.removesuffix('stdouterr')}outputs/models/sub/random")
    of_job = ("job", "file", "stream", "-j", "life", "-d", "M", "-p", "sub", "-f", "random")
    assert hashlib.sha256(batchai(*of_job).stdout).hexdigest() == random
    scene.submit(a_job("neighbour", scene.namespace, "true"))
    scene.succeed("neighbour")
    for pod in scene.pods("life"):
        scene.api.delete("pods", pod["metadata"]["name"], scene.namespace)
    scene.until(lambda: not scene.pods("life"), 120, "the Pods to be gone")
    assert hashlib.sha256(batchai(*of_job).stdout).hexdigest() == random
    assert items(batchai, "job", "file", "list", "-j", "life", "-d", "M", "-p", "sub") == live
    segment = scene.status("life")["jobOutputDirectoryPathSegment"]
    batchai("job", "delete", "-n", "life", "-y")
    by_path = ("file", "list", "-c", "keeper", "-p")
    assert items(batchai, *by_path, segment).keys() == {"stdouterr", "outputs"}
    assert items(batchai, *by_path, f"{segment}/outputs/models/sub") == live
    rooted = f"$AZ_BATCHAI_MOUNT_ROOT/logs/{segment}/stdouterr/stdout.txt"
    assert batchai("file", "stream", "-c", "keeper", "-p", rooted).stdout == streamed
    flags = ("--storage-account-name", ACCOUNT, "--afs-name", "logs")
    path = f"{segment}/stdouterr/stdout.txt"
    assert batchai("file", "stream", *flags, "-p", path).stdout == streamed
    batchai("file", "list", *flags, "-p", f"{segment}/nothing", code=3)
    assert b"leaves" in batchai("file", "list", *flags, "-p", "../..", code=1).stderr
    assert not readers(scene), "reader Pods are left"


def readers(scene: Scene) -> list[str]:
    labels = "batchai.dev/component=reader"
    return [
        pod["metadata"]["name"] for pod in scene.api.list("pods", scene.namespace, labels=labels)
    ]


@pytest.fixture(scope="module")
def blob_job(scene: Scene) -> str:
    """A job that has ended, all of whose files are on a container."""
    go = f"{DATA}/go-{scene.namespace}"
    command = f"touch {go}; {SCRIPT.format(go=go)}"
    job = a_job("blob", scene.namespace, command, shares=(), containers=[a_container("data")])
    job["spec"] |= {"stdOutErrPathPrefix": DATA, "outputDirectories": outputs(DATA)}
    scene.submit(job)
    scene.succeed("blob", seconds=240)
    return "blob"


def test_a_container_is_read_without_any_pod(scene: Scene, batchai: Batchai, blob_job: str) -> None:
    path = f"/container/{scene.folder(blob_job)}/stdout.txt"
    content = scene.onlooker.run("cat", path)
    for pod in scene.pods(blob_job):
        scene.api.delete("pods", pod["metadata"]["name"], scene.namespace)
    listed = items(batchai, "job", "file", "list", "-j", blob_job, "--expiry", "5")
    assert listed.keys() == {"execution.log", "stderr.txt", "stdout.txt"}
    link = str(listed["stdout.txt"]["downloadUrl"])
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == content
    part = urllib.request.Request(link, headers={"Range": "bytes=5-9"})
    with urllib.request.urlopen(part) as answer:
        assert (answer.status, answer.read()) == (206, content[5:10])
    assert "sig=" not in json.dumps(scene.job(blob_job)), "a link may not be kept"
    # For that file only: the signature opens no other, and not the container.
    for other in (link.replace("stdout.txt", "stderr.txt"), _container_of(link)):
        assert refusal(other) in {403, 404}
    streamed = batchai("job", "file", "stream", "-j", blob_job, "-f", "stdout.txt")
    assert streamed.stdout == content
    below = items(batchai, "job", "file", "list", "-j", blob_job, "-d", "M")
    assert [(item["name"], item["fileType"]) for item in below.values()] == [("sub", "directory")]
    assert streamed.stderr == b""
    flags = ("--storage-account-name", ACCOUNT, "--bfs-name", "data")
    path = f"{scene.folder(blob_job)}/stdout.txt"
    assert batchai("file", "stream", *flags, "-p", path).stdout == content


def refusal(link: str) -> int:
    """Return the code with which storage refuses a link; the answer's connection is closed."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link)
    with refused.value as answer:
        return int(answer.code)


def _container_of(link: str) -> str:
    address, _, query = link.partition("?")
    base = address[: address.index("/data/") + len("/data")]
    return f"{base}?restype=container&comp=list&{query}"


async def test_a_link_ends(blob_job: str, scene: Scene, endpoint: str, account_key: str) -> None:
    url = endpoint.replace("{account}", ACCOUNT)
    async with AzureContainer(url, "data", BlobCredential(ACCOUNT, account_key)) as container:
        link = container.link(f"{scene.folder(blob_job)}/stdout.txt", -1)
    assert link is not None
    assert refusal(link) == 403


EXPIRED = "sv=2024-11-04&ss=b&srt=sco&sp=rl&se=2020-01-01&sig=c2ln"


@pytest.mark.parametrize(
    ("data", "means"),
    [
        ({"azurestorageaccountkey": "bm90IHRoZSBrZXk="}, "key"),
        ({"azurestorageaccountsastoken": EXPIRED}, "shared access signature"),
    ],
    ids=["wrong-key", "expired-sas"],
)
def test_a_secret_that_opens_nothing_is_told(
    api: Api,
    batchai: Batchai,
    make_namespace: Callable[..., str],
    data: dict[str, str],
    means: str,
) -> None:
    namespace = make_namespace("refused")
    api.delete("secrets", SECRET, namespace)
    secret = {"metadata": {"name": SECRET, "namespace": namespace}, "apiVersion": "v1"}
    strings = {"azurestorageaccountname": ACCOUNT, **data}
    api.create("secrets", {**secret, "kind": "Secret", "stringData": strings})
    flags = ("--storage-account-name", ACCOUNT, "--bfs-name", "data")
    done = batchai("file", "list", *flags, code=1, group=namespace)
    text = done.stderr.decode()
    assert f"storage refuses the {means}" in text
    assert "FailedMount" in text, "and why the Pod could not either"
    assert data.popitem()[1] not in text


def test_nobody_reads_another_namespaces_files(
    kubectl: Kubectl,
    scene: Scene,
    make_namespace: Callable[..., str],
    kubeconfig: Path,
    tmp_path: Path,
) -> None:
    """With all that the chart's `edit` gives in one namespace."""
    own = make_namespace("stranger")
    kubectl.run("create", "serviceaccount", "stranger", f"--namespace={own}")
    binding = ("rolebinding", "stranger", "--clusterrole=edit", f"--serviceaccount={own}:stranger")
    kubectl.run("create", *binding, f"--namespace={own}")
    token = kubectl.run("create", "token", "stranger", f"--namespace={own}").decode().strip()
    config = tmp_path / "kubeconfig"
    config.write_text(kubeconfig.read_text())
    changes = (
        ("set-credentials", "s", f"--token={token}"),
        ("set-context", "--current", "--user=s"),
    )
    for words in changes:
        subprocess.run(
            [kubectl.program, f"--kubeconfig={config}", "config", *words],
            check=True,
            stdout=sys.stderr,
        )
    stranger = Batchai(config, scene.namespace)
    assert stranger("file", "list", "-c", "d2", group=own, code=None).returncode != 0
    flags = ("--storage-account-name", ACCOUNT, "--afs-name", "logs")
    for words in (
        ("job", "file", "list", "-j", "blob"),
        ("job", "file", "stream", "-j", "blob", "-f", "stdout.txt"),
        ("file", "list", *flags),
        ("file", "list", "-c", "d2"),
        ("cluster", "file", "list", "-c", "d2"),
    ):
        done = stranger(*words, code=1)
        assert b"forbidden" in done.stderr, words
        assert done.stdout == b"", words
