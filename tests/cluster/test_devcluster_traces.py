"""Kills `up` at every stage and shows that the next `down` or `up` leaves no trace.

It uses a home of its own, so a cluster that runs meanwhile is not touched: another home means other
networks, control groups and namespaces. Compiled programs are borrowed from the ordinary home.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from batchai_devcluster import build
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.paths import DEVCLUSTER, Paths

#: Sockets below the home must fit into 107 letters, so pytest's own long folders do not do.
HOME = Path(f"/var/tmp/batchai-test-{os.getpid()}")  # noqa: S108

#: A file system whose server takes a request and never answers, and that waits for itself: once it
#: is killed, the thread that waits keeps the connection open that it waits for.
HUNG_MOUNT = """
import ctypes, os, struct, sys, threading, time
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0"
folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hung", folder.encode(), b"fuse", 0, options.encode()):
    raise OSError(ctypes.get_errno(), "mount")
def serve():
    unique = struct.unpack("<IIQ", os.read(fuse, 1 << 17)[:16])[2]
    hello = struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 9, 4096, 1, 0, 0, 0)
    os.write(fuse, struct.pack("<IiQ", 16 + len(hello), 0, unique) + hello)
    os.read(fuse, 1 << 17)
    print("mounted", flush=True)
threading.Thread(target=serve).start()
threading.Thread(target=os.stat, args=(folder + "/file",)).start()
time.sleep(1000)
"""


@dataclass
class Tool:
    """The command line, with a home of its own."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {
            **os.environ,
            "BATCHAI_HOME": str(self.home),
            "BATCHAI_PROVIDER": "devcluster",
            # What stands on the cluster is not the subject, and its images take long to build.
            "CSI": "none",
            "PYTHONPATH": str(DEVCLUSTER),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def paths(self) -> Paths:
        return Paths(self.home)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "batchai_devcluster", *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def must(self, *words: str) -> str:
        code, output = self.run(*words)
        assert code == 0, output
        return output

    def interrupt_up(self, stage: str, seconds: float, how: signal.Signals) -> None:
        """Start `up` and send it a signal some time after it has reached a stage."""
        process = self.start("up")
        assert process.stdout
        seen = []
        for line in process.stdout:
            seen.append(line)
            if line.startswith(stage):
                break
        else:
            pytest.fail(f"`up` ended before {stage!r}:\n{''.join(seen)}")
        time.sleep(seconds)
        assert process.poll() is None, f"`up` had ended already:\n{''.join(seen)}"
        process.send_signal(how)
        # Not until the end of its output: what a killed `up` has started holds that open.
        process.wait(timeout=60)
        process.stdout.close()


@pytest.fixture
def tool() -> Iterator[Tool]:
    """The command line with compiled programs but nothing else."""
    ordinary = Paths.from_environment()
    if not build.is_built(ordinary):
        pytest.skip("the programs are not compiled; run `make up` first")
    made = Tool(HOME)
    HOME.mkdir()
    (HOME / "programs").symlink_to(ordinary.programs)
    (HOME / "toolchain").symlink_to(ordinary.toolchain)
    try:
        yield made
    finally:
        # The links are removed as links: the borrowed folders stay.
        made.run("clean-cache")
        subprocess.run(["rm", "-rf", "--one-file-system", HOME], check=True)


def assert_no_trace(tool: Tool) -> None:
    code, output = tool.run("traces")
    assert (code, output) == (0, "")
    assert not tool.paths.cluster.exists()
    assert Cgroups(tool.paths.instance).processes() == []


def test_the_check_sees_a_running_cluster(tool: Tool) -> None:
    tool.must("up", "--nodes=1")
    code, output = tool.run("traces")
    assert code == 1
    instance = tool.paths.instance
    for trace in (
        " kubelet",
        " etcd",
        f"/freezer/{instance}" if not Cgroups.is_v2() else f"/{instance}",
        f"network link {instance}",
        f"firewall table table inet {instance}",
        "cluster folder",
        "route 10.",
    ):
        assert trace in output
    tool.must("down")
    assert_no_trace(tool)


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [
        ("Building the image pause", 0.0),
        ("Starting etcd", 0.0),
        ("Starting etcd", 0.5),
        ("Starting etcd", 2.0),
        ("Starting 2 node(s)", 0.0),
        ("Starting 2 node(s)", 0.7),
        ("Loading the image pause", 0.0),
        ("Loading the image pause", 2.5),
    ],
)
def test_a_killed_up_is_removed_by_down(tool: Tool, stage: str, seconds: float) -> None:
    tool.interrupt_up(stage, seconds, signal.SIGKILL)
    tool.must("down")
    assert_no_trace(tool)


def test_a_killed_up_is_repaired_by_up(tool: Tool) -> None:
    tool.interrupt_up("Starting 2 node(s)", 1.0, signal.SIGKILL)
    tool.must("up")
    tool.must("status")
    began = time.monotonic()
    tool.must("up")
    assert time.monotonic() - began < 5, "an `up` with nothing to do takes long"
    tool.must("down")
    assert_no_trace(tool)


def test_ctrl_c_leaves_nothing_broken(tool: Tool) -> None:
    tool.interrupt_up("Starting 2 node(s)", 0.5, signal.SIGINT)
    tool.must("up", "--nodes=1")
    tool.must("down")
    assert_no_trace(tool)


def test_a_killed_compilation_ends_with_the_next_run(tool: Tool) -> None:
    tool.paths.programs.unlink()
    tool.interrupt_up("Downloading Kubernetes", 1.5, signal.SIGKILL)
    assert Cgroups(tool.paths.instance).processes(), "Go goes on until somebody ends it"
    tool.must("down")
    assert_no_trace(tool)


def start_sleeper(tool: Tool) -> None:
    """Have a Pod that does nothing."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sleeper", "namespace": "default"},
        "spec": {
            "containers": [{"name": "pause", "image": pause_reference(tool)}],
            "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}],
        },
    }
    # The Pod's service account is made by a controller a moment after the start.
    wait_for(lambda: tool.run("kubectl", "get", "serviceaccount", "default")[0] == 0)
    file = HOME / "pod.json"
    file.write_text(json.dumps(pod))
    tool.must("kubectl", "create", f"--filename={file}")
    tool.must("kubectl", "wait", "--for=condition=Ready", "--timeout=60s", "pod/sleeper")


def test_a_restarted_node_keeps_its_containers_and_goes_without_trace(tool: Tool) -> None:
    tool.must("up", "--nodes=1")
    start_sleeper(tool)
    groups = Cgroups(tool.paths.instance)
    parts = ("node-0-kubelet", "node-0-containerd", "node-0")
    before = {part: set(groups.processes(part)) for part in parts}
    tool.must("restart-node", "node-0")
    after = {part: set(groups.processes(part)) for part in parts}
    assert before["node-0"] == after["node-0"], "the containers did not live on"
    assert not before["node-0-kubelet"] & after["node-0-kubelet"]
    assert len(before["node-0-containerd"] - after["node-0-containerd"]) == 1, "not containerd only"
    tool.must("status")
    # The new containerd knows the old containers: it can still end them.
    tool.must("kubectl", "delete", "pod/sleeper", "--timeout=60s")
    wait_for(lambda: not groups.processes("node-0"))
    assert tool.run("restart-node", "node-7")[0] == 1
    tool.must("down")
    assert_no_trace(tool)


def test_down_copes_with_dead_kubelets_and_hung_mounts(tool: Tool) -> None:
    tool.must("up", "--nodes=1")
    start_sleeper(tool)
    groups = Cgroups(tool.paths.instance)
    (kubelet,) = groups.processes("node-0-kubelet")
    waiting = subprocess.Popen(
        [
            *("/bin/sh", "-c", 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"', "sh"),
            str(groups.top / "node-0-containerd"),
            *("nsenter", f"--target={kubelet}", "--mount", "--"),
            *(sys.executable, "-c", HUNG_MOUNT, "/var/lib/kubelet/pods/hung"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout
    assert waiting.stdout.readline() == "mounted\n"
    for process in groups.processes("node-0-kubelet"):
        os.kill(process, signal.SIGKILL)
    for process in groups.processes("node-0-containerd"):
        if process != waiting.pid:
            os.kill(process, signal.SIGSTOP)

    tool.must("down")
    waiting.wait(timeout=10)
    waiting.stdout.close()
    assert_no_trace(tool)


def pause_reference(tool: Tool) -> str:
    return tool.must("image", "ref", "pause").strip()


def wait_for(is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_there():
        assert time.monotonic() < deadline
        time.sleep(0.3)
