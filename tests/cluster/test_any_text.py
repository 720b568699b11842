"""Any text: what stands in a job is what its program sees, byte by byte.

Widely through the launcher alone, with plans made by the planner; a sample in real Pods. In short a
few dozen; with `--full` many more (`make anyinput`).
"""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchai_devcluster.paths import REPOSITORY
from batchai_operator.planner.pods.expansion import MAX_TEXT_BYTES
from support.handover import SHOW, expanded, handed_over, run_on_loopback
from support.objects import a_job
from support.planning import ACCOUNT_SECRET
from support.planning import a_job as a_planned_job
from support.scene import Scene
from support.strategies.drawing import draw_all
from support.strategies.texts import Texts, texts


@pytest.fixture(scope="session")
def launcher(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher of this tree, compiled."""
    program = tmp_path_factory.mktemp("launcher") / "launcher"
    words = ["go", "-C", "launcher", "build", "-o", str(program), "."]
    subprocess.run([sys.executable, "-m", "batchai_devcluster", *words], cwd=REPOSITORY, check=True)
    return program


def properties(given: Texts, secret: str) -> dict[str, Any]:
    """The properties of a job with these texts in it."""
    return {
        "customToolkitSettings": {"commandLine": SHOW + given.line},
        "environmentVariables": [
            {"name": f"V{index}", "value": value} for index, value in enumerate(given.variables)
        ],
        "secrets": [
            {"name": f"S{index}", "secretKeyRef": {"name": secret, "key": f"s{index}"}}
            for index in range(len(given.secrets))
        ],
    }


def check(seen: list[bytes], given: Texts) -> None:
    """Compare what `SHOW` has printed with what was put in."""
    *environment, shell, option, line, rest = seen
    assert (shell.rpartition(b"/")[2], option, rest) == (b"bash", b"-c", b"")
    assert line.decode() == SHOW + given.line
    found = dict(entry.split(b"=", 1) for entry in environment)
    known: dict[str, str] = {}
    for index, value in enumerate(given.variables):
        known[f"V{index}"] = expanded(value, known)
        assert found[f"V{index}".encode()].decode() == known[f"V{index}"]
    for index, value in enumerate(given.secrets):
        assert found[f"S{index}".encode()] == value.encode()
    assert not [name for name in found if name.startswith(b"BATCHAI_")]


def fits(given: Texts) -> bool:
    """Whether no value becomes too long for Linux; such a job is refused, see below."""
    known: dict[str, str] = {}
    for index, value in enumerate(given.variables):
        known[f"V{index}"] = expanded(value, known)
    return all(len(value.encode()) <= MAX_TEXT_BYTES for value in known.values())


@pytest.mark.timeout(1500)
def test_a_program_sees_exactly_what_was_given(launcher: Path, tmp_path: Path, full: bool) -> None:
    drawn = [given for given in draw_all(texts(), 400 if full else 25) if fits(given)]
    for number, given in enumerate(drawn):
        secrets = {f"S{index}": value for index, value in enumerate(given.secrets)}
        job = a_planned_job(**properties(given, ACCOUNT_SECRET))
        check(run_on_loopback(launcher, tmp_path / str(number), handed_over(job, secrets)), given)


@pytest.mark.timeout(1500)
def test_real_pods_hand_on_every_byte(scene: Scene, full: bool) -> None:
    drawn = [given for given in draw_all(texts(), 24 if full else 3, number=4) if fits(given)]
    for number, given in enumerate(drawn):
        data = {
            f"s{index}": base64.b64encode(value.encode()).decode()
            for index, value in enumerate(given.secrets)
        }
        metadata = {"name": f"odd{number}", "namespace": scene.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        scene.api.create("secrets", secret)
        scene.submit(a_job(f"odd{number}", scene.namespace, **properties(given, f"odd{number}")))
    for number, given in enumerate(drawn):
        scene.succeed(f"odd{number}", seconds=300)
        path = f"{scene.folder(f'odd{number}')}/stdout.txt"
        check(scene.onlooker.read(path).split(b"\0"), given)


def test_what_is_too_long_is_refused_with_field_size_and_remedy(scene: Scene) -> None:
    """Neither the kernel nor the API server finds out first."""
    name = {"name": "long", "namespace": scene.namespace}
    key = {"apiVersion": "v1", "kind": "Secret", "metadata": name}
    scene.api.create("secrets", {**key, "stringData": {"key": "s" * 140_000}})
    doubling = [{"name": "V0", "value": "x" * 100}]
    doubling += [{"name": f"V{n + 1}", "value": f"$V{n}$V{n}"} for n in range(100)]
    cases: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        "value": (
            {"environmentVariables": [{"name": "A", "value": "\u00e4" * 70_000}]},
            ("environmentVariables[0].value", "140000 bytes", "file"),
        ),
        "doubling": (
            {"environmentVariables": doubling},
            ("environmentVariables[11].value", "204800 bytes", "file"),
        ),
        "object": (
            {
                "environmentVariables": [
                    {"name": f"V{index}", "value": "$" * 60_000} for index in range(13)
                ]
            },
            ("environmentVariables[0].value", "1400000 at most", "files on a volume"),
        ),
        "secret": (
            {"secrets": [{"name": "S", "secretKeyRef": {"name": "long", "key": "key"}}]},
            ("secrets[0].secretKeyRef.key", "140000 bytes", "file"),
        ),
        "plan": (
            {
                "customToolkitSettings": {"commandLine": "\U0001f600" * 16_000},
                "jobPreparation": {"commandLine": "\U0001f600" * 16_000},
            },
            ("customToolkitSettings", "120000 at most", "script"),
        ),
    }
    for case, (given, _) in cases.items():
        scene.submit(a_job(f"long-{case}", scene.namespace, **given))
    for case, (_, words) in cases.items():
        status = scene.wait(f"long-{case}", "failed", seconds=180)
        for word in words:
            assert word in str(status["executionInfo"]["errors"]), (case, status)
        assert scene.pods(f"long-{case}") == []


def test_a_secret_that_is_no_text_ends_the_job_with_a_reason(scene: Scene) -> None:
    """Container runtimes take text only; the job must not wait for ever."""
    metadata = {"name": "bytes", "namespace": scene.namespace}
    data = {"key": base64.b64encode(b"\xff\xfe").decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    scene.api.create("secrets", secret)
    reference = {"secretKeyRef": {"name": "bytes", "key": "key"}}
    scene.submit(a_job("bytes", scene.namespace, secrets=[{"name": "S", **reference}]))
    status = scene.wait("bytes", "failed", seconds=300)
    errors = str(status["executionInfo"]["errors"])
    assert "secrets[0].secretKeyRef.key" in errors
    assert "UTF-8" in errors
