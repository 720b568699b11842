"""The command line as its own process, as people start it."""

import os
import subprocess
import sys
from pathlib import Path

from batchai_devcluster.paths import REPOSITORY
from support.objects import ACCOUNT
from support.scene import Scene


def devcluster(*words: str) -> str:
    """Run a verb of the development cluster and return what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "batchai_devcluster", *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "devcluster")},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


class Batchai:
    """The command line against one namespace, with the images of this checkout."""

    def __init__(self, scene: Scene, kubeconfig: Path) -> None:
        self._scene = scene
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "AZURE_BATCHAI_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_DEFAULTS_GROUP": scene.namespace,
            "BATCHAI_OPERATOR_LAUNCHER_IMAGE": devcluster("image", "ref", "launcher").strip(),
            "BATCHAI_OPERATOR_BLOB_ENDPOINT": scene.blob_endpoint,
        }

    def start(self, *words: object) -> "subprocess.Popen[str]":
        """Start a command."""
        program = str(Path(sys.executable).with_name("batchai"))
        return subprocess.Popen(
            [program, *map(str, words)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object, code: int = 0) -> str:
        """Run a command to its end and return what it said, both ways."""
        return self.ended(self.start(*words), code)

    def ended(self, process: "subprocess.Popen[str]", code: int = 0) -> str:
        """Wait for the end of a command."""
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, out + err + self._scene.explain()
        return out + err
