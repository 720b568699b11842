"""Volumes by claims: what kubelet calls them when it cannot mount them, and who reads them."""

from datetime import timedelta
from typing import Any

import pytest

from batchai_operator.names import NFS_DRIVER, SMB_DRIVER
from batchai_operator.planner.facts import MountFailure
from batchai_operator.planner.files.reader import reader_pod
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.mounts import judge_mounts
from batchai_operator.planner.volumes.mounting import Mount
from support.planning import NOW, SETTINGS, SHARE, a_cluster, a_job, carry_out, facts

NFS = {"mountCommand": "mount -t nfs nas:/data", "relativeMountPath": "logs"}


def failure(message: str, volume: str) -> MountFailure:
    text = f'MountVolume.SetUp failed for volume "{volume}" : rpc error: {message}'
    return MountFailure("uid", "pod", text, 3, NOW - timedelta(seconds=5), NOW)


@pytest.mark.parametrize(
    ("driver", "text", "left", "told"),
    [
        (NFS_DRIVER, "mount.nfs: access denied by server while mounting a:/b", 0, "does not let"),
        (
            NFS_DRIVER,
            "mount.nfs: mounting a:/b failed, reason given by server: No such file or directory",
            0,
            "exports no such directory",
        ),
        (
            NFS_DRIVER,
            "mount.nfs: an incorrect mount option was specified",
            0,
            "these mount options",
        ),
        (NFS_DRIVER, "mount.nfs: Failed to resolve server a: x", 115, "cannot be reached"),
        (NFS_DRIVER, "mount.nfs: Connection refused", 115, "Connection refused"),
        (SMB_DRIVER, "mount error(13): Permission denied", 0, "refuses the user name"),
        (SMB_DRIVER, "mount error(2): No such file or directory", 0, "no such share or folder"),
        (SMB_DRIVER, "mount error(22): Invalid argument", 0, "these mount options"),
        (SMB_DRIVER, "mount error(113): No route to host", 115, "cannot be reached"),
        (NFS_DRIVER, "/var/x/globalmount does not exist", 115, "globalmount"),
        (SMB_DRIVER, 'fetching NodeStageSecretRef failed: secrets "x" not found', 0, "not found"),
    ],
)
def test_kubelet_calls_a_claims_volume_by_its_own_name(
    driver: str, text: str, left: float, told: str
) -> None:
    kind: Any = "nfs" if driver == NFS_DRIVER else "smb"
    mount = Mount(
        "volume-0", "/m", kind, "nas:/data", "mountVolumes.x[0]", driver=driver, claim="bai-ns-1"
    )
    trouble = judge_mounts([failure(text, "bai-ns-1")], {"volume-0": ""}, [mount], NOW)
    assert trouble is not None
    assert trouble.seconds_left == left
    assert told in trouble.message
    assert trouble.message.startswith("Cannot mount nas:/data: ")
    assert trouble.failure.details["field"] == "mountVolumes.x[0]"


def test_a_reader_takes_the_claims_that_the_job_had() -> None:
    """The cluster and the operator's settings may be others by now."""
    cluster = a_cluster(nodeSetup={"mountVolumes": {"azureFileShares": [SHARE]}})
    job = a_job(
        mountVolumes={"unmanagedFileSystems": [NFS]}, kubernetes={"volumeMode": "PersistentVolume"}
    )
    now = facts(job, cluster=cluster)
    plan = plan_job(now)
    made = carry_out(now, plan)
    other = SETTINGS.model_copy(update={"static_volumes": False, "blob_endpoint": "http://x"})
    reader = reader_pod(made.job, cluster, other)
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in reader["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == [shared.name for shared in plan.shared]
    assert len(claims) == 2
