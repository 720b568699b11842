"""show, list, wait, terminate, delete: output, exit codes, prompts."""

import json

import pytest

from batchai_operator.errors import ForbiddenError

from .objects import job

ENDED = {"startTime": "2026-11-24T04:00:10.000Z", "endTime": "2026-11-24T04:01:15.500Z"}


def failed(name: str, **info):
    return job(name, "failed", **ENDED, **info)


def test_show_prints_the_old_shape_and_the_reason(kube, batchai, golden):
    thing = failed(
        "hello",
        exitCode=7,
        errors=[{"code": "JobFailed", "message": "Job failed with non-zero exit code"}],
    )
    thing["status"]["message"] = "wk-0 ended with exit code 7"
    thing["status"]["conditions"] = [{"type": "Failed", "status": "True", "reason": "JobFailed"}]
    thing["spec"]["secrets"] = [
        {"name": "TOKEN", "secretKeyRef": {"name": "hello-secrets", "key": "TOKEN"}}
    ]
    kube.add("batchaijobs", thing)
    done = batchai("job show -n hello")
    assert (done.exit_code, done.stderr) == (0, "")
    golden("show.json", done.stdout)
    golden("show.yaml", batchai("job show -n hello -o yaml").stdout)
    assert json.loads(done.stdout)["secrets"] == [{"name": "TOKEN"}]


def test_show_of_a_missing_job_exits_3(kube, batchai):
    kube.add("batchaijobs", job("hello", "running"))
    for words in ("-n nope", "-n hello -w other", "-n hello -e other", "-n hello -g other"):
        done = batchai(f"job show {words}")
        assert (done.exit_code, done.stdout) == (3, "")
        assert "is not found" in done.stderr
        assert "`batchai job list` shows what there is" in done.stderr
    assert "in namespace other" in done.stderr


def test_a_job_is_found_whatever_its_object_is_called(kube, batchai):
    thing = job("hello", "running")
    thing["metadata"]["name"] = "some-object"
    thing["spec"]["workspace"] = "w"
    kube.add("batchaijobs", thing)
    assert json.loads(batchai("job show -n hello -w w").stdout)["name"] == "hello"


def test_list_in_a_table(kube, batchai, golden):
    kube.add("batchaijobs", failed("second", exitCode=127))
    other = job("first", "running")
    other["spec"]["experiment"] = "other"
    other["metadata"]["creationTimestamp"] = "2026-11-24T03:00:00Z"
    kube.add("batchaijobs", other)
    kube.add("batchaijobs", job("third"))
    golden("list.txt", batchai("job list -o table").stdout)
    golden("list.tsv", batchai("job list -o tsv").stdout)
    shown = json.loads(batchai("job list -e other").stdout)
    assert [entry["name"] for entry in shown] == ["first"]
    assert batchai("job list -w none -o table").stdout == ""


@pytest.mark.parametrize("kind", ["job", "cluster", "file-server"])
def test_a_namespace_that_does_not_exist_is_not_an_empty_one(kube, batchai, monkeypatch, kind):
    done = batchai(f"{kind} list -g typo")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "ResourceGroupNotFound: There is no namespace typo." in done.stderr
    done = batchai(f"{kind} list")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "[]\n", "")

    async def refuse(*_):
        raise ForbiddenError("namespaces is forbidden")

    monkeypatch.setattr(kube, "get", refuse)
    done = batchai(f"{kind} list -g typo")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("thing", "code"),
    [
        (job("hello", "succeeded", **ENDED, exitCode=0), 0),
        (failed("hello", exitCode=7), 7),
        (failed("hello", exitCode=-1), 255),
        (failed("hello", exitCode=0), 255),
        (failed("hello", errors=[{"code": "JobTerminated", "message": "by the user"}]), 255),
        (job("hello", "failed"), 255),
    ],
)
def test_wait_ends_with_the_jobs_exit_code(kube, batchai, thing, code):
    kube.add("batchaijobs", thing)
    assert batchai("job wait -n hello").exit_code == code


def test_wait_tells_each_change_once(kube, batchai, golden):
    thing = kube.add("batchaijobs", job("hello", "queued"))
    thing["status"]["message"] = "waits for 1 of 2 nodes"
    looks = iter(range(100))

    def pass_time(found):
        look = next(looks)
        if look == 4:
            found["status"].update(
                executionState="running",
                message="",
                executionInfo={"startTime": ENDED["startTime"]},
            )
        if look == 8:
            found["status"].update(
                executionState="failed",
                executionInfo={
                    **ENDED,
                    "exitCode": 2,
                    "errors": [
                        {
                            "code": "JobFailed",
                            "message": "Job failed with non-zero exit code",
                            "details": [{"name": "Task", "value": "wk-1"}],
                        }
                    ],
                },
            )

    kube.on_get = pass_time
    done = batchai("job wait -n hello --interval 1")
    assert (done.exit_code, done.stdout) == (2, "")
    golden("wait.txt", done.stderr)


def test_terminate_asks_first(kube, batchai):
    thing = kube.add("batchaijobs", job("hello", "running"))
    assert batchai("job terminate -n hello", typed="n\n").exit_code == 1
    assert "terminate" not in thing["spec"]

    def obey(found):
        if found["spec"].get("terminate"):
            found["status"]["executionState"] = "failed"

    kube.on_get = obey
    done = batchai("job terminate -n hello", typed="y\n")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Are you sure you want to perform this operation? [y/N]" in done.stderr
    assert thing["spec"]["terminate"] is True


def test_terminate_leaves_an_ended_job_alone(kube, batchai):
    kube.add("batchaijobs", job("hello", "succeeded"))
    assert batchai("job terminate -n hello -y").exit_code == 0
    assert kube.writes == []


def test_delete_removes_the_object(kube, batchai):
    kube.add("batchaijobs", job("hello", "running"))
    assert batchai("job delete -n hello", typed="\n").exit_code == 1
    assert batchai("job delete -n hello -y").exit_code == 0
    assert kube.names("batchaijobs") == []
    assert batchai("job delete -n hello -y").exit_code == 3


def test_another_kubernetes_can_be_named(kube, batchai):
    kube.expected = ("/k", "laptop")
    kube.add("batchaijobs", job("hello", "running"))
    assert batchai("--kubeconfig /k --context laptop job show -n hello").exit_code == 0
