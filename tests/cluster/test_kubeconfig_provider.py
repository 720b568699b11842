"""The provider `kubeconfig` from another home, on the session's cluster: no node is changed.

What the provider refuses is in tests/unit/devcluster/test_kubeconfig.py.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from batchai_devcluster.paths import REPOSITORY, Paths
from support.api import Api, Raw
from support.waiting import wait_until

from .conftest import TOOL, run_tool

Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def other_home(paths: Paths, kubeconfig: Path, tmp_path: Path) -> Tool:
    """Run a verb as somebody who has this project's programs and a kubeconfig."""
    (tmp_path / "programs").symlink_to(paths.programs)
    (tmp_path / "toolchain").symlink_to(paths.toolchain)
    wishes = ("CSI", "CSI_FOLDER", "REGISTRY")
    environment = {name: value for name, value in os.environ.items() if name not in wishes}
    environment |= {
        "BATCHAI_HOME": str(tmp_path),
        "BATCHAI_PROVIDER": "kubeconfig",
        "KUBECONFIG": f"{tmp_path}/none:{kubeconfig}",
        "PYTHONPATH": str(REPOSITORY / "devcluster"),
    }

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*TOOL, *words], env=environment, check=False, capture_output=True, text=True
        )

    return run


def test_a_cluster_that_is_there_is_used_as_it_is(
    other_home: Tool, api: Api, node_image: str, storage: str
) -> None:
    operator, launcher = (
        run_tool("image", "ref", name).strip() for name in ("operator", "launcher")
    )
    wait_until(
        lambda: all(
            {operator, launcher, node_image} <= _images(node) for node in api.list("nodes")
        ),
        120,
        "kubelets to list the images",
        lambda: str([sorted(_images(node)) for node in api.list("nodes")]),
    )
    before = {node["metadata"]["name"]: _own(node) for node in api.list("nodes")}
    for words, said in (
        (["up"], "nothing is started"),
        (["status"], "kubeconfig: working"),
        (["install", "--blob-endpoint", storage], operator),
        (["storage", "endpoint"], ""),
        (["down"], "leaves your cluster and its nodes alone"),
        (["status"], "kubeconfig: working"),
    ):
        done = other_home(*words)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout + done.stderr
    assert {node["metadata"]["name"]: _own(node) for node in api.list("nodes")} == before
    assert _operator(api) == operator
    # The stand-in is the other home's, which `down` knows.
    assert api.find("namespaces", "batchai-storage") is not None


def _operator(api: Api) -> str:
    deployment = next(iter(api.list("deployments", "batchai-system")))
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _images(node: Raw) -> set[str]:
    return {name for image in node["status"].get("images") or () for name in image["names"]}


def _own(node: Raw) -> Raw:
    """Return what is its owner's of a node; the rest is told by its kubelet all the time."""
    passing = ("resourceVersion", "managedFields")
    kept = {name: value for name, value in node["metadata"].items() if name not in passing}
    return {"metadata": kept, "spec": node["spec"]}
