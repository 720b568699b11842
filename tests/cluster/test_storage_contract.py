"""The storage drivers keep the real drivers' rules, tried by hand-written Pods.

Nothing here knows what the operator would write. With `CSI=none` the same Pods run on the drivers
that the cluster has; `devcluster/storage/README.md` lists the rules and the real drivers' words.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from batchai_devcluster import provider
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.paths import Paths
from support.api import Api, Raw
from support.shell_pods import CONTAINER, SECRET, SHARE, a_pod, container, events_of, inline, share
from support.waiting import wait_until

pytestmark = pytest.mark.cluster

WRONG_KEY = "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50LCBidXQgYSBrZXkgYWxsIHRoZSBzYW1lIQ=="


@dataclass(frozen=True)
class Works:
    """A Pod that mounts, and what it prints."""

    command: str
    volumes: dict[str, Raw]
    output: str
    security: Raw = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A Pod that never mounts, and what its events say."""

    volume: Raw
    words: tuple[str, ...]


WORKS = {
    "root": Works(
        "for d in /share /blob; do echo hello > $d/root; cat $d/root; rm $d/root; done",
        {"share": share(), "blob": container()},
        "hello\nhello\n",
    ),
    "user": Works(
        "for d in /share /blob; do mkdir $d/u; echo hello > $d/u/f; cat $d/u/f; rm -r $d/u; done",
        {"share": share(), "blob": container(mountOptions="-o allow_other")},
        "hello\nhello\n",
        {"runAsUser": 1000, "runAsGroup": 1000},
    ),
    "user-without-allow-other": Works(
        "ls /blob 2>&1 | grep -o 'Permission denied'",
        {"blob": container()},
        "Permission denied\n",
        {"runAsUser": 1000},
    ),
    "group": Works(
        "touch /share/g /blob/g && stat -c %g /share/g /blob/g; rm /share/g /blob/g",
        {"share": share(), "blob": container(mountOptions="-o allow_other")},
        "2000\n2000\n",
        {"runAsUser": 1000, "fsGroup": 2000},
    ),
    "modes": Works(
        "touch /share/m; stat -c '%a %u' /share/m /share; rm /share/m",
        {"share": share(mountOptions="file_mode=0640,dir_mode=0750,uid=1000")},
        "640 1000\n750 1000\n",
    ),
    "read-only": Works(
        "for d in /share /blob; do touch $d/x 2>&1 | grep -o 'Read-only'; done",
        {
            "share": {"csi": {**share()["csi"], "readOnly": True}},
            "blob": {"csi": {**container()["csi"], "readOnly": True}},
        },
        "Read-only\nRead-only\n",
    ),
    "letter-case": Works(
        "ls -d /share /blob",
        {
            "share": inline(SHARE, {"SHARENAME": "logs", "SecretName": SECRET}),
            "blob": inline(CONTAINER, {"containername": "data", "SECRETNAME": SECRET}),
        },
        "/blob\n/share\n",
    ),
    "account-and-namespace-are-ignored": Works(
        "ls -d /share /blob",
        {
            "share": share(storageAccount="somebodyelse", secretNamespace="kube-system"),
            "blob": container(storageAccount="somebodyelse", secretNamespace="kube-system"),
        },
        "/blob\n/share\n",
    ),
}

REFUSED = {
    "share-wrong-key": Refused(share(secretName="wrong"), ("mount error(13)", "Permission denied")),
    "share-missing": Refused(share(shareName="nothing"), ("mount error(2)",)),
    "share-no-secret": Refused(
        share(secretName="absent"), ("could not get secret(absent)", 'secrets "absent" not found')
    ),
    "share-no-secret-name": Refused(share(secretName=""), ("failed to get account name",)),
    "share-nfs": Refused(share(protocol="nfs"), ("NFS protocol is not supported for ephemeral",)),
    "share-bind": Refused(share(mountOptions="bind"), ('"bind" is not supported',)),
    "share-server-path": Refused(share(server="host/path"), ('invalid server "host/path"',)),
    "share-name-path": Refused(share(shareName="logs/deep"), ('invalid shareName "logs/deep"',)),
    "share-keys-collide": Refused(share(sharename="other"), ("case-colliding",)),
    "blob-wrong-key": Refused(container(secretName="wrong"), ("AuthenticationFailed",)),
    "blob-missing": Refused(container(containerName="no-such"), ("ContainerNotFound",)),
    "blob-no-secret": Refused(container(secretName="absent"), ("could not get secret(absent)",)),
    "blob-no-container": Refused(
        container(containerName=""), ("containerName must be specified for ephemeral volumes",)
    ),
    "blob-bad-name": Refused(container(containerName="My_Data"), ("InvalidArgument", "My_Data")),
    "blob-use-https": Refused(
        container(mountOptions="--use-https=true"), ("InvalidArgument", "--use-https")
    ),
    "blob-tmp-path": Refused(
        container(mountOptions="-o allow_other --tmp-path=/x"), ("InvalidArgument", "--tmp-path")
    ),
    "blob-v1-option": Refused(container(mountOptions="-o big_writes"), ("invalid FUSE options",)),
    "blob-nfs": Refused(container(protocol="nfs"), ("mount failed",)),
}


@pytest.fixture(scope="module")
def shell(kubeconfig: object, paths: Paths) -> str:
    """An image with a shell in it."""
    cluster = provider.choose(paths)
    return Images(paths, with_docker=cluster.name == "kind").ensure("node", cluster)


@pytest.fixture(scope="module")
def place(api: Api, storage: str, shell: str, make_namespace: Callable[..., str]) -> str:
    """A namespace in which all the Pods have been made."""
    name = make_namespace("contract")
    api.create(
        "secrets",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "wrong", "namespace": name},
            "stringData": {
                "azurestorageaccountname": "batchaidev",
                "azurestorageaccountkey": WRONG_KEY,
            },
        },
    )
    for case, works in WORKS.items():
        api.create(
            "pods", a_pod(case, name, shell, works.command, works.volumes, security=works.security)
        )
    for case, refused in REFUSED.items():
        api.create("pods", a_pod(case, name, shell, "true", {"volume": refused.volume}))
    return name


@pytest.mark.parametrize("case", WORKS)
def test_pod_that_works(api: Api, place: str, case: str) -> None:
    def phase() -> bool:
        return api.get("pods", case, place)["status"]["phase"] in ("Succeeded", "Failed")

    wait_until(phase, 120, f"Pod {case} to end", lambda: events_of(api, place, case))
    assert api.logs(case, place, "shell").decode() == WORKS[case].output


@pytest.mark.parametrize("case", REFUSED)
def test_pod_that_is_refused(api: Api, place: str, account_key: str, case: str) -> None:
    if case == "blob-nfs" and os.environ.get("CSI") == "none":
        pytest.skip("what an inline NFS volume says depends on the node's programs")
    words = REFUSED[case].words
    wait_until(
        lambda: all(word in events_of(api, place, case) for word in words),
        120,
        f"Pod {case} to be refused with {words}",
        lambda: events_of(api, place, case),
    )
    said = events_of(api, place, case)
    assert WRONG_KEY not in said
    assert account_key not in said
    assert api.get("pods", case, place)["status"]["phase"] == "Pending"
