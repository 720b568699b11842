"""Folders by path, of volumes and of setup tasks: found on the right volume, never left."""

import json

import pytest

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.names import RESOURCE_GROUP_ANNOTATION, SPOOL_VOLUME
from batchai_operator.planner.clusters.setupfiles import setup_folder, setup_suffix
from batchai_operator.planner.files.blobplaces import output_place
from batchai_operator.planner.files.reader import reader_build
from batchai_operator.planner.files.volumereader import volume_folder, volume_reader
from batchai_operator.settings import Settings
from support.planning import SETTINGS, a_job

SHARE = {
    "azureFileUrl": "https://account.file.core.windows.net/logs",
    "relativeMountPath": "logs",
}
BLOB = {"accountName": "account", "containerName": "data", "relativeMountPath": "a/b"}
ONE = {"azureFileShares": [SHARE]}
TWO = {**ONE, "azureBlobFileSystems": [BLOB]}
JOB_ROOT = "$AZ_BATCHAI_JOB_MOUNT_ROOT"
ROOT = "$AZ_BATCHAI_MOUNT_ROOT"


def a_cluster(prefix=None, volumes=ONE, **more):
    setup = {"mountVolumes": volumes} if volumes else {}
    if prefix:
        setup["setupTask"] = {"commandLine": "true", "stdOutErrPathPrefix": prefix}
    spec = {"vmSize": "STANDARD_D2", "scaleSettings": {"manual": {"targetNodeCount": 1}}, **more}
    return ClusterSpec.model_validate({**spec, "nodeSetup": setup})


@pytest.mark.parametrize(
    ("path", "volume", "source", "tail"),
    [
        ("seg/stdouterr", "logs", "//account.file.core.windows.net/logs", "/logs/seg/stdouterr"),
        (".", "a/b", "data", "/a/b"),
        ("/x//y/", "a/b", "data", "/a/b/x/y"),
        (f"{JOB_ROOT}/a/b/x", None, "data", "/a/b/x"),
        (f"{JOB_ROOT}/logs", None, "//account.file.core.windows.net/logs", "/logs"),
    ],
)
def test_a_folder_is_found(path, volume, source, tail):
    folder = volume_folder(TWO, None, path, Settings(), volume=volume)
    assert folder.mount.source == source
    assert folder.path.endswith(f"/mounts{tail}")


@pytest.mark.parametrize("outer_first", [True, False])
@pytest.mark.parametrize(
    ("path", "source"), [("data/sub/x", "inner"), ("data/sub", "inner"), ("data/subway", "outer")]
)
def test_a_path_is_on_the_innermost_volume(path, source, *, outer_first):
    volumes = [
        {"accountName": "account", "containerName": name, "relativeMountPath": at}
        for name, at in (("outer", "data"), ("inner", "data/sub"))
    ]
    mounts = {"azureBlobFileSystems": volumes if outer_first else volumes[::-1]}
    folder = volume_folder(mounts, None, f"{JOB_ROOT}/{path}", Settings())
    assert folder.mount.source == source
    assert folder.path.endswith(f"/mounts/{path}")


@pytest.mark.parametrize(
    ("path", "volume"),
    [
        ("x", None),
        ("x", "c"),
        ("../x", "logs"),
        ("x/../../y", "logs"),
        (f"{JOB_ROOT}/other/x", None),
        (f"{JOB_ROOT}/logs/../a/b", None),
        (f"{ROOT}/logs", None),
    ],
)
def test_what_is_on_no_volume_or_leaves_it_is_refused(path, volume):
    with pytest.raises(InvalidSpecError):
        volume_folder(TWO, None, path, Settings(), volume=volume)


def test_volumes_of_a_cluster():
    folder = volume_folder(None, a_cluster(), f"{ROOT}/logs/x", Settings())
    assert folder.path == "/mnt/batch/tasks/shared/LS_root/mounts/logs/x"


def test_the_reader_mounts_its_volume_only_and_nothing_to_write():
    folder = volume_folder(TWO, None, "seg $(X)", Settings(), volume="logs")
    pod = volume_reader(folder, "team", Settings())
    (container,) = pod["spec"]["containers"]
    spool, mount = container["volumeMounts"]
    assert (spool["name"], mount["readOnly"]) == (SPOOL_VOLUME, True)
    assert [v["name"] for v in pod["spec"]["volumes"]] == [SPOOL_VOLUME, mount["name"]]
    assert pod["metadata"]["namespace"] == "team"
    assert pod["spec"]["automountServiceAccountToken"] is False
    (plan,) = container["env"]
    assert json.loads(plan["value"].replace("$$", "$"))["directories"] == {"folder": folder.path}
    assert "$$(X)" in plan["value"]
    somebody = volume_reader(folder, "team", Settings(), is_root=False)
    assert somebody["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize(
    "server", ["account.blob.core.chinacloudapi.cn", "account.privatelink.blob.core.windows.net"]
)
def test_a_container_is_asked_for_where_its_spec_says(server):
    volumes = {"azureBlobFileSystems": [{**BLOB, "server": server}]}
    for settings in (Settings(), Settings(blob_endpoint="http://elsewhere/{account}")):
        assert volume_folder(volumes, None, ".", settings).place.url == f"https://{server}"


def test_where_blob_storage_has_a_folder():
    place = volume_folder(TWO, None, "seg/stdouterr", Settings(), volume="a/b").place
    assert place is not None
    assert (place.url, place.container) == ("https://account.blob.core.windows.net", "data")
    assert (place.prefix, place.secret) == ("seg/stdouterr", "azure-storage-account-account-secret")
    assert volume_folder(TWO, None, "seg", Settings(), volume="logs").place is None


def a_job_on(blob, mode, claims):
    job = a_job(
        mountVolumes={"azureBlobFileSystems": [blob]},
        stdOutErrPathPrefix=f"{JOB_ROOT}/a/b",
        kubernetes={"volumeMode": mode},
    )
    fields = [{"field": "mountVolumes.azureBlobFileSystems[0]", "claimName": c} for c in claims]
    job["status"] = {"jobOutputDirectoryPathSegment": "seg", "volumeClaims": fields}
    return job


@pytest.mark.parametrize(
    ("mode", "claims"), [("Inline", ()), ("PersistentVolume", ()), ("PersistentVolume", ["bai-1"])]
)
def test_storage_is_not_asked_about_a_mount_that_begins_inside_the_container(mode, claims):
    def place(blob):
        build = reader_build(a_job_on(blob, mode, claims), None, SETTINGS)
        return output_place(build, "stdouterr")

    assert place(BLOB).prefix == "seg/stdouterr"
    assert place({**BLOB, "mountOptions": "--subdirectory=x -o ro"}) is None
    inner = {**BLOB, "mountOptions": "--subdirectory=x"}
    assert volume_folder({"azureBlobFileSystems": [inner]}, None, ".", SETTINGS).place is None


@pytest.mark.parametrize(
    ("prefix", "start"),
    [(f"{ROOT}/logs", f"{ROOT}/logs"), (f"{ROOT}/logs/sub", f"{ROOT}/logs/sub")],
)
def test_where_a_setup_task_writes(prefix, start):
    """By the operator's word, which knows what nobody else does; then by its status alone."""
    cluster = {"metadata": {"name": "c", "namespace": "team", "uid": "u"}}
    spec = a_cluster(prefix, name="Nc6", workspace="w")
    assert setup_folder(cluster, spec) is None
    settings = Settings(subscription_id="s")
    suffix = setup_suffix(cluster, spec, settings, {RESOURCE_GROUP_ANNOTATION: "Group"})
    assert suffix == "s/Group/workspaces/w/clusters/Nc6/u"
    written = {**cluster, "status": {"stdOutErrPathSuffix": suffix}}
    assert setup_folder(written, spec) == f"{start}/{suffix}"
    assert setup_suffix(written, spec, Settings(), {}) == suffix
    assert setup_suffix(written, a_cluster(), Settings(), {}) is None


def test_no_setup_task_has_no_folder_and_one_elsewhere_is_refused():
    cluster = {"metadata": {"name": "c", "namespace": "team", "uid": "u"}}
    assert setup_folder(cluster, a_cluster()) is None
    for prefix in (f"{ROOT}/logsx", f"{ROOT}/other", "/tmp/logs", f"{JOB_ROOT}/logs"):  # noqa: S108
        with pytest.raises(InvalidSpecError, match="List files is supported only"):
            setup_folder(cluster, a_cluster(prefix))
    with pytest.raises(InvalidSpecError):
        setup_folder(cluster, a_cluster(f"{ROOT}/logs", volumes=None))
