"""Renders the chart with the pinned Helm, which `make up` compiles."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[3] / "charts" / "batchai-operator"
Objects = dict[tuple[str, str], dict[str, Any]]
Render = Callable[..., Objects]


def helm() -> str:
    home = Path(os.environ.get("BATCHAI_HOME", Path("~/.cache/batchai").expanduser()))
    program = home / "bin" / "helm"
    if not program.exists():
        pytest.skip("Helm is not built yet (`make up` compiles the pinned one)")
    return str(program)


def template(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [helm(), "template", "bai", str(CHART), "--namespace", "system", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def render() -> Render:
    """Objects by kind and name, for `--set` expressions."""

    def rendered(*values: str, files: tuple[Path, ...] = ()) -> Objects:
        flags = [f"--set={value}" for value in values] + [f"--values={file}" for file in files]
        done = template(*flags)
        assert done.returncode == 0, done.stderr
        return {
            (thing["kind"], thing["metadata"]["name"]): thing
            for thing in yaml.safe_load_all(done.stdout)
            if thing
        }

    return rendered


@pytest.fixture
def refusal() -> Callable[..., str]:
    """What Helm says to values that the schema does not allow."""

    def refused(*values: str) -> str:
        done = template(*[f"--set={value}" for value in values])
        assert done.returncode != 0, done.stdout
        return done.stderr

    return refused
