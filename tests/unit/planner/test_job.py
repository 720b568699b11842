"""The phases of a job: waiting, starting, running, stopping, and how many writes they cost."""

import copy
from dataclasses import replace

import pytest

from batchai_operator.planner.facts import Admission, Refusal, SecretFacts
from batchai_operator.planner.job import plan_job
from support.planning import (
    ACCOUNT,
    ACCOUNT_SECRET,
    NOW,
    a_cluster,
    a_job,
    a_record,
    carry_out,
    ended,
    facts,
    later,
    running,
    scheduled,
    started,
    unschedulable,
    waiting,
    with_pods,
)

QUEUED = Admission(False, 2, "Queued", "Others come first.")


def condition(status, type_):
    return next((c for c in status["conditions"] if c["type"] == type_), None)


def set_spec(before, **spec):
    job = copy.deepcopy(before.job)
    job["spec"].update(spec)
    job["metadata"]["generation"] += 1
    return replace(before, job=job)


def drive(before, changes):
    """Apply changes one after the other, each with its passes; return facts and status writes."""
    writes = []
    for change in changes:
        before = change(before)
        for _ in range(3):
            plan = plan_job(before)
            writes += [plan.status] if plan.status is not None else []
            before = carry_out(before, plan)
    return before, writes


def test_a_job_costs_four_status_writes():
    job = a_job(nodeCount=2)
    bare = scheduled()
    _, writes = drive(
        facts(job),
        [
            lambda f: f,
            lambda f: with_pods(f, n0=bare),
            lambda f: with_pods(f, all=bare),
            lambda f: with_pods(f, n0=running("10.0.0.1")),
            lambda f: with_pods(f, n1=running("10.0.0.2")),
            lambda f: later(f, 60),
            lambda f: with_pods(f, n0=ended(a_record("succeeded"))),
            lambda f: with_pods(f, n1=ended()),
        ],
    )
    assert [status["executionState"] for status in writes] == [
        "queued",
        "running",
        "running",
        "succeeded",
    ]
    assert [node.get("ipAddress") for node in writes[-1]["nodes"]] == ["10.0.0.1", "10.0.0.2"]
    assert condition(writes[1], "Ready")["status"] == "True"
    assert condition(writes[-1], "Complete")["status"] == "True"
    assert condition(writes[-1], "Stalled") is None


def test_events_tell_of_states_once():
    before = facts()
    first = plan_job(before)
    assert [event.reason for event in first.events] == ["Queued"]
    again = plan_job(with_pods(carry_out(before, first), all=unschedulable("0/1 nodes")))
    assert again.status is not None
    assert again.events == ()


def test_one_node_needs_neither_service_nor_secret():
    assert [child["kind"] for child in plan_job(facts()).create] == ["Pod"]


def test_children_come_in_order():
    kinds = [child["kind"] for child in plan_job(facts(a_job(nodeCount=2))).create]
    assert kinds == ["Secret", "Service", "Pod", "Pod"]


def test_a_job_that_may_not_start_makes_nothing_and_says_why():
    plan = plan_job(facts(admission=QUEUED))
    assert plan.create == ()
    assert plan.status["executionState"] == "queued"
    assert plan.status["message"] == "Others come first."
    assert plan.status["jobOutputDirectoryPathSegment"].startswith("00000000-")
    assert "executionInfo" not in plan.status


def test_a_mere_change_of_position_is_not_written():
    before = carry_out(facts(admission=QUEUED))
    assert plan_job(replace(before, admission=replace(QUEUED, position=1))).status is None


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


def test_terminate_while_queued():
    before = set_spec(carry_out(facts(admission=QUEUED)), terminate=True)
    status = plan_job(before).status
    info = status["executionInfo"]
    assert status["executionState"] == "failed"
    assert info["startTime"] == info["endTime"] == "2026-11-24T04:00:00.000Z"
    assert "exitCode" not in info
    assert info["errors"] == [
        {
            "code": "JobTerminated",
            "message": "The specified job has been terminated by the user",
        }
    ]


def test_terminate_while_running():
    before = set_spec(started(), terminate=True)
    plan = plan_job(before)
    assert plan.status["executionState"] == "terminating"
    assert [pod.grace_seconds for pod in plan.delete] == [None]
    stopping = carry_out(before, plan)
    assert plan_job(stopping).delete == ()
    assert plan_job(stopping).status is None
    # The launcher's record of the stop is no failure of the program's.
    over = with_pods(stopping, n0=ended(a_record("terminated", code=143), code=143))
    status = plan_job(later(over, 20)).status
    assert status["executionState"] == "failed"
    assert status["executionInfo"] == {
        "startTime": "2026-11-24T03:59:30.000Z",
        "endTime": "2026-11-24T04:00:20.000Z",
        "errors": status["executionInfo"]["errors"],
    }
    assert status["executionInfo"]["errors"][0]["code"] == "JobTerminated"


def test_terminate_does_not_wait_for_a_dead_node():
    stopping = carry_out(set_spec(started(), terminate=True))
    assert plan_job(later(stopping, 89)).status is None
    assert plan_job(later(stopping, 90)).status["executionState"] == "failed"


def test_terminate_after_the_program_ended():
    before = set_spec(started(), terminate=True)
    over = with_pods(before, n0=ended(a_record("taskFailed", code=7), code=7))
    status = plan_job(over).status
    assert status["executionInfo"]["exitCode"] == 7
    assert status["executionInfo"]["errors"][0]["code"] == "JobFailed"


def test_terminate_with_a_multi_node_job_half_made():
    before = carry_out(facts(a_job(nodeCount=2)))
    plan = plan_job(set_spec(before, terminate=True))
    assert len(plan.delete) == 2
    assert plan.create == ()


def test_suspend_and_resume():
    before = set_spec(started(), suspend=True)
    plan = plan_job(before)
    assert len(plan.delete) == 1
    assert plan.status["executionState"] == "queued"
    assert plan.status["attempt"] == 2
    assert "executionInfo" not in plan.status
    stopping = carry_out(before, plan)
    assert condition(stopping.job["status"], "Suspended")["status"] == "True"
    assert plan_job(stopping).status is None
    resumed = set_spec(stopping, suspend=False)
    assert plan_job(resumed).create == ()
    gone = replace(resumed, pods=())
    (pod,) = plan_job(gone).create
    assert pod["metadata"]["labels"]["batchai.dev/attempt"] == "2"
    segment = before.job["status"]["jobOutputDirectoryPathSegment"]
    assert plan_job(gone).status["jobOutputDirectoryPathSegment"] == segment
    assert condition(plan_job(gone).status, "Suspended")["status"] == "False"


def test_a_suspended_job_that_never_ran_stays_the_first_attempt():
    status = plan_job(facts(a_job(suspend=True), admission=QUEUED)).status
    assert (status["attempt"], status["message"]) == (1, "Suspended.")


@pytest.mark.parametrize(
    ("seconds", "state"), [(30, None), (89, None), (91, "failed")], ids=["early", "late", "over"]
)
def test_the_operator_enforces_the_time_limit_a_minute_later(seconds, state):
    before = started(a_job(constraints={"maxWallClockTime": "PT1M"}))
    plan = plan_job(later(before, seconds))
    if state is None:
        # The job was scheduled 30 s before NOW.
        assert plan.requeue_after == pytest.approx(90 - seconds)
    else:
        error = plan.status["executionInfo"]["errors"][0]
        assert (error["code"], error["details"][0]["value"]) == ("JobTimedOut", "maxWallClockTime")


def test_what_is_left_of_the_pods_goes_in_its_time():
    done = carry_out(with_pods(started(a_job(nodeCount=2)), n0=ended(a_record("succeeded"))))
    assert plan_job(done).delete == ()
    # The job ended 2.75 s before NOW, and Pods get a minute.
    assert plan_job(done).requeue_after == pytest.approx(57.25)
    assert [pod.name[-1] for pod in plan_job(later(done, 58)).delete] == ["1"]


def test_pods_that_never_started_go_at_once():
    failed = carry_out(with_pods(carry_out(facts()), all=waiting("InvalidImageName")))
    assert failed.job["status"]["executionState"] == "failed"
    assert len(plan_job(failed).delete) == 1


def test_ttl_removes_pods_and_nothing_else():
    job = a_job(kubernetes={"ttlSecondsAfterFinished": 100})
    done = carry_out(with_pods(started(job), n0=ended(a_record("succeeded"))))
    assert plan_job(done).requeue_after == pytest.approx(97.25)
    plan = plan_job(later(done, 98))
    assert len(plan.delete) == 1
    assert plan.status is None


def test_without_ttl_finished_pods_stay():
    done = carry_out(with_pods(started(), n0=ended(a_record("succeeded"))))
    assert plan_job(later(done, 10**7)) == plan_job(done)
    assert plan_job(done).delete == ()
    assert plan_job(done).requeue_after is None


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
    assert "too long" in error["message"]


def test_times_are_kept_when_nothing_changes():
    before = started()
    since = condition(before.job["status"], "Ready")["lastTransitionTime"]
    finished = plan_job(later(with_pods(before, n0=ended(a_record("succeeded"))), 50)).status
    assert condition(finished, "Ready")["lastTransitionTime"] == since
    assert finished["provisioningStateTransitionTime"] == "2026-11-24T04:00:00.000Z"
    assert before.now == NOW


def test_readers_are_no_nodes():
    before = started()
    reader = copy.deepcopy(before.pods[0])
    reader["metadata"]["labels"]["batchai.dev/component"] = "reader"
    reader["status"] = {"phase": "Failed"}
    assert plan_job(replace(before, pods=(*before.pods, reader))) == plan_job(before)
