"""What keeps a job from starting: how it is told, how long it is borne, what is refused at once."""

import copy
from dataclasses import replace

import pytest

from batchai_operator.planner.facts import Admission, Refusal, SecretFacts
from batchai_operator.planner.jobs.job import plan_job
from support.planning import (
    ACCOUNT,
    ACCOUNT_SECRET,
    a_cluster,
    a_job,
    carry_out,
    facts,
    later,
    running,
    unschedulable,
    waiting,
    with_pods,
)

QUEUED = Admission(False, 2, "Queued", "Others come first.")


def condition(status, type_):
    return next((c for c in status["conditions"] if c["type"] == type_), None)


def test_the_scheduler_speaks_for_itself():
    words = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."
    status = plan_job(with_pods(carry_out(facts()), all=unschedulable(words))).status
    assert status["executionState"] == "queued"
    assert words in status["message"]
    assert condition(status, "Ready")["reason"] == "Unschedulable"


@pytest.mark.parametrize(
    ("pod", "seconds", "code"),
    [
        (waiting("InvalidImageName", "couldn't parse"), 0, "FailedStartingContainer"),
        (waiting("ErrImageNeverPull", "not present"), 0, "FailedStartingContainer"),
        (waiting("ErrImagePull", "dial tcp: timeout"), 0, None),
        (waiting("ErrImagePull", "dial tcp: timeout"), 179, None),
        (waiting("ImagePullBackOff", "Back-off pulling"), 180, "FailedStartingContainer"),
        (waiting("ErrImagePull", "manifest unknown"), 29, None),
        (waiting("ErrImagePull", "manifest unknown"), 30, "FailedStartingContainer"),
        (waiting("ErrImagePull", "no such", "batchai-sidecar"), 180, "FailedStartingContainer"),
        (waiting("CreateContainerError", "no command"), 119, None),
        (waiting("CreateContainerError", "no command"), 120, "FailedStartingContainer"),
        (
            waiting(
                "CreateContainerConfigError",
                "container has runAsNonRoot and image will run as root",
            ),
            0,
            "FailedStartingContainer",
        ),
        (waiting("CrashLoopBackOff", "back-off", "batchai-sidecar"), 59, None),
        (waiting("CrashLoopBackOff", "back-off", "batchai-sidecar"), 60, "FailedStartingContainer"),
        (waiting("ContainerCreating"), 9999, None),
        (waiting("PodInitializing"), 9999, None),
    ],
)
def test_containers_that_do_not_start(pod, seconds, code):
    before = carry_out(carry_out(with_pods(carry_out(facts()), all=pod)))
    if before.job["status"]["executionState"] != "failed":
        before = carry_out(later(before, seconds))
    status = before.job["status"]
    errors = status.get("executionInfo", {}).get("errors", [])
    assert [error["code"] for error in errors] == ([code] if code else [])
    if code:
        assert errors[0]["message"] == "unable to start docker container"
        assert errors[0]["details"][0]["name"] == "imageName"


def test_pull_back_off_keeps_the_reason():
    pulling = carry_out(with_pods(carry_out(facts()), all=waiting("ErrImagePull", "no such host")))
    backing_off = with_pods(pulling, all=waiting("ImagePullBackOff", 'Back-off pulling image "x"'))
    assert plan_job(backing_off).status is None
    assert "no such host" in pulling.job["status"]["message"]
    assert pulling.job["status"]["executionState"] == "running"


def test_an_obstacle_that_goes_leaves_no_trace():
    pulling = carry_out(with_pods(carry_out(facts()), all=waiting("ErrImagePull", "no such host")))
    status = plan_job(with_pods(pulling, all=running())).status
    assert condition(status, "ImageReady") is None
    assert status["message"] == "Running on 1 node."


def test_a_secret_that_comes_a_moment_later_does_no_harm():
    before = carry_out(facts(secrets={}))
    assert "Waiting for Secret azure-storage-account-acct-secret" in before.job["status"]["message"]
    assert plan_job(later(before, 5)).requeue_after == 2
    plan = plan_job(later(replace(before, secrets={ACCOUNT_SECRET: ACCOUNT}), 5))
    assert [child["kind"] for child in plan.create] == ["Pod"]
    assert condition(plan.status, "StorageReady") is None


def test_a_secret_that_does_not_come_ends_the_job():
    before = later(carry_out(facts(secrets={})), 15)
    status = plan_job(before).status
    assert status["executionState"] == "failed"
    assert status["executionInfo"]["errors"][0]["code"] == "AZFMountError"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (
            SecretFacts("s", frozenset({"azurestorageaccountname"}), "acct"),
            "azurestorageaccountkey",
        ),
        (SecretFacts("s", frozenset({"azurestorageaccountkey"}), None), "azurestorageaccountname"),
        (
            SecretFacts("s", frozenset({"accountname", "accountkey"}), "elsewhere"),
            "is for storage account elsewhere",
        ),
    ],
)
def test_a_secret_that_does_not_fit_ends_the_job_at_once(secret, words):
    status = plan_job(facts(secrets={ACCOUNT_SECRET: secret})).status
    (error,) = status["executionInfo"]["errors"]
    assert error["code"] == "AZFMountError"
    assert words in error["details"][0]["value"]


def test_the_variable_of_a_secret_is_waited_for():
    reference = {"name": "mine", "key": "k"}
    job = a_job(secrets=[{"name": "S", "secretKeyRef": reference}])
    before = carry_out(facts(job))
    assert before.pods == ()
    other = {ACCOUNT_SECRET: ACCOUNT, "mine": SecretFacts("mine", frozenset({"k"}))}
    assert len(plan_job(replace(before, secrets=other)).create) == 1


@pytest.mark.parametrize(("is_definite", "state"), [(True, "failed"), (False, "queued")])
def test_what_the_api_server_refuses(is_definite, state):
    refusal = Refusal(is_definite, "exceeded quota: small")
    status = plan_job(facts(refusal=refusal)).status
    assert status["executionState"] == state
    assert "exceeded quota: small" in status["message"]


def test_an_invalid_spec_is_named():
    job = a_job(nodeCount=0, pyTorchSettings={"pythonScriptFilePath": "x"})
    status = plan_job(facts(job)).status
    assert status["executionInfo"]["errors"][0]["code"] == "InvalidJob"
    assert "nodeCount" in status["message"]


@pytest.mark.parametrize(
    "toolkit",
    [
        {"cntkSettings": {"configFilePath": "x"}},
        {"pyTorchSettings": {"pythonScriptFilePath": "x"}},
        {"caffeSettings": {"configFilePath": "x"}},
        {"caffe2Settings": {"pythonScriptFilePath": "x"}},
        {"chainerSettings": {"pythonScriptFilePath": "x"}},
        {"horovodSettings": {"pythonScriptFilePath": "x"}},
        {"customMpiSettings": {"commandLine": "x"}},
    ],
    ids=lambda toolkit: next(iter(toolkit)),
)
def test_toolkits_that_are_not_built_are_refused_before_the_cluster_exists(toolkit):
    job = a_job(customToolkitSettings=None, **toolkit)
    status = plan_job(facts(job, cluster=None, admission=QUEUED)).status
    (error,) = status["executionInfo"]["errors"]
    assert error["code"] == "UnsupportedToolkit"
    assert error["details"] == [{"name": "field", "value": next(iter(toolkit))}]


def test_a_key_vault_is_refused_by_its_field():
    vault = {"sourceVault": {"id": "v"}, "secretUrl": "https://v.vault.azure.net/secrets/k"}
    share = {
        "azureFileUrl": "https://acct.file.core.windows.net/logs",
        "relativeMountPath": "logs",
        "credentials": {"accountKeySecretReference": vault},
    }
    job = a_job(mountVolumes={"azureFileShares": [share]})
    (error,) = plan_job(facts(job)).status["executionInfo"]["errors"]
    assert error["code"] == "UnsupportedKeyVault"
    assert "accountKeySecretReference" in error["details"][0]["value"]


def test_workers_beyond_the_gpus_are_refused():
    script = {"pythonScriptFilePath": "x", "workerCount": 2}
    job = a_job(customToolkitSettings=None, tensorFlowSettings=script)
    (error,) = plan_job(facts(job, cluster=a_cluster(1, "Standard_NC6"))).status["executionInfo"][
        "errors"
    ]
    assert error["details"] == [{"name": "field", "value": "tensorFlowSettings.workerCount"}]


def test_a_prefix_with_an_unknown_variable_is_refused():
    job = a_job(stdOutErrPathPrefix="$NOWHERE/logs")
    (error,) = plan_job(facts(job)).status["executionInfo"]["errors"]
    assert error["details"] == [{"name": "field", "value": "stdOutErrPathPrefix"}]


def test_a_job_too_long_for_one_variable_is_refused():
    variables = [{"name": f"V{n}", "value": "x"} for n in range(10)]
    job = a_job(
        environmentVariables=variables,
        customToolkitSettings={"commandLine": "é" * 16000},
        jobPreparation={"commandLine": "é" * 16000},
        outputDirectories=[
            {"id": f"D{n}", "pathPrefix": "/" + "y" * 1000, "pathSuffix": "z" * 1000}
            for n in range(16)
        ],
    )
    (error,) = plan_job(facts(job)).status["executionInfo"]["errors"]
    assert "may have 120000 at most" in error["message"]
    assert {"name": "field", "value": "outputDirectories"} in error["details"]


def test_a_sidecar_that_is_tried_again_has_not_recovered():
    """Kubelet says by turns that it waits and that it runs; the time goes on meanwhile."""
    words = "make the folder /x on its volume: input/output error"
    last = {"lastState": {"terminated": {"exitCode": 137, "message": words}}}
    down = waiting("CrashLoopBackOff", "back-off", "batchai-sidecar", **last)
    up = copy.deepcopy(down)
    (sidecar,) = up["initContainerStatuses"]
    sidecar["state"] = {"running": {"startedAt": "2026-11-24T04:00:01Z"}}
    now = carry_out(with_pods(carry_out(facts()), all=down))
    tried = with_pods(later(now, 30), all=up)
    assert plan_job(tried).status is None
    end = plan_job(later(tried, 31)).status
    assert end is not None
    assert end["executionState"] == "failed"
    assert words in str(end["executionInfo"]["errors"])
    # One that has started at last is well, however long the job's own image takes to come.
    sidecar["started"] = True
    well = plan_job(later(with_pods(tried, all=up), 31)).status
    assert well is not None
    assert condition(well, "ImageReady") is None
