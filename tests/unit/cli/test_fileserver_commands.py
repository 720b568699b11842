"""`file-server …`: objects from files and flags, old columns, what a deletion is refused for."""

import json
import re

import pytest

OLD = {
    "properties": {
        "vmSize": "Standard_D14",
        "sshConfiguration": {"userAccountSettings": {"adminUserName": "me"}},
        "dataDisks": {
            "diskSizeInGB": 10,
            "diskCount": 2,
            "storageAccountType": "Standard_LRS",
            "cachingType": "none",
        },
        "subnet": {"id": "/subscriptions/x/subnets/y"},
    }
}


def server(name="fs", **spec):
    return {
        "metadata": {"name": name},
        "spec": {"workspace": "default", "storage": {"size": "1Gi"}, **spec},
        "status": {
            "provisioningState": "succeeded",
            "mountSettings": {"fileServerInternalIP": "10.96.0.7", "mountPoint": "/data"},
        },
    }


def test_an_old_file_is_taken_and_its_disks_become_the_claim(kube, batchai, write):
    path = write(OLD, "server.json")
    done = batchai(f"file-server create -g team -n fs -f {path} --no-wait")
    assert done.exit_code == 0, done.stderr
    assert "sshConfiguration was dropped" in done.stderr
    spec = kube.only("batchaifileservers")["spec"]
    assert spec["storage"] == {}
    assert spec["dataDisks"]["diskSizeInGB"] == 10
    shown = json.loads(done.stdout)
    assert shown["dataDisks"]["diskSizeInGb"] == 10
    assert shown["provisioningState"] == "creating"
    assert shown["id"].endswith("/workspaces/default/fileServers/fs")
    again = batchai(f"file-server create -g team -n fs -f {path} --no-wait")
    assert (again.exit_code, "already exists" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            "--disk-count 2 --disk-size 5 -s Standard_D2 -u me --generate-ssh-keys",
            {
                "vmSize": "Standard_D2",
                "dataDisks": {
                    "storageAccountType": "Premium_LRS",
                    "diskCount": 2,
                    "diskSizeInGB": 5,
                },
                "storage": {},
            },
        ),
        (
            "--nfs-server 10.0.0.4 --nfs-path /data",
            {"nfs": {"server": "10.0.0.4", "path": "/data"}},
        ),
        ("--claim disk", {"storage": {"claimName": "disk"}}),
        (
            "--disk-size 5 --storage-class fast",
            {
                "dataDisks": {"storageAccountType": "Premium_LRS", "diskSizeInGB": 5},
                "storage": {"storageClassName": "fast"},
            },
        ),
    ],
)
def test_flags_say_where_the_files_are(kube, batchai, flags, expected):
    done = batchai(f"file-server create -g team -n fs --no-wait {flags}")
    assert done.exit_code == 0, done.stderr
    spec = kube.only("batchaifileservers")["spec"]
    assert spec == {"name": "fs", "workspace": "default", **expected}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("", "where the files are is missing"),
        ("--nfs-server 10.0.0.4", "must be given together"),
        ("--disk-count 2", "No size of disks"),
        ("--nfs-server h --nfs-path /d --claim c", "remove --claim"),
        ("--nfs-server h --nfs-path data", "absolute path"),
    ],
)
def test_what_cannot_be_is_refused(kube, batchai, flags, told):
    done = batchai(f"file-server create -g team -n fs --no-wait {flags}")
    assert done.exit_code == 1
    assert told in done.stderr
    assert kube.names("batchaifileservers") == []


def test_the_table_has_the_old_columns(kube, batchai):
    disks = {"diskSizeInGB": 10, "diskCount": 2, "storageAccountType": "Standard_LRS"}
    kube.add("batchaifileservers", server(vmSize="STANDARD_D2", dataDisks=disks))
    shown = batchai("file-server list -g team -o table").stdout.splitlines()
    assert re.split(" {2,}", shown[0]) == [
        "Name",
        "Resource Group",
        "Size",
        "Disks",
        "Public IP",
        "Internal IP",
        "Mount Point",
    ]
    assert "2 x 10 Gb" in shown[2]
    assert "10.96.0.7" in shown[2]


def test_a_missing_one_is_exit_code_3(batchai):
    done = batchai("file-server show -g team -n none")
    assert (done.exit_code, "FileServerNotFound" in done.stderr) == (3, True)


def test_one_that_a_job_uses_is_not_deleted(kube, batchai):
    kube.add("batchaifileservers", server())
    volume = {"fileServer": {"id": "fs"}, "relativeMountPath": "nfs"}
    pool = {
        "metadata": {"name": "pool"},
        "spec": {"nodeSetup": {"mountVolumes": {"fileServers": [volume]}}},
    }
    kube.add("batchaiclusters", pool)
    job = {"metadata": {"name": "busy"}, "spec": {"cluster": {"id": "pool"}}, "status": {}}
    kube.add("batchaijobs", job)
    done = batchai("file-server delete -g team -n fs -y")
    assert (done.exit_code, "used by jobs busy" in done.stderr) == (1, True)
    assert kube.names("batchaifileservers") == ["fs"]


def test_one_that_ended_jobs_used_is_deleted(kube, batchai):
    kube.add("batchaifileservers", server())
    volume = {"fileServer": {"id": "fs"}, "relativeMountPath": "nfs"}
    job = {
        "metadata": {"name": "done"},
        "spec": {"cluster": {"id": "c"}, "mountVolumes": {"fileServers": [volume]}},
        "status": {"executionState": "succeeded"},
    }
    kube.add("batchaijobs", job)
    done = batchai("file-server delete -g team -n fs -y")
    assert done.exit_code == 0, done.stderr
    assert kube.names("batchaifileservers") == []
