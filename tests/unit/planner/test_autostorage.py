"""Auto-storage as the planner sees it: names, volumes, a cluster's words, what a job waits for."""

import copy

import pytest
from pydantic import ValidationError

from batchai_operator import names
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.planner.clusters.cluster import plan_cluster
from batchai_operator.planner.facts import AutoStorageFacts, ClusterFacts, SecretFacts
from batchai_operator.planner.files.reader import reader_pod
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.secrets import secrets_needed
from batchai_operator.planner.volumes import autostorage
from batchai_operator.settings import AutoStorageSettings
from support.planning import NOW, SETTINGS, a_cluster, a_job, facts

ROOT = "/mnt/batch/tasks/shared/LS_root/mounts"
SECRET = "c-autostorage-0123456789"
PLACE = {
    "accountName": "acct",
    "azureFileUrl": "https://acct.file.core.windows.net/batchaishare-ns",
    "containerName": "batchaicontainer-ns",
    "secretName": SECRET,
}
KEY = SecretFacts(SECRET, frozenset({"azurestorageaccountname", "azurestorageaccountkey"}), "acct")
FOUND = AutoStorageFacts(PLACE, "Ready", "Share and container.")


def settings(backend="account", namespaces=("*",), served="", **more):
    auto = AutoStorageSettings(backend=backend, namespaces=namespaces, **more)
    return SETTINGS.model_copy(update={"auto_storage": auto, "namespace": served})


def auto_cluster(place=None, **spec):
    cluster = a_cluster(autoStorage=True, **spec)
    return {**cluster, "status": {"autoStorage": place}} if place else cluster


def plan(cluster, found=None, with_settings=None):
    return plan_cluster(ClusterFacts(cluster, (), with_settings or settings(), NOW, found))


def condition(status, type_=names.AUTO_STORAGE_READY):
    return next((each for each in status["conditions"] if each["type"] == type_), None)


@pytest.mark.parametrize(
    ("namespace", "with_settings", "share"),
    [
        ("team", settings(), "batchaishare-team"),
        ("team", settings(plain_names_for="team"), "batchaishare"),
        ("other", settings(plain_names_for="team"), "batchaishare-other"),
        ("team", settings(served="team"), "batchaishare"),
    ],
)
def test_a_namespace_has_names_of_its_own(namespace, with_settings, share):
    container = share.replace("share", "container")
    assert autostorage.storage_names(namespace, with_settings) == (share, container)


def test_names_are_such_as_azure_allows_and_differ():
    spaces = ["a", "a--b", "a-b", "x" * 63, "x" * 62, "x-12345678", "b" * 40 + "-" + "c" * 22]
    found = [name for space in spaces for name in autostorage.storage_names(space, settings())]
    # What a long namespace is cut down to may be another namespace's name.
    taken = autostorage.storage_names("x" * 63, settings())[0].removeprefix("batchaishare-")
    found.append(autostorage.storage_names(taken, settings())[0])
    assert len(set(found)) == len(found)
    for name in found:
        assert 3 <= len(name) <= 63
        assert "--" not in name
        assert not name.endswith("-")


@pytest.mark.parametrize(
    ("with_settings", "reason", "remedy"),
    [
        (SETTINGS, "NotConfigured", "autoStorage.backend"),
        (settings(namespaces=("other",)), "NotAllowed", "autoStorage.account.namespaces"),
    ],
)
def test_an_operator_without_storage_for_the_namespace_says_so(with_settings, reason, remedy):
    answer = plan(auto_cluster(PLACE), FOUND, with_settings)
    found = condition(answer.status)
    assert (found["status"], found["reason"]) == ("False", reason)
    assert remedy in found["message"]
    assert condition(answer.status, "Ready")["reason"] == "AutoStorageNotReady"
    assert condition(answer.status, "Stalled")["status"] == "True", "trying again does not help"
    assert "autoStorage" not in answer.status, "what was taken away is not mounted"
    assert [(event.type, event.reason) for event in answer.events] == [("Warning", reason)]


def test_the_way_of_a_cluster():
    cluster = auto_cluster()
    first = plan(cluster)
    assert condition(first.status)["reason"] == "Preparing"
    assert first.events == ()
    assert condition(first.status, "Stalled") is None
    cluster["status"] = first.status
    ready = plan(cluster, FOUND)
    assert ready.status["autoStorage"] == PLACE
    assert condition(ready.status)["status"] == "True"
    assert condition(ready.status, "Ready")["status"] == "True"
    assert [event.reason for event in ready.events] == [names.AUTO_STORAGE_READY]
    cluster["status"] = ready.status
    assert plan(cluster, FOUND).status is None
    # A new process knows nothing until it has looked; it takes nothing back and writes nothing.
    assert plan(cluster).status is None


def test_what_was_made_stays_while_storage_is_away():
    cluster = auto_cluster()
    cluster["status"] = plan(cluster, FOUND).status
    away = AutoStorageFacts(None, "StorageUnreachable", "Nobody answers.")
    answer = plan(cluster, away)
    assert answer.status["autoStorage"] == PLACE
    assert condition(answer.status)["message"] == "Nobody answers."
    assert condition(answer.status, "Ready")["status"] == "True", "jobs start as before"
    cluster["status"] = answer.status
    assert plan(cluster, away).status is None
    assert plan(cluster, away).events == ()


def test_without_auto_storage_nothing_changes():
    for spec in ({}, {"autoStorage": False}):
        answer = plan_cluster(ClusterFacts(a_cluster(**spec), (), settings(), NOW, None))
        assert answer.status == plan_cluster(ClusterFacts(a_cluster(), (), SETTINGS, NOW)).status


def mounts(pod):
    (job,) = pod["spec"]["containers"]
    return {mount["mountPath"]: mount for mount in job["volumeMounts"]}


def test_a_job_sees_share_and_container_beside_the_clusters_own_volumes():
    own = {"azureFileUrl": "https://acct.file.core.windows.net/own", "relativeMountPath": "own"}
    setup = {"mountVolumes": {"azureFileShares": [own]}}
    cluster = auto_cluster(PLACE, nodeSetup=setup)
    job = a_job(stdOutErrPathPrefix="$AZ_BATCHAI_MOUNT_ROOT/autoafs")
    before = facts(job, cluster=cluster)
    assert SECRET in secrets_needed(job, cluster)
    pod = plan_job(facts(job, cluster=cluster, secrets={**before.secrets, SECRET: KEY})).create[0]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    found = mounts(pod)
    assert {f"{ROOT}/own", f"{ROOT}/autoafs", f"{ROOT}/autobfs"} <= set(found)
    share = volumes[found[f"{ROOT}/autoafs"]["name"]]["csi"]
    assert share["driver"] == "file.csi.azure.com"
    assert share["volumeAttributes"]["shareName"] == "batchaishare-ns"
    container = volumes[found[f"{ROOT}/autobfs"]["name"]]["csi"]["volumeAttributes"]
    assert (container["containerName"], container["secretName"]) == ("batchaicontainer-ns", SECRET)
    reader = reader_pod(job, cluster, SETTINGS)
    assert f"{ROOT}/autoafs" in mounts(reader)


@pytest.mark.parametrize(
    ("suffix", "endpoint", "where"),
    [
        ("core.windows.net", "", {}),
        ("core.chinacloudapi.cn", "", {"storageEndpointSuffix": "core.chinacloudapi.cn"}),
        ("core.chinacloudapi.cn", "http://10.0.0.9/{account}", {"server": "http://10.0.0.9/acct"}),
    ],
)
def test_the_container_is_in_the_cloud_of_its_account(suffix, endpoint, where):
    operator = settings(endpoint_suffix=suffix).model_copy(update={"blob_endpoint": endpoint})
    place = autostorage.account_place("ns", operator, "acct", SECRET)
    cluster = auto_cluster(place)
    job = a_job(mountVolumes={}, stdOutErrPathPrefix="$AZ_BATCHAI_MOUNT_ROOT/autoafs")
    answer = plan_job(facts(job, cluster=cluster, secrets={SECRET: KEY}, settings=operator))
    (pod,) = (each for each in answer.create if each["kind"] == "Pod")
    attributes = [
        volume["csi"]["volumeAttributes"] for volume in pod["spec"]["volumes"] if "csi" in volume
    ]
    container = next(each for each in attributes if "containerName" in each)
    assert {
        name: container[name] for name in ("server", "storageEndpointSuffix") if name in container
    } == where


def test_claims_are_mounted_as_claims():
    cluster = auto_cluster(autostorage.claim_place())
    pod = plan_job(facts(cluster=cluster)).create[0]
    kinds = (volume.get("persistentVolumeClaim") for volume in pod["spec"]["volumes"])
    found = [claim for claim in kinds if claim]
    assert found == [{"claimName": "batchaishare"}, {"claimName": "batchaicontainer"}]


def test_a_job_waits_for_auto_storage_and_says_why():
    cluster = auto_cluster()
    cluster["status"] = plan(cluster, None, SETTINGS).status
    answer = plan_job(facts(cluster=cluster))
    assert answer.create == ()
    assert answer.status["executionState"] == "queued"
    assert answer.status["conditions"][0]["reason"] == "AutoStorageNotReady"
    assert "autoStorage.backend" in answer.status["message"]
    # A prefix on it is no mistake of the job's while it is only not there yet.
    early = a_job(stdOutErrPathPrefix="$AZ_BATCHAI_MOUNT_ROOT/autoafs")
    assert "being made" in plan_job(facts(early, cluster=auto_cluster())).status["message"]


def test_a_missing_secret_is_told_by_the_name_of_the_setting():
    other = {**PLACE, "accountName": "elsewhere"}
    other["azureFileUrl"] = PLACE["azureFileUrl"].replace("acct", "elsewhere")
    cluster = auto_cluster(other)
    answer = plan_job(facts(cluster=cluster, secrets={**facts().secrets, SECRET: KEY}))
    assert "cluster's autoStorage names elsewhere" in answer.status["message"]


def test_the_key_changes_the_name_of_its_secret_and_the_cluster_owns_it():
    cluster = auto_cluster()
    first = autostorage.account_secret(cluster, "acct", "one")
    assert first == autostorage.account_secret(copy.deepcopy(cluster), "acct", "one")
    assert (
        first["metadata"]["name"]
        != (autostorage.account_secret(cluster, "acct", "two")["metadata"]["name"])
    )
    assert first["metadata"]["ownerReferences"][0]["uid"] == cluster["metadata"]["uid"]
    for claim in autostorage.claims("ns", settings("storageClass").auto_storage):
        assert "ownerReferences" not in claim["metadata"], "data outlives clusters"


@pytest.mark.parametrize("path", ["autoafs", "autobfs"])
def test_a_volume_in_the_way_is_refused(path):
    claim = {"claimName": "mine", "relativeMountPath": path}
    spec = {
        "vmSize": "STANDARD_D1",
        "nodeSetup": {"mountVolumes": {"persistentVolumeClaims": [claim]}},
    }
    ClusterSpec.model_validate(spec)
    with pytest.raises(ValidationError, match="autoStorage mounts its share at autoafs"):
        ClusterSpec.model_validate({**spec, "autoStorage": True})
