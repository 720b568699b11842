"""The command `batchai` as a process, as a user of one namespace starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

PATIENCE = 240


class Batchai:
    """Runs the command in one resource group.

    Args:
        kubeconfig: of the user.
        namespace: the resource group.
        environment: more variables.
    """

    def __init__(
        self, kubeconfig: Path, namespace: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.namespace = namespace
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), **(environment or {})}

    def __call__(
        self, *words: str, code: int | None = 0, group: str | None = None
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
            f"{words}: {done.returncode}\n{done.stderr.decode()}"
        )
        return done

    def start(self, *words: str, errors: IO[bytes] | None = None) -> "Running":
        """Start a command whose output a test reads as it comes."""
        process = subprocess.Popen(
            self._command(*words), env=self._environment, stdout=subprocess.PIPE, stderr=errors
        )
        return Running(process)

    def _command(self, *words: str, group: str | None = None) -> list[str]:
        batchai = str(Path(sys.executable).with_name("batchai"))
        return [batchai, *words, "-g", group or self.namespace]


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
