"""The Pod that reads files of a finished job."""

from batchai_operator.planner.files.reader import reader_pod
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.secrets import secrets_needed
from support.planning import (
    SETTINGS,
    a_cluster,
    a_job,
    carry_out,
    facts,
    launcher_plan,
    started,
)


def test_a_reader_sees_what_the_job_wrote():
    before = started()
    pod = reader_pod(before.job, before.cluster, SETTINGS)
    ours = launcher_plan(pod)
    theirs = launcher_plan(plan_job(facts()).create[0])
    assert ours["directories"] == theirs["directories"]
    assert ours["logs"] == theirs["logs"]
    (container,) = pod["spec"]["containers"]
    assert container["name"] == "batchai-sidecar"
    assert container["command"] == ["/launcher", "reader"]
    share = [m for m in container["volumeMounts"] if m["name"] == "volume-0"]
    assert share[0]["readOnly"] is True
    assert {v["name"] for v in pod["spec"]["volumes"]} == {
        m["name"] for m in container["volumeMounts"]
    }


def test_a_reader_is_small_short_lived_and_the_jobs():
    job = started(a_job(nodeCount=2), cluster=a_cluster(2, "Standard_NC6")).job
    pod = reader_pod(job, None, SETTINGS)
    assert pod["spec"]["activeDeadlineSeconds"] == 300
    assert "limits" in pod["spec"]["containers"][0]["resources"]
    assert "nvidia.com/gpu" not in str(pod["spec"]["containers"][0]["resources"])
    assert pod["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert pod["metadata"]["labels"]["batchai.dev/component"] == "reader"
    assert pod["metadata"]["generateName"].endswith("-reader-")
    names = [entry["name"] for entry in pod["spec"]["containers"][0]["env"]]
    assert names == ["BATCHAI_PLAN"]


def test_a_reader_may_go_where_the_job_went():
    taint = {"key": "team", "operator": "Exists", "effect": "NoSchedule"}
    kubernetes = {"nodeSelector": {"pool": "training"}, "tolerations": [taint]}
    pod = reader_pod(started(a_job(kubernetes=kubernetes)).job, None, SETTINGS)
    assert pod["spec"]["nodeSelector"] == {"pool": "training"}
    gpus = {"key": "nvidia.com/gpu", "operator": "Exists"}
    assert pod["spec"]["tolerations"] == [taint, gpus]


def test_readers_of_long_names_have_room_for_the_servers_letters():
    job = carry_out(facts(a_job("x" * 60))).job
    assert len(reader_pod(job, None, SETTINGS)["metadata"]["generateName"]) <= 58


def test_secrets_needed():
    blob = {"accountName": "other", "containerName": "abc", "relativeMountPath": "b"}
    cluster = a_cluster(nodeSetup={"mountVolumes": {"azureBlobFileSystems": [blob]}})
    image = {"image": "x", "credentials": {"username": "u", "secretRef": {"name": "registry"}}}
    job = a_job(
        containerSettings={"imageSourceRegistry": image},
        secrets=[{"name": "S", "secretKeyRef": {"name": "mine", "key": "k"}}],
    )
    assert secrets_needed(job, cluster) == {
        "azure-storage-account-acct-secret",
        "azure-storage-account-other-secret",
        "registry",
        "mine",
    }
    assert "azure-storage-account-other-secret" not in secrets_needed(job, None)
    assert secrets_needed({"spec": {"nodeCount": "x"}}, None) == frozenset()
