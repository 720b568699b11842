"""Runs the command line against a Kubernetes in memory, and compares transcripts."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from batchai_operator.cli.main import cli
from batchai_operator.cli.session import Session

from .fake import FakeKube

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKube:
    """A Kubernetes in which time passes at once."""
    breathe = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: breathe(0))
    for variable in (
        "AZURE_BATCHAI_STORAGE_ACCOUNT",
        "AZURE_BATCHAI_STORAGE_KEY",
        "AZURE_CLOUD_NAME",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    return FakeKube()


@pytest.fixture
def batchai(kube: FakeKube) -> Callable[..., Result]:
    """Runs one command; `words` as typed."""

    def run(words: str, typed: str = "") -> Result:
        session = Session(connect=kube.connect)
        result = CliRunner().invoke(cli, words.split(), obj=session, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], str]:
    """Writes a file and returns its path."""

    def written(content: Any, name: str = "job.json") -> str:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return written


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with the one that is checked in; UPDATE_REFERENCE=1 writes it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_REFERENCE"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert text == path.read_text()

    return compare
