"""Verbs of the development cluster, as a test needs them while it runs."""

import os
import subprocess
import sys

from batchai_devcluster.paths import REPOSITORY


def devcluster(*words: str) -> str:
    """Run a verb of the development cluster and return what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "batchai_devcluster", *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "devcluster")},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
