"""The table of mount errors: which text means what, and how long it is borne."""

from dataclasses import replace
from datetime import timedelta

import pytest

from batchai_operator.names import BLOB_DRIVER, FILE_DRIVER
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.volumes.mounterrors import classify, find_row
from support.planning import NOW, a_cluster, a_job, a_mount_failure, carry_out, facts

SET_UP = 'MountVolume.SetUp failed for volume "volume-0" : rpc error: code = Internal desc = '
WRONG_KEY = SET_UP + (
    "volume(csi-1) mount //acct.file.core.windows.net/logs on /x failed with mount failed: exit "
    "status 32\nMounting command: mount\nOutput: mount error(13): Permission denied\nRefer to"
)


@pytest.mark.parametrize(
    ("driver", "text", "kind"),
    [
        (FILE_DRIVER, "Output: mount error(13): Permission denied", "definite"),
        (FILE_DRIVER, "Output: mount error(2): No such file or directory", "definite"),
        (FILE_DRIVER, "Output: mount error(22): Invalid argument", "definite"),
        (FILE_DRIVER, "accountName() or accountKey is empty", "definite"),
        (FILE_DRIVER, "mount error: could not resolve address for x: Unknown error", "passing"),
        (FILE_DRIVER, "mount error(112): Host is down", None),
        (
            FILE_DRIVER,
            'GetAccountInfo(x) failed: could not get secret({ns s}): secrets "s" not found',
            "definite",
        ),
        (
            FILE_DRIVER,
            "code = InvalidArgument desc = GetAccountInfo(x): dial tcp: connection refused",
            "passing",
        ),
        (BLOB_DRIVER, "BlockBlob::TestPipeline : [AuthenticationFailed]", "definite"),
        (BLOB_DRIVER, "BlockBlob::TestPipeline : [ContainerNotFound]", "definite"),
        (BLOB_DRIVER, "config error in azstorage [account name not provided]", "passing"),
        (BLOB_DRIVER, "config error in azstorage [storage key not provided]", "definite"),
        (
            BLOB_DRIVER,
            'rpc error: code = InvalidArgument desc = mount option "--preload" is not allowed',
            "definite",
        ),
        (BLOB_DRIVER, "mount error(13): Permission denied", None),
        (BLOB_DRIVER, "rpc error: code = DeadlineExceeded desc = context deadline", "passing"),
        (
            FILE_DRIVER,
            "driver name file.csi.azure.com not found in the list of registered CSI drivers",
            "waits",
        ),
        ("", "Unable to attach or mount volumes: unmounted volumes=[x]: timed out", "summary"),
        ("", "something new", None),
    ],
)
def test_the_table(driver, text, kind):
    row = classify(driver, text)
    assert (row.kind if row else None) == kind


@pytest.mark.parametrize(
    ("driver", "text", "kind", "remedy"),
    [
        (
            BLOB_DRIVER,
            (
                "with error [AADSTS700213: No matching federated identity record found for "
                "presented assertion subject 'system:serviceaccount:team:default'.]"
            ),
            "definite",
            "no federated credential",
        ),
        (FILE_DRIVER, "AADSTS70021: No matching federated identity", "definite", "federated"),
        (FILE_DRIVER, "AADSTS700016: Application with identifier 'x' was", "definite", "clientID"),
        (BLOB_DRIVER, "AADSTS90002: Tenant 'x' not found.", "definite", "tenantID"),
        (BLOB_DRIVER, "AADSTS90033: A transient error has occurred.", None, ""),
        (BLOB_DRIVER, '"error_description":"Identity not found"}', "definite", "nodes do not have"),
        (FILE_DRIVER, "output: Error calling AzAuthenticatorLib: -1", "definite", "SMB MI Admin"),
        (BLOB_DRIVER, "[AuthorizationPermissionMismatch]", "definite", "Blob Data Contributor"),
        (
            BLOB_DRIVER,
            (
                "get secret from vaultURL(https://v/), sercretName(k), secretVersion() failed with "
                "error: ERROR CODE: SecretNotFound A secret with (name/id) k was not found in this"
            ),
            "definite",
            "Key Vault Secrets User",
        ),
        (
            BLOB_DRIVER,
            (
                "get secret from vaultURL(https://v/), sercretName(k), secretVersion() failed with "
                "error: GET https://v/secrets/k/\nRESPONSE 403: 403 Forbidden"
            ),
            "definite",
            "Key Vault Secrets User",
        ),
        (
            BLOB_DRIVER,
            (
                "[Get https://a.privatelink.blob.x/data: dial tcp: lookup a.privatelink.blob.x on "
                "10.0.0.10:53: no such host]"
            ),
            "passing",
            "private DNS zone",
        ),
        (FILE_DRIVER, "mount.nfs: Failed to resolve server x: Name or service", "passing", "DNS"),
        (
            FILE_DRIVER,
            (
                'code = InvalidArgument desc = storageEndpointSuffix "a" does not match configured '
                'cloud suffix "b"'
            ),
            "definite",
            "kubernetes.volumeMode",
        ),
        (
            FILE_DRIVER,
            "mount.nfs: access denied by server while mounting a.file.x:/a/logs",
            "definite",
            "made for NFS",
        ),
        (BLOB_DRIVER, "mount.nfs: access denied by server while mounting", "definite", "for NFS"),
    ],
)
def test_what_to_do_about_identities_vaults_hosts_and_nfs(driver, text, kind, remedy):
    row = classify(driver, text)
    assert (row.kind if row else None) == kind
    assert remedy in (row.remedy if row else "")


def failing(message, *, count=1, age=0, job=None):
    before = carry_out(facts(job))
    failure = a_mount_failure(before, message, count=count, age=age)
    return plan_job(replace(before, mount_failures=(failure,)))


@pytest.mark.parametrize(
    ("message", "count", "age", "state"),
    [
        (WRONG_KEY, 1, 0, "queued"),
        (WRONG_KEY, 2, 9.9, "queued"),
        (WRONG_KEY, 3, 2, "failed"),
        (WRONG_KEY, 1, 10, "failed"),
        (SET_UP + "something new", 50, 119, "queued"),
        (SET_UP + "something new", 1, 120, "failed"),
        (SET_UP + "driver not found in the list of registered CSI drivers", 99, 9999, "queued"),
        (
            "Unable to attach or mount volumes: timed out waiting for the condition",
            9,
            999,
            "queued",
        ),
    ],
)
def test_patience(message, count, age, state):
    plan = failing(message, count=count, age=age)
    status = plan.status or {"executionState": "queued"}
    assert status["executionState"] == state
    if state == "failed":
        (error,) = status["executionInfo"]["errors"]
        assert error["code"] == "AZFMountError"
        assert error["message"] == "unable to mount Azure File"
        assert (
            "could not mount //acct.file.core.windows.net/logs at /mnt/batch"
            in (error["details"][0]["value"])
        )
        assert "exitCode" not in status["executionInfo"]
        assert plan.requeue_after == 0


def test_trouble_is_shown_at_once_and_looked_at_again_in_time():
    plan = failing(WRONG_KEY, count=1, age=4)
    assert "mount error(13)" in plan.status["message"]
    assert "the key in the Secret" in plan.status["message"]
    assert "\n" not in plan.status["message"]
    (condition,) = [c for c in plan.status["conditions"] if c["type"] == "StorageReady"]
    assert (condition["status"], condition["reason"]) == ("False", "AZFMountError")
    assert plan.requeue_after == pytest.approx(6)


def test_a_blob_container_fails_in_its_own_words():
    blobs = {
        "azureBlobFileSystems": [
            {"accountName": "acct", "containerName": "data", "relativeMountPath": "logs"}
        ]
    }
    plan = failing(
        SET_UP + "[BlockBlob::TestPipeline : [ContainerNotFound]]",
        count=3,
        job=a_job(mountVolumes=blobs),
    )
    (error,) = plan.status["executionInfo"]["errors"]
    assert (error["code"], error["message"]) == (
        "BFSMountError",
        "unable to mount blob fuse file system",
    )
    assert "the container does not exist" in error["details"][0]["value"]


def test_what_was_said_before_the_pod_started_is_history():
    before = carry_out(facts())
    failure = a_mount_failure(before, WRONG_KEY, count=9, age=60)
    started = [{"type": "PodReadyToStartContainers", "status": "True"}]
    pods = tuple(
        {**pod, "status": {"phase": "Pending", "conditions": started}} for pod in before.pods
    )
    changed = replace(before, mount_failures=(failure,), pods=pods)
    assert plan_job(changed).status is None


def test_a_pod_of_another_job_does_not_matter():
    before = carry_out(facts())
    failure = a_mount_failure(before, WRONG_KEY, count=9, age=60)
    stranger = replace(failure, pod_uid="someone-else")
    assert plan_job(replace(before, mount_failures=(stranger,))).status is None


def test_without_the_cluster_the_failure_is_still_told():
    before = carry_out(facts(cluster=a_cluster(1)))
    failure = a_mount_failure(before, 'for volume "gone": mystery', count=1, age=130)
    changed = replace(before, mount_failures=(failure,), cluster=None)
    (error,) = plan_job(changed).status["executionInfo"]["errors"]
    assert error["code"] == "VolumeMountError"
    assert failure.first_seen == NOW - timedelta(seconds=130)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("mount error(13): Permission denied", True),
        ("BlockBlob::TestPipeline : [ContainerNotFound]", True),
        ("mount.nfs: access denied by server while mounting 10.0.0.4:/data", True),
        ("mounting failed, reason given by server: No such file or directory", True),
        ("mount error(6): No such device or address", True),
        ("mount error(95): Operation not supported", True),
        ("mount.nfs: Connection timed out", False),
        ("mount error(113): No route to host", False),
    ],
)
def test_what_does_not_heal_is_known_without_the_driver(text, answer):
    assert (find_row(text, {}).kind == "definite") is answer


def test_the_driver_of_a_known_volume_decides():
    text = 'MountVolume.SetUp failed for volume "data": mount error(13): Permission denied'
    assert "SMB server" in find_row(text, {"data": "smb.csi.k8s.io"}).remedy
    assert "not the account's" in find_row(text, {"data": "file.csi.azure.com"}).remedy
    assert find_row(text, {"data": "nfs.csi.k8s.io"}) is None
    assert find_row(text, {"other": "nfs.csi.k8s.io"}).kind == "definite"


@pytest.mark.parametrize(
    ("driver", "text", "remedy"),
    [
        (FILE_DRIVER, "mount error(2): No such file or directory", "az storage share create"),
        (BLOB_DRIVER, "[ContainerNotFound]", "az storage container create"),
        (
            FILE_DRIVER,
            'secrets "azure-storage-account-a-secret" not found',
            "kubectl create secret",
        ),
    ],
)
def test_what_is_not_there_is_told_with_how_it_is_made(driver, text, remedy):
    row = classify(driver, text)
    assert row is not None
    assert row.kind == "definite"
    assert remedy in row.remedy
