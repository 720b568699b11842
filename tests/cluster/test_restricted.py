"""A namespace that enforces Pod Security `restricted` runs a job whose image is content with it."""

from collections.abc import Callable

import pytest

from support.objects import LOGS, a_job
from support.scene import Scene

ENFORCE = {"pod-security.kubernetes.io/enforce": "restricted"}
COMMAND = (
    "id -u; echo kept >$AZ_BATCHAI_OUTPUT_MODEL/model.txt; echo local >$AZ_BATCHAI_JOB_TEMP/file; "
    "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status"
)


@pytest.fixture(scope="module")
def restricted(make_scene: Callable[..., Scene]) -> Scene:
    """A namespace with the policy."""
    return make_scene("restricted", **ENFORCE)


def test_job_runs_under_the_policy(scene: Scene, restricted: Scene) -> None:
    output = [{"id": "MODEL", "pathPrefix": LOGS}]
    job = a_job("modest", restricted.namespace, COMMAND, outputDirectories=output)
    job["spec"]["jobPreparation"] = {"commandLine": "echo prepared"}
    job["spec"]["kubernetes"] = {"securityContext": {"runAsUser": 1234, "runAsNonRoot": True}}
    restricted.submit(job)
    status = restricted.succeed("modest")
    # The onlooker is root and stands in another namespace; the share is the same.
    segment = status["jobOutputDirectoryPathSegment"]
    lines = scene.onlooker.read(f"{segment}/stdouterr/stdout.txt").decode().splitlines()
    assert lines[0] == "1234"
    assert lines[1].split() == ["CapEff:", "0000000000000000"]
    assert lines[2].split() == ["NoNewPrivs:", "1"]
    assert scene.onlooker.read(f"{segment}/outputs/model.txt") == b"kept\n"
    prepared = scene.onlooker.read(f"{segment}/stdouterr/stdout-job_prep.txt")
    assert prepared == b"prepared\n"


def test_job_that_wants_more_is_told_so(restricted: Scene) -> None:
    """An explicit wish for root is not overruled; the job says why it does not start."""
    job = a_job("root", restricted.namespace, "id -u")
    job["spec"]["kubernetes"] = {"securityContext": {"runAsUser": 0}}
    restricted.submit(job)
    message = restricted.message("root", "PodSecurity")
    assert restricted.status("root")["executionState"] in ("queued", "failed"), message
    assert not restricted.pods("root")
