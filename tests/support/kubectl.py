"""kubectl, for what the plain REST client of the tests cannot do: exec, apply, describe."""

import os
import subprocess
from pathlib import Path


class Kubectl:
    """kubectl against the cluster of one kubeconfig."""

    def __init__(self, kubeconfig: Path, program: Path) -> None:
        self.program = program
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def try_run(
        self, *words: str, stdin: bytes | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run kubectl and return whatever came of it."""
        return subprocess.run(
            [str(self.program), *words],
            input=stdin,
            env=self.environment,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def run(self, *words: str, stdin: bytes | None = None, timeout: float = 120) -> bytes:
        """Run kubectl, which must succeed, and return its standard output."""
        done = self.try_run(*words, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr.decode()}"
        return done.stdout

    def exec(self, namespace: str, pod: str, *command: str, container: str = "") -> bytes:
        """Run a command in a Pod and return its standard output."""
        chosen = [f"--container={container}"] if container else []
        return self.run("exec", f"--namespace={namespace}", pod, *chosen, "--", *command)
