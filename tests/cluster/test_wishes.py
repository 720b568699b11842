"""A job stays in its namespace and its Pod, whatever it wishes for.

Mount options, prefixes, Secrets of other namespaces, images: what the schema lets through, the
operator leaves out and says so, fails the job for, or it turns out to mean something harmless. The
jobs of the fixture are submitted at once; each test then looks at some of them.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.api import Api, ApiError
from support.objects import ACCOUNT, LOGS, a_container, a_job, a_share
from support.scene import Scene

OPTIONS: dict[str, str] = {
    "tmp": "--tmp-path=/etc --file-cache-timeout=5",
    "tmp-word": "--tmp-path /etc/kubernetes",
    "upper": "--TMP-PATH=/etc --Config-File=/etc/x -O allow_root",
    "config": "--config-file=/etc/kubernetes/admin.conf --config-file /x",
    "log": "--log-file-path=/etc/cron.d/x --log-type=base --default-working-dir=/etc",
    "foreground": "--foreground --passphrase=x --secure-config --container-name=other",
    "fuse": "-o allow_other,exec,dev,suid,fsname=x,subtype=y -o context=z",
    "fuse-joined": "-oallow_other,dev,suid -odev",
    "tricks": "-o -o --tmp-path=/etc -o=--tmp-path=/etc -- /etc ; touch /x",
    "attributes": "-o secretName=x,secretNamespace=kube-system --secretnamespace=kube-system",
    "quotes": "\"--tmp-path=/etc\" '--tmp-path=/etc' `id` $(id) ${HOME}",
    "nbsp": "--file-cache-timeout=5\u00a0--tmp-path=/etc",
    "nel": "--file-cache-timeout=5\u0085--tmp-path=/etc",
    "line": "--file-cache-timeout=5\u2028--tmp-path=/etc",
    "zero": "--file-cache-timeout=5\u200b--tmp-path=/etc",
    "ideographic": "--file-cache-timeout=5\u3000--tmp-path=/etc",
    "comma": "--file-cache-timeout=5,--tmp-path=/etc",
    "above": "--subdirectory=../../etc",
}
KEPT = {"--file-cache-timeout=5", "-o", "allow_other", "--block-cache"}
"""All of it that reaches the driver."""


@pytest.fixture(scope="module", autouse=True)
def wishes(api: Api, scene: Scene, make_namespace: Callable[..., str], account_key: str) -> None:
    """Jobs with dangerous wishes, submitted at once."""
    containers = [
        a_container("data", f"c-{name}", mountOptions=options) for name, options in OPTIONS.items()
    ]
    for half, some in enumerate((containers[::2], containers[1::2])):
        scene.submit(a_job(f"options-{half}", scene.namespace, "echo mounted", containers=some))
    nfs = {"mountCommand": "mount -o bind /etc /etc", "relativeMountPath": "x"}
    job = a_job("unmanaged", scene.namespace)
    job["spec"]["mountVolumes"]["unmanagedFileSystems"] = [nfs]
    scene.submit(job)
    # Both exist, but elsewhere.
    elsewhere = make_namespace("abroad")
    data = {"azurestorageaccountname": ACCOUNT, "azurestorageaccountkey": account_key}
    abroad = {"apiVersion": "v1", "kind": "Secret", "stringData": data}
    api.create("secrets", {**abroad, "metadata": {"name": "abroad", "namespace": elsewhere}})
    default = f"azure-storage-account-{ABROAD}-secret"
    api.create("secrets", {**abroad, "metadata": {"name": default, "namespace": elsewhere}})
    credentials = {"secretRef": {"name": "abroad"}}
    for name, shares in {
        "secret-abroad": [a_share(credentials=credentials)],
        "account-abroad": [a_share(account=ABROAD)],
    }.items():
        scene.submit(a_job(name, scene.namespace, "cat $AZ_BATCHAI_JOB_MOUNT_ROOT/logs/*",
                           shares=shares))  # fmt: skip
    variable = {"name": "A", "secretKeyRef": {"name": "abroad", "key": "azurestorageaccountkey"}}
    scene.submit(a_job("variable-abroad", scene.namespace, "env", secrets=[variable]))
    for name, prefix in PREFIXES.items():
        scene.submit(a_job(f"prefix-{name}", scene.namespace, "echo here >$AZ_BATCHAI_OUTPUT_A/f",
                           outputDirectories=[{"id": "A", "pathPrefix": prefix}]))  # fmt: skip
    above = a_job("suffix-variable", scene.namespace, "true")
    above["spec"]["environmentVariables"] = [{"name": "UP", "value": "../../.."}]
    above["spec"]["outputDirectories"] = [
        {"id": "A", "pathPrefix": LOGS, "pathSuffix": "$UP/another"}
    ]
    scene.submit(above)
    for name, image in IMAGES.items():
        source = {"imageSourceRegistry": {"image": image}}
        scene.submit(a_job(f"image-{name}", scene.namespace, containerSettings=source))


ABROAD = "abroadaccount"
PREFIXES = {
    "etc": "/etc",
    "up": "$AZ_BATCHAI_JOB_MOUNT_ROOT/../../../../../../../../../../../etc",
    "ours": "/.batchai",
    "host": "/var/lib/kubelet",
}
IMAGES = {"flag": "--privileged", "path": "../../etc/passwd", "shell": "a;b"}


@pytest.mark.parametrize("half", [0, 1])
def test_options_that_name_paths_of_the_node_do_not_reach_the_driver(
    scene: Scene, half: int
) -> None:
    scene.succeed(f"options-{half}", seconds=240)
    (pod,) = scene.pods(f"options-{half}")
    volumes = [each["csi"] for each in pod["spec"]["volumes"] if "csi" in each]
    for volume in volumes:
        assert set(volume) <= {"driver", "volumeAttributes"}
        attributes = volume["volumeAttributes"]
        assert set(attributes) <= {
            "secretName", "shareName", "containerName", "protocol", "mountOptions", "server",
        }  # fmt: skip
        if "containerName" in attributes:
            words = attributes["mountOptions"].split(" ")
            assert set(words) <= KEPT, attributes["mountOptions"]
            assert attributes["mountOptions"].isascii()
    told = json.dumps(scene.status(f"options-{half}"), ensure_ascii=False)
    assert "left out" in told, "the job says what was not taken"


def test_a_mount_command_is_never_run(scene: Scene) -> None:
    scene.fail("unmanaged", "UnsupportedVolume")
    assert not scene.pods("unmanaged")


@pytest.mark.parametrize("name", ["secret-abroad", "account-abroad", "variable-abroad"])
def test_secrets_of_another_namespace_do_not_exist(scene: Scene, name: str) -> None:
    status = scene.finish(name, seconds=180)
    assert status["executionState"] == "failed"
    assert "does not exist" in json.dumps(status)
    assert not scene.pods(name), "no Pod was made that could have got it"


@pytest.mark.parametrize("name", sorted(PREFIXES))
def test_a_prefix_means_a_folder_of_the_pod_and_not_of_the_node(scene: Scene, name: str) -> None:
    scene.succeed(f"prefix-{name}", seconds=240)
    (pod,) = scene.pods(f"prefix-{name}")
    for volume in pod["spec"]["volumes"]:
        assert set(volume) - {"name"} <= {"emptyDir", "csi"}


def test_a_suffix_leads_nowhere_above(scene: Scene) -> None:
    status = scene.finish("suffix-variable")
    assert "pathSuffix leaves the job's folder" in json.dumps(status)
    assert not scene.pods("suffix-variable")


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_an_image_is_an_image(scene: Scene, name: str) -> None:
    status = scene.finish(f"image-{name}", seconds=180)
    assert status["executionState"] == "failed"
    assert IMAGES[name] in json.dumps(status, ensure_ascii=False)


def test_an_image_of_other_letters_is_refused_at_once(scene: Scene) -> None:
    source = {"imageSourceRegistry": {"image": "im\uff41ge"}}
    with pytest.raises(ApiError, match="signs other than ASCII"):
        scene.submit(a_job("image-wide", scene.namespace, containerSettings=source))


BASELINE = {"pod-security.kubernetes.io/enforce": "baseline"}
BEYOND_BASELINE: dict[str, dict[str, Any]] = {
    "capability": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    "seccomp": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "apparmor": {
        "annotations": {"container.apparmor.security.beta.kubernetes.io/job": "unconfined"}
    },
}


def test_pod_security_holds_for_jobs_too(make_scene: Callable[..., Scene]) -> None:
    """`restricted` is looked at by test_restricted.py."""
    baseline = make_scene("baseline", **BASELINE)
    for name, wish in BEYOND_BASELINE.items():
        job = a_job(name, baseline.namespace)
        job["spec"]["kubernetes"] = wish
        baseline.submit(job)
    baseline.submit(a_job("ordinary", baseline.namespace, "id -u"))
    for name in BEYOND_BASELINE:
        message = baseline.message(name, "PodSecurity")
        assert "baseline" in message
        assert not baseline.pods(name)
    baseline.succeed("ordinary", seconds=180)
