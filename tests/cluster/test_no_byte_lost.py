"""Not a byte lost: whatever is killed or fails while a job writes, what its programs wrote arrives.

The matrix is of causes and speeds; `--full` runs all of it (`make bytes`), `make test` a few cells.
Each job writes to a share of its own, so that faults hit nobody else, and its witness to `logs`.
A third Pod says size and hash of what arrived: it must be a prefix of the known stream that has at
least what write(2) had taken, and all of it where the job lives on.

Three more jobs meet a share that stays away for good: nothing hangs, and the gap gets a number.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from support.api import Raw
from support.cells import (
    Cell,
    arrived,
    at_gate,
    can,
    end,
    error_of,
    go,
    incomplete,
    until_written,
    witness,
    written,
)
from support.objects import a_job, a_share
from support.processes import kill_container, kill_first, kill_programs
from support.scene import Scene
from support.streams import writer

from .conftest import run_tool

PATIENCE = 20
"""Seconds for which jobs of these tests wait for a volume that does not take their output."""

Say = Callable[[str], None]

NODE = "node-1"
"""All jobs of the matrix run there, so that killing its programs hits them."""

FAULT_SECONDS = "10"


def fault(kind: str) -> Callable[[Scene, Cell, Raw], None]:
    """Return what makes the share of a cell fail for 10 s."""

    def strike(_scene: Scene, cell: Cell, _pod: Raw) -> None:
        run_tool("storage", "fault", "--share", str(cell), kind, "--seconds", FAULT_SECONDS)

    return strike


def delete(scene: Scene, _cell: Cell, pod: Raw) -> None:
    """Delete the Pod as somebody with kubectl would."""
    scene.api.delete("pods", pod["metadata"]["name"], scene.namespace)


def restart_node(_scene: Scene, _cell: Cell, _pod: Raw) -> None:
    """Kill kubelet and containerd of the node and start them; its containers live on."""
    run_tool("restart-node", NODE)


@dataclass(frozen=True)
class Cause:
    """What happens to a job that writes, and how the job ends for it.

    Attributes:
        strike: does it.
        code: of the job's error; None when it succeeds.
        exit_code: of the job; None when no program decides.
        is_fault: whether it is the share that fails, before output goes on.
    """

    strike: Callable[[Scene, Cell, Raw], None]
    code: str | None = None
    exit_code: int | None = 0
    is_fault: bool = False


CAUSES = {
    "task": Cause(lambda _s, _c, pod: kill_programs(pod, "job"), "JobFailed", 137),
    "launcher": Cause(lambda _s, _c, pod: kill_first(pod, "job"), "JobFailed", 137),
    "container": Cause(lambda _s, _c, pod: kill_container(pod, "job"), "JobFailed", 137),
    "sidecar": Cause(lambda _s, _c, pod: kill_container(pod, "batchai-sidecar")),
    "pod": Cause(delete, "JobNodeLost", None),
    "node": Cause(restart_node),
    "hang": Cause(fault("hang"), is_fault=True),
    "full": Cause(fault("full"), is_fault=True),
    "eio": Cause(fault("eio"), is_fault=True),
}

ALL = [Cell(cause, speed) for cause in CAUSES for speed in ("slow", "fast")]
SHORT = [
    Cell("launcher", "fast"),
    Cell("sidecar", "fast"),
    Cell("pod", "slow"),
    Cell("node", "fast"),
    Cell("hang", "fast"),
    Cell("full", "slow"),
    Cell("eio", "fast"),
]
BLOCKED, BRIEF, DELETED = Cell("away", "blocked"), Cell("away", "brief"), Cell("away", "slow")
AWAY = {BLOCKED: "hang", BRIEF: "eio", DELETED: "full"}
"""Jobs whose share stays away, and how."""

ENDS = {BLOCKED: ("LogsVolumeError", None), BRIEF: (None, 0), DELETED: ("JobNodeLost", None)}
"""How they end: the program's own end stands, logs never turn a success into a failure."""

ANSWERS = {BRIEF: "input/output error", DELETED: "no space left on device"}
"""What their shares answer; one that hangs answers nothing."""


def cells(config: pytest.Config) -> list[Cell]:
    return ALL if config.getoption("full") else SHORT


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", cells(metafunc.config), ids=str)


pytestmark = pytest.mark.skipif(
    os.environ.get("CSI") == "none", reason="real drivers cannot be made to fail"
)


@pytest.fixture(scope="module", autouse=True)
def _patience(scene: Scene, storage: str) -> None:
    """Shares that stay away are waited for as long as this; ten minutes would be a long test."""
    run_tool("install", "--blob-endpoint", storage, "--set", f"logPatienceSeconds={PATIENCE}")


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene, pytestconfig: pytest.Config, _patience: None) -> Iterator[None]:
    everybody = [*AWAY, *cells(pytestconfig)]
    for cell in everybody:
        run_tool("storage", "share", "create", str(cell))
        # A run that was cut short leaves its faults.
        run_tool("storage", "fault", "--share", str(cell), "clear")
    scene.shares = [str(cell) for cell in everybody]
    for cell in everybody:
        properties = writer(cell.writing, witness(scene, cell))
        properties["kubernetes"]["nodeSelector"] = {"kubernetes.io/hostname": NODE}
        properties["stdOutErrPathPrefix"] = f"$AZ_BATCHAI_JOB_MOUNT_ROOT/{cell}"
        shares = [a_share(), a_share(str(cell))]
        scene.submit(a_job(str(cell), scene.namespace, shares=shares, **properties))
    for cell, kind in AWAY.items():
        at_gate(scene, cell)
        run_tool("storage", "fault", "--share", str(cell), kind)
        go(scene, cell)
    until_written(scene, DELETED, 2 * DELETED.writing.gate)
    delete(scene, DELETED, scene.pods(str(DELETED))[0])
    yield
    for cell in everybody:
        run_tool("storage", "fault", "--share", str(cell), "clear")
        run_tool("storage", "rm", f"share/{cell}")


@pytest.fixture
def say(pytestconfig: pytest.Config) -> Say:
    """Write a line of the table that the harness is run for."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\n{line}")

    return write


def test_what_was_written_is_on_the_share(scene: Scene, cell: Cell, say: Say) -> None:
    cause, writing = CAUSES[cell.cause], cell.writing
    pod = at_gate(scene, cell)
    if cause.is_fault:
        # The fault is there before output goes on, so that it surely meets some.
        cause.strike(scene, cell, pod)
        go(scene, cell)
    else:
        go(scene, cell)
        until_written(scene, cell, writing.size // 8)
        cause.strike(scene, cell, pod)
    status = end(scene, cell)
    wrote, came = written(scene, cell), arrived(scene, cell)
    say(f"{cell}: {error_of(status)}, write(2) took {wrote}, on the share {came}")
    assert error_of(status) == (cause.code, cause.exit_code), scene.explain(str(cell))
    if cause.code is None:
        assert wrote == came == writing.size
    else:
        assert wrote < writing.size, "the program had ended before anything happened to it"
        assert wrote <= came <= wrote + writing.piece
    assert incomplete(scene.status(str(cell))) is None
    scene.onlooker.run("rm", "-rf", f"/{cell}/{scene.folder(str(cell))}")


@pytest.mark.parametrize("gone", AWAY, ids=str)
def test_a_share_that_stays_away_ends_the_job_and_the_gap_is_told(
    scene: Scene, gone: Cell, say: Say
) -> None:
    """Last: their Pods need patience and the whole grace period, while the others run."""
    status = end(scene, gone)
    assert error_of(status) == ENDS[gone], scene.explain(str(gone))
    if gone is BLOCKED:
        assert "has taken nothing of stdout.txt" in status["message"]
    said = scene.until(
        lambda: incomplete(scene.status(str(gone))), 60, f"LogsIncomplete of {gone}", str(gone)
    )
    assert said is not None
    missing = int(re.findall(r"up to (\d+) bytes", said)[0])
    assert ANSWERS.get(gone, "") in said
    run_tool("storage", "fault", "--share", str(gone), "clear")
    scene.until(lambda: can(scene, f"ls /{gone}"), 30, "the share to be back")
    wrote, came = written(scene, gone), arrived(scene, gone)
    say(f"{gone}: {error_of(status)}, write(2) took {wrote}, on the share {came}. {said}")
    # The most that can be missing: at least what is missing, and no more than was ever written.
    assert wrote - came <= missing <= wrote + gone.writing.piece
    assert came < wrote
