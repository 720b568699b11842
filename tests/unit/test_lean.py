"""The processes do not load what they do not use; each in an interpreter of its own."""

import json
import subprocess
import sys

import pytest

_SHOW = "import sys, json; print(json.dumps(sorted(n for n, m in sys.modules.items() if m)))"


@pytest.mark.parametrize("entry", ["batchai_operator.main", "batchai_operator.cli.main"])
def test_entry_points_load_the_asynchronous_client_only(entry):
    done = subprocess.run(
        [sys.executable, "-c", f"import {entry}; {_SHOW}"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    loaded = set(json.loads(done.stdout))
    assert "kubernetes.aio.client.api_client" in loaded
    assert not [name for name in loaded if name.startswith(("kubernetes.client", "requests"))]
    assert ("kopf" in loaded) == (entry == "batchai_operator.main")
