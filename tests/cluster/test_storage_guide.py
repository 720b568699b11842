"""Every block of docs/guide/storage.md runs, in order, in one shell, and shows what is printed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from batchai_devcluster.guide import VOLUME
from batchai_devcluster.paths import REPOSITORY
from support.devcluster import devcluster
from support.explaining import RELEASE_NAMESPACE, explain
from support.objects import ACCOUNT
from support.scene import Scene
from support.transcripts import Command, File, blocks

PAGE = REPOSITORY / "docs" / "guide" / "storage.md"
END = "--the-end-of-the-output--"
SLOWNESS = re.compile(r"^(?:Pod \S+ starts\b.*|\[[#.]+\] .*)\n", re.MULTILINE)
"""What commands say only to those who wait."""


class Shell:
    """One bash for all commands, so that variables and folders stay."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """Run a command and return what it printed, and its exit code."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\necho {END}$?\n")
        self._bash.stdin.flush()
        output = ""
        for line in self._bash.stdout:
            said, found, code = line.partition(END)
            output += said
            if found:
                return output, int(code)
        raise AssertionError(f"the shell ended: {output}")

    def close(self) -> None:
        """End the shell."""
        self._bash.kill()
        self._bash.communicate()


@pytest.fixture
def shell(scene: Scene, kubeconfig: Path, tmp_path: Path) -> Iterator[Shell]:
    """A shell as the page's beginning makes it, in a namespace of its own."""
    scene.api.delete("secrets", f"azure-storage-account-{ACCOUNT}-secret", scene.namespace)
    scene.api.delete("batchaiclusters", "d2", scene.namespace)
    access = yaml.safe_load(kubeconfig.read_text())
    for context in access["contexts"]:
        context["context"]["namespace"] = scene.namespace
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(access))
    (tmp_path / "work").mkdir()
    # What a reader has in front of him who has cloned the project.
    (tmp_path / "work" / "charts").symlink_to(REPOSITORY / "charts")
    exports = devcluster("guide")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = Shell(tmp_path / "work", {**os.environ, "PATH": programs})
    made.run(f"{exports}export KUBECONFIG={tmp_path / 'kubeconfig'}")
    yield made
    made.close()
    devcluster("install", "--blob-endpoint", scene.blob_endpoint)
    scene.api.delete("secrets", "auto-storage", RELEASE_NAMESPACE)
    scene.api.delete("persistentvolumes", VOLUME)
    devcluster("storage", "rm", "share/scripts/guide")
    devcluster("storage", "rm", "container/data/guide")


def test_every_block(shell: Shell, scene: Scene, tmp_path: Path) -> None:
    unused: set[str] = set()
    wrong = []
    for block in blocks(PAGE):
        match block:
            case File():
                path = tmp_path / "work" / block.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
                unused.add(block.name.partition("/")[0])
            case Command():
                output, code = shell.run(block.text)
                output = SLOWNESS.sub("", output)
                if code or not re.fullmatch(block.pattern, output):
                    wrong.append(
                        f"{PAGE.name}:{block.line}: {block.text}\n--- printed ({code}):\n{output}"
                        f"--- shown:\n{''.join(line + chr(10) for line in block.shown)}"
                    )
                unused -= set(block.text.split())
    assert not wrong, "\n".join([*wrong, explain(scene.api, scene.namespace)])
    assert not unused, f"files that no command uses: {sorted(unused)}"
