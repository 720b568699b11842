"""The verb `go`: the project's own Go for its own modules, for example `go test launcher`.

Shares its caches with the image builds, which compile the same modules.
"""

import os
import subprocess
from collections.abc import Sequence

from batchai_devcluster import toolchain
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.locking import locked
from batchai_devcluster.paths import REPOSITORY, Paths


def main(paths: Paths, words: Sequence[str]) -> int:
    """Run Go in a folder of the repository and return its exit code.

    Args:
        paths: where things lie.
        words: Go's own verb, the folder, and what else Go is to be told (`./...` by default).

    Raises:
        DevclusterError: a word is missing, or the folder holds no module.
    """
    if len(words) < 2:
        raise DevclusterError("Say what Go is to do and where, for example `go test launcher`.")
    verb, folder, *rest = words
    if not (REPOSITORY / folder / "go.mod").exists():
        raise DevclusterError(f"{folder} holds no go.mod.")
    with locked(paths.lock("toolchain"), "installing Go"):
        root = toolchain.ensure_go(paths)
    environment = {
        **toolchain.go_environment(paths, root),
        "GOCACHE": str(paths.images / "go-build"),
        "GOMODCACHE": str(paths.images / "go-mod"),
    }
    done = subprocess.run(
        [root / "bin/go", verb, *(rest or ["./..."])],
        cwd=REPOSITORY / folder,
        env={**os.environ, **environment},
        check=False,
    )
    return done.returncode
