"""What others see of a file while it is written, and shares that hang, fail or are full."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchai_devcluster import provider
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.paths import REPOSITORY, Paths
from support.api import Api
from support.kubectl import Kubectl
from support.shell_pods import a_pod, container, share
from support.waiting import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        os.environ.get("CSI") == "none", reason="real drivers cannot be made to fail"
    ),
]

NAMES = ("writer", "reader")


def tool(*words: str) -> str:
    """Run a verb of `storage` and return what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "batchai_devcluster", "storage", *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "devcluster")},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


@pytest.fixture(scope="module")
def place(
    api: Api, paths: Paths, storage: str, make_namespace: Callable[..., str]
) -> Iterator[str]:
    """A namespace with two Pods on the share `faulty` and the container `data`."""
    cluster = provider.choose(paths)
    image = Images(paths, with_docker=cluster.name == "kind").ensure("node", cluster)
    tool("share", "create", "faulty")
    name = make_namespace("faults")
    volumes = {"share": share(shareName="faulty"), "blob": container()}
    for pod in NAMES:
        api.create("pods", a_pod(pod, name, image, "sleep infinity", volumes))
    for pod in NAMES:
        wait_until(
            lambda pod=pod: api.get("pods", pod, name)["status"]["phase"] == "Running",  # type: ignore[misc]
            120,
            f"Pod {pod}",
            lambda: str(api.list("events", name)[-3:]),
        )
    yield name
    tool("fault", "--share", "faulty", "clear")
    tool("rm", "share/faulty")


def sh(kubectl: Kubectl, place: str, pod: str, line: str) -> str:
    """Run a shell line in a Pod and return everything that it prints."""
    return kubectl.exec(place, pod, "sh", "-c", f"({line}) 2>&1; true").decode()


#: A shell would not do: each `>&3` of it closes a copy of the descriptor, which is a close.
WRITER = """
import time
files = [open(f"/{name}/FILE", "w") for name in ("share", "blob")]
for file in files:
    file.write("one\\n")
    file.flush()
open("/tmp/on", "w").close()
time.sleep(8)
"""


def test_share_shows_bytes_at_once_and_blob_after_close(kubectl: Kubectl, place: str) -> None:
    live = f"live-{place}"  # The container is everybody's, so the name is this run's own.
    program = WRITER.replace("FILE", live)
    sh(kubectl, place, "writer", f"nohup python3 -c '{program}' >/tmp/said 2>&1 &")
    wait_until(
        lambda: "on" in sh(kubectl, place, "writer", "ls /tmp").split(),
        20,
        "the first bytes",
        lambda: sh(kubectl, place, "writer", "cat /tmp/said"),
        pause=0.1,
    )
    assert sh(kubectl, place, "reader", f"cat /share/{live}") == "one\n"
    assert tool("ls", f"share/faulty/{live}").split()[0] == "4"
    assert "No such file" in sh(kubectl, place, "reader", f"cat /blob/{live}")
    assert tool("ls", f"container/data/{live}") == ""
    wait_until(
        lambda: sh(kubectl, place, "reader", f"cat /blob/{live}") == "one\n", 30, "the closed blob"
    )
    tool("rm", f"container/data/{live}")


def test_files_put_in_are_seen_and_got_back(kubectl: Kubectl, place: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    content = os.urandom(3_000_000)
    (tree / "deep" / "big").write_bytes(content)
    (tree / "small").write_text("x")
    for kind, root in (("share/faulty", "/share"), ("container/data", "/blob")):
        tool("put", str(tree), f"{kind}/in")
        tool("put", str(tree / "small"), f"{kind}/in/renamed")
        tool("put", str(tree / "small"), f"{kind}/in/deep/")
        wait_until(
            lambda root=root: (
                sh(kubectl, place, "reader", f"cd {root}/in && find . -type f | sort")  # type: ignore[misc]
                == "./deep/big\n./deep/small\n./renamed\n./small\n"
            ),
            10,
            f"the files in {kind}",
        )
        back = tmp_path / kind.partition("/")[0]
        tool("get", f"{kind}/in", str(back))
        assert (back / "deep" / "big").read_bytes() == content
        tool("get", f"{kind}/in/small", str(tmp_path / "one"))
        assert (tmp_path / "one").read_text() == "x"
        tool("rm", f"{kind}/in")
        assert tool("ls", f"{kind}/in") == ""


def test_full_share(kubectl: Kubectl, place: str) -> None:
    sh(kubectl, place, "writer", "echo old > /share/old")
    tool("fault", "--share", "faulty", "full")
    wait_until(
        lambda: "No space left" in sh(kubectl, place, "writer", "echo new > /share/new"),
        10,
        "a full share",
    )
    assert sh(kubectl, place, "reader", "cat /share/old") == "old\n"
    tool("fault", "--share", "faulty", "clear")
    wait_until(
        lambda: sh(kubectl, place, "writer", "echo new > /share/new") == "", 10, "space again"
    )


def test_failing_share_for_some_seconds(kubectl: Kubectl, place: str) -> None:
    sh(kubectl, place, "writer", "echo old > /share/old")
    tool("fault", "--share", "faulty", "eio", "--seconds", "4")
    line = "cat /share/old"
    wait_until(
        lambda: "Input/output error" in sh(kubectl, place, "reader", line), 10, "errors", pause=0.1
    )
    wait_until(lambda: sh(kubectl, place, "reader", line) == "old\n", 15, "the end of the errors")


def test_hanging_share(kubectl: Kubectl, place: str) -> None:
    sh(kubectl, place, "writer", "echo old > /share/old")
    tool("fault", "--share", "faulty", "hang")
    line = "nohup sh -c 'cat /share/old > /tmp/got' >/dev/null 2>&1 &"
    time.sleep(0.5)  # The fault takes effect within 0.1 s; there is nothing to look at meanwhile.
    sh(kubectl, place, "reader", line)
    time.sleep(1)
    assert sh(kubectl, place, "reader", "cat /tmp/got") == ""
    tool("fault", "--share", "faulty", "clear")
    wait_until(
        lambda: sh(kubectl, place, "reader", "cat /tmp/got") == "old\n", 10, "the share to go on"
    )


def test_pod_on_a_hanging_share_can_be_deleted(api: Api, kubectl: Kubectl, place: str) -> None:
    """Last, because it takes the reader away: the node must come clean of a dead server."""
    tool("fault", "--share", "faulty", "hang")
    time.sleep(0.5)
    sh(kubectl, place, "reader", "nohup cat /share/old >/dev/null 2>&1 &")
    api.delete("pods", "reader", place)
    wait_until(lambda: api.find("pods", "reader", place) is None, 60, "the Pod to be gone")
    tool("fault", "--share", "faulty", "clear")
