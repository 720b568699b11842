"""The verbs: how errors end, and what is not done for nothing."""

import subprocess
import sys

from batchai_devcluster import cli, kind
from batchai_devcluster.kind import Kind
from batchai_devcluster.paths import DEVCLUSTER, Paths


def test_an_error_of_the_system_is_told_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BATCHAI_HOME", str(tmp_path / "file" / "home"))
    (tmp_path / "file").write_text("")
    assert cli.main(["clean-cache"]) == 1
    assert "Not a directory" in capsys.readouterr().err


def test_whoever_stops_reading_sees_no_complaint(tmp_path):
    program = (
        "import sys; from batchai_devcluster import cli\n"
        "cli._env = lambda *_: print('x' * 10_000_000)\n"
        "sys.exit(cli.main(['env']))"
    )
    reader = subprocess.run(
        ["/bin/bash", "-c", '"$@" | head -c 1; echo "${PIPESTATUS[0]}"', "bash",
         sys.executable, "-c", program],
        env={"PYTHONPATH": str(DEVCLUSTER), "BATCHAI_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (reader.stdout, reader.stderr) == ("x141\n", "")


def test_kind_is_not_compiled_to_delete_nothing(tmp_path, monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command[0])
        return ""

    monkeypatch.setattr(kind, "run", run)
    monkeypatch.setattr(Kind, "_program", lambda _: pytest_fails())
    Kind(Paths(tmp_path)).down()
    assert asked == ["docker", "rm"]


def pytest_fails() -> str:
    raise AssertionError("kind was asked for")
