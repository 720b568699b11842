"""The operator dies, is away, and comes back; and how much it writes (design 3 and 6)."""

from collections.abc import Callable

import pytest

from batchai_devcluster.paths import Paths
from support.api import Api, Raw
from support.audit import Audit
from support.explaining import RELEASE_NAMESPACE
from support.objects import LOGS, a_job
from support.processes import kill_container
from support.scene import Scene


def operator_pods(api: Api) -> list[Raw]:
    """Return the operator's Pods."""
    labels = "app.kubernetes.io/name=batchai-operator"
    return list(api.list("pods", RELEASE_NAMESPACE, labels=labels))


def is_ready(pod: Raw) -> bool:
    """Tell whether a Pod's containers are ready."""
    return all(each["ready"] for each in pod["status"].get("containerStatuses", [{"ready": False}]))


def waiting_for(flag: str) -> str:
    """Return a command that waits for a file on the share and then ends with code 5."""
    return f"echo begun; while ! test -e {LOGS}/{flag}; do sleep 0.2; done; echo ended; exit 5"


@pytest.fixture
def scale(api: Api, scene: Scene) -> Callable[[int], None]:
    """Scale the operator and wait until it is so."""

    def change(replicas: int) -> None:
        name = api.list("deployments", RELEASE_NAMESPACE)[0]["metadata"]["name"]
        api.patch("deployments", name, RELEASE_NAMESPACE, {"spec": {"replicas": replicas}})
        scene.until(
            lambda: (
                len(pods := operator_pods(api)) == replicas and all(is_ready(pod) for pod in pods)
            ),
            90,
            f"{replicas} operators",
        )

    return change


def test_killed_operator_finds_its_job_again(api: Api, scene: Scene) -> None:
    flag = f"flag-killed-{scene.namespace}"
    scene.submit(a_job("killed", scene.namespace, waiting_for(flag)))
    scene.wait("killed", "running")
    scene.wait_until_job_runs("killed")
    before = [pod["metadata"]["uid"] for pod in scene.pods("killed")]
    operator = operator_pods(api)[0]
    restarts = operator["status"]["containerStatuses"][0]["restartCount"]
    kill_container(operator, operator["spec"]["containers"][0]["name"])
    scene.until(
        lambda: any(
            is_ready(pod) and pod["status"]["containerStatuses"][0]["restartCount"] > restarts
            for pod in operator_pods(api)
        ),
        120,
        "the operator to be back",
    )
    scene.onlooker.run("touch", f"/share/{flag}")
    info = scene.fail("killed", "JobFailed")
    assert info["exitCode"] == 5
    assert [pod["metadata"]["uid"] for pod in scene.pods("killed")] == before
    assert scene.text("killed", "stdout.txt") == "begun\nended\n"
    scene.onlooker.remove(flag)


def test_job_that_ends_while_the_operator_is_away(
    scene: Scene, scale: Callable[[int], None]
) -> None:
    flag = f"flag-away-{scene.namespace}"
    scene.submit(a_job("away", scene.namespace, waiting_for(flag)))
    scene.wait("away", "running")
    scene.wait_until_job_runs("away")
    before = [pod["metadata"]["uid"] for pod in scene.pods("away")]
    scale(0)
    try:
        scene.onlooker.run("touch", f"/share/{flag}")
        scene.until(
            lambda: all(pod["status"]["phase"] == "Failed" for pod in scene.pods("away")),
            60,
            "the Pod to be over",
            "away",
        )
        assert scene.status("away")["executionState"] == "running"
        scene.submit(a_job("meanwhile", scene.namespace, "echo patient"))
    finally:
        scale(1)
    info = scene.fail("away", "JobFailed")
    assert info["exitCode"] == 5
    assert [pod["metadata"]["uid"] for pod in scene.pods("away")] == before
    assert scene.text("away", "stdout.txt") == "begun\nended\n"
    scene.succeed("meanwhile")
    scene.onlooker.remove(flag)


@pytest.mark.parametrize("nodes", [1, 2])
def test_writes_per_job(paths: Paths, make_scene: Callable[..., Scene], nodes: int) -> None:
    """At most the Pods and five more, events apart (issue 3); nothing once the job is over."""
    scene = make_scene(f"writes{nodes}")
    audit = Audit(paths.logs / "audit.log")
    scene.submit(a_job("one", scene.namespace, "echo counted", nodeCount=nodes))
    scene.succeed("one")
    scene.until(
        lambda: all(pod["status"]["phase"] == "Succeeded" for pod in scene.pods("one")),
        60,
        "the Pods to be over",
    )
    # Something else to do proves that the operator has gone on in the meantime.
    scene.submit(a_job("two", scene.namespace, "true", cluster="nowhere"))
    scene.message("two", "nowhere")
    writes = audit.writes(scene.namespace)
    events = sum(count for write, count in writes.items() if write.endswith(" events"))
    pods = writes["create pods"]
    of_jobs = {write: n for write, n in writes.items() if not write.endswith((" events", "/exec"))}
    # The second job costs one write of its status; the cluster writes its own.
    total = sum(n for write, n in of_jobs.items() if "batchaiclusters" not in write) - 1
    print(f"writes for a job of {nodes} node(s): {of_jobs}, events {events}")  # noqa: T201
    assert pods == nodes
    assert total <= nodes + 5, of_jobs
