"""Terminate and delete at every stage of a job's life (spec 7.2, 7.3)."""

from typing import Any

import pytest

from support.objects import a_cluster, a_job
from support.scene import Scene

STAGES: dict[str, dict[str, Any]] = {
    "queued": {"cluster": "empty"},
    "pulling": {
        "containerSettings": {
            "imageSourceRegistry": {"image": "registry.invalid/batchai/nothing:1"}
        }
    },
    "preparing": {"jobPreparation": {"commandLine": "echo preparing; sleep 600"}},
    "running": {"command": "trap 'echo bye; exit 0' TERM; echo begun; while :; do sleep 0.1; done"},
    "finished": {"command": "echo done"},
}


def is_at(scene: Scene, name: str, stage: str) -> bool:
    """Tell whether a job has come to its stage."""
    status = scene.status(name)
    state = status.get("executionState")
    match stage:
        case "queued":
            return state == "queued"
        case "finished":
            return state == "succeeded"
        case "pulling":
            return any(
                "Pull" in (each["state"].get("waiting") or {}).get("reason", "")
                for pod in scene.pods(name)
                for each in pod["status"].get("containerStatuses", ())
            )
        case _:
            file = {"preparing": "stdout-job_prep.txt", "running": "stdout.txt"}[stage]
            return state == "running" and _has(scene, name, file)


def _has(scene: Scene, name: str, file: str) -> bool:
    path = f"/share/{scene.folder(name)}/{file}"
    return scene.onlooker.run("sh", "-c", f"cat {path} 2>/dev/null || true") != b""


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene) -> None:
    scene.submit(a_cluster("empty", scene.namespace, nodes=0))
    for stage, properties in STAGES.items():
        for verb in ("terminate", "delete"):
            scene.submit(a_job(f"{verb}-{stage}", scene.namespace, **properties))
    scene.onlooker.run("true")


@pytest.mark.parametrize("stage", STAGES)
def test_terminate(scene: Scene, stage: str) -> None:
    name = f"terminate-{stage}"
    scene.until(lambda: is_at(scene, name, stage), 90, f"{name} to be {stage}", name)
    before = scene.status(name)
    scene.api.patch("batchaijobs", name, scene.namespace, {"spec": {"terminate": True}})
    if stage == "finished":
        scene.until(
            lambda: scene.status(name)["observedGeneration"] > before["observedGeneration"],
            30,
            "the operator to have seen it",
            name,
        )
        after = scene.status(name)
        assert after["executionState"] == "succeeded"
        assert after["executionInfo"] == before["executionInfo"]
        return
    info = scene.fail(name, "JobTerminated", seconds=60)
    assert info["errors"][0]["message"] == ("The specified job has been terminated by the user")
    assert "exitCode" not in info
    assert info["endTime"]
    scene.until(
        lambda: all(_is_over(pod) for pod in scene.pods(name)), 60, "its Pods to be over", name
    )
    if stage == "running":
        assert scene.text(name, "stdout.txt") == "begun\nbye\n"


@pytest.mark.parametrize("stage", STAGES)
def test_delete(scene: Scene, stage: str) -> None:
    name = f"delete-{stage}"
    scene.until(lambda: is_at(scene, name, stage), 90, f"{name} to be {stage}", name)
    folder = scene.folder(name)
    uid = scene.job(name)["metadata"]["uid"]
    scene.api.delete("batchaijobs", name, scene.namespace, propagationPolicy="Background")
    scene.until(
        lambda: scene.api.find("batchaijobs", name, scene.namespace) is None,
        60,
        f"{name} to be gone",
        name,
    )
    labels = f"batchai.dev/job-uid={uid}"
    for resource in ("pods", "services", "secrets"):
        scene.until(
            lambda resource=resource: (
                not scene.api.list(  # type: ignore[misc]
                    resource, scene.namespace, labels=labels
                )
            ),
            60,
            f"the {resource} of {name} to be gone",
            name,
        )
    if stage in ("finished", "running"):
        text = scene.onlooker.read(f"{folder}/stdout.txt").decode()
        assert text == {"finished": "done\n", "running": "begun\nbye\n"}[stage]


def test_name_can_be_used_again(scene: Scene) -> None:
    scene.submit(a_job("again", scene.namespace, "echo first"))
    first = scene.succeed("again")["jobOutputDirectoryPathSegment"]
    scene.api.delete("batchaijobs", "again", scene.namespace, propagationPolicy="Background")
    scene.until(
        lambda: scene.api.find("batchaijobs", "again", scene.namespace) is None, 60, "it to go"
    )
    scene.submit(a_job("again", scene.namespace, "echo second"))
    second = scene.succeed("again")["jobOutputDirectoryPathSegment"]
    assert first != second
    assert scene.onlooker.read(f"{first}/stdouterr/stdout.txt") == b"first\n"
    assert scene.onlooker.read(f"{second}/stdouterr/stdout.txt") == b"second\n"


def _is_over(pod: dict[str, Any]) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")
