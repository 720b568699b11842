"""Every byte that a job writes arrives on the share, whatever happens to its processes.

A third Pod reads the share; where the bytes are many it says their hash.
"""

import hashlib
from typing import Any

import pytest

from support.objects import a_job
from support.processes import kill_container
from support.scene import Scene

LINE = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
MANY = 200_000_000 // len(LINE)
"""Lines of the fast writer: 200 MB."""

JOBS: dict[str, dict[str, Any]] = {
    "fast": {"command": f"yes '{LINE.decode().strip()}' | head -n {MANY}"},
    "no-newline": {"command": "printf 'no newline'; printf 'nor here' >&2"},
    "bytes": {"command": r"printf 'a\0b\377\r\n\0'; printf '\0' >&2"},
    "killed-task": {"command": "printf 'last words'; kill -9 $$"},
    "killed-all": {
        "command": "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; "
        "printf 'the end'; touch $AZ_BATCHAI_JOB_TEMP/written; sleep 600"
    },
    "hungry": {
        "command": "printf 'growing'; python3 -c 'import time\nkept = []\n"
        'for _ in range(40): kept.append(b"x" * (16 << 20))\nprint("survived")\'',
        "kubernetes": {
            "resources": {"limits": {"memory": "128Mi"}, "requests": {"memory": "64Mi"}}
        },
    },
    "grandchild": {"command": "(sleep 1; echo from a grandchild) & echo from the child"},
}


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene) -> None:
    for name, properties in JOBS.items():
        scene.submit(a_job(name, scene.namespace, **properties))


def test_launcher_and_tasks_killed_together(scene: Scene) -> None:
    pod = scene.wait_until_job_runs("killed-all")[0]
    written = "/mnt/batch/tasks/shared/LS_root/jobs/default/default/killed-all/written"
    look = ("exec", "-n", scene.namespace, pod["metadata"]["name"], "-c", "job", "--")
    scene.until(
        lambda: scene.kubectl.try_run(*look, "test", "-e", written).returncode == 0,
        60,
        "the job to have written everything",
        "killed-all",
    )
    kill_container(pod, "job")
    info = scene.fail("killed-all", "JobFailed")
    assert info["exitCode"] == 137
    expected = "".join(f"line {i}\n" for i in range(20000)) + "the end"
    assert scene.text("killed-all", "stdout.txt") == expected
    assert scene.logs("killed-all").decode().endswith("the end")


def test_fast_output_arrives_whole(scene: Scene) -> None:
    scene.succeed("fast", seconds=240)
    file = f"{scene.folder('fast')}/stdout.txt"
    assert scene.onlooker.size(file) == len(LINE) * MANY
    expected = hashlib.sha256()
    for _ in range(MANY // 1000):
        expected.update(LINE * 1000)
    expected.update(LINE * (MANY % 1000))
    assert scene.onlooker.sha256(file) == expected.hexdigest()
    # The kubelet keeps the last 10 MiB or so of what goes to its own log.
    assert scene.logs("fast").endswith(LINE)


def test_no_final_newline(scene: Scene) -> None:
    scene.succeed("no-newline")
    assert scene.text("no-newline", "stdout.txt") == "no newline"
    assert scene.text("no-newline", "stderr.txt") == "nor here"
    assert b"no newline" in scene.logs("no-newline")


def test_bytes_that_are_no_text(scene: Scene) -> None:
    scene.succeed("bytes")
    out, err = (f"{scene.folder('bytes')}/{name}.txt" for name in ("stdout", "stderr"))
    assert scene.onlooker.sha256(out) == hashlib.sha256(b"a\0b\xff\r\n\0").hexdigest()
    assert scene.onlooker.sha256(err) == hashlib.sha256(b"\0").hexdigest()
    assert b"a\0b\xff" in scene.logs("bytes")


def test_task_killed(scene: Scene) -> None:
    info = scene.fail("killed-task", "JobFailed")
    assert info["exitCode"] == 137
    assert scene.text("killed-task", "stdout.txt") == "last words"
    assert b"last words" in scene.logs("killed-task")


def test_out_of_memory(scene: Scene) -> None:
    info = scene.fail("hungry", "JobFailed")
    assert info["exitCode"] == 137
    assert scene.text("hungry", "stdout.txt") == "growing"
    assert b"growing" in scene.logs("hungry")


def test_output_of_what_outlives_the_command(scene: Scene) -> None:
    scene.finish("grandchild")
    assert scene.text("grandchild", "stdout.txt").startswith("from the child\n")
