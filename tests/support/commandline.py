"""The command `batchai` as a process, as a user of one namespace starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Self

from support.devcluster import devcluster
from support.objects import ACCOUNT
from support.scene import Scene

PATIENCE = 300


def in_scene(scene: Scene, kubeconfig: Path, **environment: str) -> "Batchai":
    """Return the command in a test's namespace; what goes wrong is explained by it."""
    return Batchai(kubeconfig, scene.namespace, environment, explain=scene.explain)


def of_checkout(scene: Scene, kubeconfig: Path) -> "Batchai":
    """Return the command with all that a user without any job's Pods has to say.

    That is the launcher's image (of this checkout), the endpoint of blob storage, the account.
    """
    return in_scene(
        scene,
        kubeconfig,
        AZURE_BATCHAI_STORAGE_ACCOUNT=ACCOUNT,
        BATCHAI_OPERATOR_LAUNCHER_IMAGE=devcluster("image", "ref", "launcher").strip(),
        BATCHAI_OPERATOR_BLOB_ENDPOINT=scene.blob_endpoint,
    )


class Batchai:
    """Runs the command in one resource group.

    Args:
        kubeconfig: of the user.
        namespace: the resource group.
        environment: more variables.
        explain: says what is wrong in the namespace, when a command does not end as expected.
    """

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        environment: Mapping[str, str] | None = None,
        explain: Callable[[], str] = lambda: "",
    ) -> None:
        self.namespace = namespace
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), **(environment or {})}
        self._explain = explain

    def __call__(
        self, *words: object, code: int | None = 0, group: str | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end, which must have the exit code unless that is None."""
        done = subprocess.run(
            self._command(*words, group=group),
            env=self._environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert code in {None, done.returncode}, (
            f"{words}: {done.returncode}\n{done.stderr.decode()}\n{self._explain()}"
        )
        return done

    def said(self, *words: object, code: int = 0) -> str:
        """Run a command to its end and return what it said, both ways."""
        done = self(*words, code=code)
        return (done.stdout + done.stderr).decode()

    def start(self, *words: object, errors: IO[bytes] | int | None = None) -> "Running":
        """Start a command whose output a test reads as it comes.

        Args:
            words: of the command.
            errors: where standard error goes: the test's own by default, or into the output
                (`subprocess.STDOUT`).
        """
        process = subprocess.Popen(
            self._command(*words), env=self._environment, stdout=subprocess.PIPE, stderr=errors
        )
        return Running(process)

    def _command(self, *words: object, group: str | None = None) -> list[str]:
        batchai = str(Path(sys.executable).with_name("batchai"))
        return [batchai, *map(str, words), "-g", group or self.namespace]


class Running:
    """A command that runs. Use as a context manager; it is killed at the end of the block."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def __enter__(self) -> Self:
        # A test that hangs must not hang for ever.
        signal.alarm(PATIENCE * 2)
        return self

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        self.process.kill()
        self.process.wait()
        self._out.close()

    @property
    def _out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def line(self) -> bytes:
        """Return the next line."""
        return self._out.readline()

    def read(self, count: int) -> bytes:
        """Return so many bytes; fewer at the end only."""
        return self._out.read(count)

    def rest(self) -> bytes:
        """Return what comes to the end; the command must succeed."""
        rest = self._out.read()
        assert self.process.wait(PATIENCE) == 0
        return rest

    def peak_memory(self) -> float:
        """Return the most it has ever had in memory so far, in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1000
        raise ValueError(self.process.pid)
