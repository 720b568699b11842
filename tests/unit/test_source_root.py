"""The folder `operator/` must never shadow the standard module of that name (ADR 0001)."""

import operator
import sysconfig
from pathlib import Path

SOURCE_ROOT = Path(__file__).parents[2] / "operator"


def test_source_root_holds_no_module_of_its_own() -> None:
    assert not list(SOURCE_ROOT.glob("*.py"))


def test_standard_operator_module_wins() -> None:
    assert operator.__file__ is not None
    assert Path(operator.__file__).is_relative_to(sysconfig.get_path("stdlib"))
