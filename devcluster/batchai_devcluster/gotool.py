"""The verb `go`: the project's own Go for its own modules, for example `go -C launcher test ./...`.

Shares its caches with the image builds, which compile the same modules.
"""

import os
import subprocess
from collections.abc import Sequence

from batchai_devcluster import toolchain
from batchai_devcluster.paths import Paths


def main(paths: Paths, words: Sequence[str]) -> int:
    """Run Go on this terminal with the words as they are; return its exit code."""
    root = toolchain.ensure_go(paths)
    environment = {
        **os.environ,
        **toolchain.go_environment(paths, root),
        "GOCACHE": str(paths.images / "go-build"),
        "GOMODCACHE": str(paths.images / "go-mod"),
    }
    return subprocess.run([root / "bin/go", *words], env=environment, check=False).returncode
