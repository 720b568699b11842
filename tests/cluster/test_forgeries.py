"""Who makes objects that look like those of a job changes nothing for the job.

Pods and Events of another namespace with the uids of a job and its Pod, and objects under the names
that a job's children will have.
"""

import base64
from collections.abc import Callable

import pytest

from support.api import Api, Raw
from support.objects import a_job
from support.scene import Scene
from support.strangers import a_stranger


@pytest.fixture(scope="module")
def elsewhere(make_namespace: Callable[..., str]) -> str:
    """Another namespace."""
    return make_namespace("elsewhere")


@pytest.fixture(scope="module", autouse=True)
def real(scene: Scene, squatted: None) -> Raw:
    """A job that runs; its Pod."""
    scene.submit(a_job("real", scene.namespace, "sleep 900"))
    scene.wait("real", "running", seconds=180)
    (pod,) = scene.wait_until_job_runs("real")
    return pod


def test_a_pod_of_another_namespace_does_not_pass_for_a_node(
    api: Api, scene: Scene, elsewhere: str, real: Raw
) -> None:
    forged = a_stranger(elsewhere, "forged", scene.node_image)
    owners, labels = real["metadata"]["ownerReferences"], real["metadata"]["labels"]
    forged["metadata"] |= {"ownerReferences": owners, "labels": labels}
    # Kubernetes removes what has its owner in another namespace; this makes it last.
    forged["metadata"]["finalizers"] = ["example.com/stay"]
    forged["spec"]["containers"][0]["name"] = "job"
    forged["spec"]["nodeSelector"] = {"no-such": "node"}
    api.create("pods", forged)
    ended = {"exitCode": 7, "reason": "Error", "message": "", "startedAt": None}
    ended |= {"finishedAt": None, "containerID": "containerd://0"}
    image = {"image": scene.node_image, "imageID": "", "ready": False, "restartCount": 0}
    status = {
        "phase": "Failed",
        "containerStatuses": [{"name": "job", **image, "state": {"terminated": ended}}],
    }
    path = f"/api/v1/namespaces/{elsewhere}/pods/forged/status"
    api.request("PATCH", path, {"status": status}, kind="application/merge-patch+json")
    try:
        _let_the_operator_go_on(scene, "after-pod")
        assert scene.status("real")["executionState"] == "running"
    finally:
        api.patch("pods", "forged", elsewhere, {"metadata": {"finalizers": None}})
        api.delete("pods", "forged", elsewhere, gracePeriodSeconds=0)


def test_an_event_of_another_namespace_does_not_fail_a_job(
    api: Api, scene: Scene, elsewhere: str
) -> None:
    job = a_job("unplaced", scene.namespace)
    job["spec"]["kubernetes"] = {"nodeSelector": {"no-such": "node"}}
    scene.submit(job)
    (pod,) = scene.until(lambda: scene.pods("unplaced"), 60, "the Pod", "unplaced")
    api.create("events", _mount_failure(pod, elsewhere))
    _let_the_operator_go_on(scene, "after-event")
    status = scene.status("unplaced")
    assert status["executionState"] != "failed"
    assert "mount error" not in str(status)
    # Who may write Events in the job's own namespace is believed, and so this can fail.
    api.create("events", _mount_failure(pod, scene.namespace))
    scene.fail("unplaced", "AZFMountError")


def _mount_failure(pod: Raw, namespace: str) -> Raw:
    moment = pod["metadata"]["creationTimestamp"]
    about = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"]}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "forged", "namespace": namespace},
        "involvedObject": {**about, "uid": pod["metadata"]["uid"], "namespace": namespace},
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "volume-0" : mount error(13)',
        "type": "Warning",
        "source": {"component": "kubelet"},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 9,
    }


def _let_the_operator_go_on(scene: Scene, name: str) -> None:
    """Give it something else to do, and see that done."""
    scene.submit(a_job(name, scene.namespace, cluster="nowhere"))
    scene.message(name, "nowhere")


@pytest.mark.parametrize("kind", ["Secret", "Service", "Pod"])
def test_a_child_that_was_there_before_is_not_taken_over(api: Api, scene: Scene, kind: str) -> None:
    """Above all not a Secret with a key that somebody else knows."""
    name = f"squatted-{kind.lower()}"
    scene.message(name, kind, "does not belong to this job", seconds=120)
    assert scene.status(name)["executionState"] == "queued"
    api.delete(f"{kind.lower()}s", _child(scene.job(name), kind), scene.namespace,
               gracePeriodSeconds=0)  # fmt: skip
    scene.succeed(name, seconds=180)


@pytest.fixture(scope="module")
def squatted(api: Api, scene: Scene) -> None:
    """Three jobs of two nodes, the name of one child of each taken by somebody else."""
    kinds = {
        "Secret": {"data": {"key": base64.b64encode(b"known").decode()}},
        "Service": {"spec": {"ports": [{"port": 23100}], "clusterIP": "None"}},
        "Pod": {"spec": a_stranger(scene.namespace, "x", scene.node_image)["spec"]},
    }
    for kind, content in kinds.items():
        name = f"squatted-{kind.lower()}"
        job = scene.submit(a_job(name, scene.namespace, nodeCount=2, suspend=True))
        metadata = {"name": _child(job, kind), "namespace": scene.namespace}
        body = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}
        api.create(f"{kind.lower()}s", body)
        api.patch("batchaijobs", name, scene.namespace, {"spec": {"suspend": False}})


def _child(job: Raw, kind: str) -> str:
    """Return the name that everybody can foretell who has seen one job."""
    ending = {"Secret": "key", "Service": "1", "Pod": "1-0"}[kind]
    return f"{job['metadata']['name']}-{job['metadata']['uid'][:6]}-{ending}"
