"""The reference page is what `--help` says."""

import os
from pathlib import Path

from batchai_operator.cli.reference import page

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_reference_is_up_to_date():
    if os.environ.get("UPDATE_REFERENCE"):
        REFERENCE.write_text(page())
    remedy = "run `python -m batchai_operator.cli.reference > docs/reference/cli.md`"
    assert REFERENCE.read_text() == page(), remedy
