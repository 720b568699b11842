"""The provider `devcluster`: Kubernetes as processes of this machine.

Called by cli.py. The steps stand in `up` in the order in which they happen; each is recorded in
state.py before it changes anything outside the cluster's own folder.
"""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from batchai_devcluster import (
    build,
    mountpoints,
    network,
    nodes,
    objects,
    preflight,
    preparing,
    streaming,
    sysctls,
    teardown,
)
from batchai_devcluster.certificates import Authority
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.controlplane import NAMES, ControlPlane
from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.images import loading
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.network import Network
from batchai_devcluster.nodes import Node
from batchai_devcluster.paths import Paths
from batchai_devcluster.processes import Processes
from batchai_devcluster.progress import say, step
from batchai_devcluster.running import run
from batchai_devcluster.shape import Shape
from batchai_devcluster.state import State


class Devcluster:
    """One cluster on this machine."""

    name = "devcluster"
    is_ours = True
    with_docker = False
    registry = ""

    def __init__(self, paths: Paths) -> None:
        """Remember where the cluster lies."""
        self.paths = paths
        self.kubeconfig = str(paths.kubeconfig)
        self.cgroups = Cgroups(paths.instance)
        self.processes = Processes(self.cgroups, paths.logs)

    def announce(self) -> list[str]:
        """Return what `up` is about to do and how long that takes."""
        lines = preparing.announce(self.paths)
        if not teardown.is_clean(self.paths, self.cgroups):
            lines.append("Remove the cluster that is there: it does not work or differs (seconds).")
        lines.append("Start the cluster: about 20 seconds.")
        return lines

    def is_up(self, shape: Shape) -> bool:
        """Tell whether a cluster of that shape runs and works."""
        state = State.load(self.paths.state)
        if state is None or not state.complete or not shape.fits(state):
            return False
        return state.program == str(build.folder(self.paths)) and self.problem() is None

    def up(self, shape: Shape) -> None:
        """Make a cluster of that shape run, in place of whatever is there."""
        preflight.check(self.paths, built=build.is_built(self.paths))
        preparing.prepare(self.paths)
        earlier = State.load(self.paths.state)
        if not teardown.is_clean(self.paths, self.cgroups):
            self._remove()
        state = State(
            nodes=shape.nodes or (earlier.nodes if earlier else 2),
            gpus=shape.gpus if shape.gpus is not None else (earlier.gpus if earlier else 1),
            instance_type=shape.instance_type or (earlier.instance_type if earlier else ""),
            program=str(build.folder(self.paths)),
            network=network.choose().number,
            sysctls=sysctls.read(),
        )
        state.save(self.paths.state)
        self._start(state)
        state.complete = True
        state.save(self.paths.state)

    def down(self) -> None:
        """End the cluster and remove it without trace."""
        if os.geteuid() != 0 and not self.paths.cluster.exists():
            # Only root can have started one; others may clear their caches all the same.
            say("There is no cluster.")
            return
        preflight.need_root()
        streaming.end_abandoned_work(self.cgroups, all_of_it=True)
        if teardown.is_clean(self.paths, self.cgroups):
            say("There is no cluster.")
            return
        self._remove()

    def _remove(self) -> None:
        with step("Removing the cluster that is there"):
            teardown.tear_down(self.paths, self.cgroups)

    def _start(self, state: State) -> None:
        program = Path(state.program)
        addresses = Network(state.network)
        images = Images(self.paths, with_docker=False)
        pause = images.build("pause")
        self.paths.storage.mkdir(parents=True)
        self.paths.storage.chmod(0o777)
        mountpoints.make(list(nodes.MOUNTS))
        with step("Starting etcd, the API server and its controllers"):
            sysctls.allow_forwarding()
            holder = network.set_up(self.processes, self.paths.instance, addresses, state.nodes)
            authority = Authority(self.paths.pki)
            plane = ControlPlane(self.paths, program, addresses, self.processes, holder)
            plane.start_api(authority)
            admin = authority.issue("admin", "kubernetes-admin", ["system:masters"])
            authority.kubeconfig(self.paths.kubeconfig, plane.server, admin)
            self._wait("the API server", self._is_serving, 60, ["etcd", "kube-apiserver"])
            self.kubectl(["apply", "--filename=-"], stdin=objects.manifest())
            plane.start_clients(authority)
        members = self.members(state)
        labels = {}
        if state.instance_type:
            labels["node.kubernetes.io/instance-type"] = state.instance_type
        with step(f"Starting {state.nodes} node(s)"):
            for node in members:
                node.start_containerd(addresses, holder, pause)
            self._wait("containerd", lambda: all(map(loading.answers, members)), 30, [])
            images.load("pause", self)
            for node in members:
                node.start_kubelet(authority, addresses, labels)
                node.start_gpus(state.gpus)
            everything = [*NAMES, *(name for node in members for name in node.process_names)]
            self._wait("the nodes", lambda: self._are_ready(state), 120, everything)

    def members(self, state: State | None = None) -> list[Node]:
        """Return the nodes of the cluster that runs; none when none does."""
        state = state or State.load(self.paths.state)
        if state is None:
            return []
        program = Path(state.program)
        return [Node(self.paths, program, self.processes, each) for each in range(state.nodes)]

    def restart_node(self, name: str) -> None:
        """Kill a node's kubelet and containerd and start them again; its containers live on.

        Should this be killed in between, `up` finds that they do not run and starts anew.

        Raises:
            DevclusterError: there is no such node, or it does not come back.
        """
        state = State.load(self.paths.state)
        found = next((node for node in self.members(state) if node.name == name), None)
        if state is None or found is None:
            raise DevclusterError(f"There is no node {name!r}.")
        with step(f"Killing and starting kubelet and containerd of {name}"):
            commands = found.kill()
            found.start_again("containerd", commands["containerd"])
            self._wait("containerd", lambda: loading.answers(found), 60, [])
            since = datetime.now(UTC).replace(microsecond=0)

            def is_back() -> bool:
                # A kubelet ends when containerd does not know its containers again yet, and is
                # started anew, as systemd would do.
                if not self.processes.is_alive(f"{name}-kubelet"):
                    found.start_again("kubelet", commands["kubelet"])
                # What the killed kubelet said last is still there, so its word does not count.
                return self._was_heard(name, since) and self._are_ready(state)

            self._wait("the node", is_back, 180, [])

    def problem(self) -> str | None:
        """Return why the cluster does not work, or None when it does."""
        state = State.load(self.paths.state)
        if state is None:
            return "there is none"
        expected = [*NAMES, *(name for node in self.members(state) for name in node.process_names)]
        if state.gpus:
            expected += [f"{node.name}-gpu-plugin" for node in self.members(state)]
        for name in expected:
            if not self.processes.is_alive(name):
                return f"{name} does not run"
        return None if self._are_ready(state) else "not every node is ready"

    def kubectl(self, arguments: Sequence[str], stdin: str | None = None) -> str:
        """Run kubectl against this cluster and return what it prints."""
        state = State.load(self.paths.state)
        if state is None:
            raise DevclusterError("There is no cluster; start one with `up`.")
        program = Path(state.program) / "kubectl"
        command: list[str | Path] = [
            program,
            f"--kubeconfig={self.paths.kubeconfig}",
            "--request-timeout=5s",
        ]
        return run([*command, *arguments], stdin=stdin, timeout=30)

    def load_image(self, reference: str, archive: Path) -> None:
        """Put an image into every node that lacks it."""
        loading.load_archive(reference, archive, self.members())

    def lacks_image(self, reference: str) -> bool:
        """Tell whether a node lacks an image."""
        return any(not loading.has(node, reference) for node in self.members())

    def _is_serving(self) -> bool:
        try:
            return self.kubectl(["get", "--raw=/readyz"]).strip() == "ok"
        except CommandError:
            return False

    def _was_heard(self, name: str, since: datetime) -> bool:
        """Tell whether a node's kubelet has said since then how the node is."""
        column = 'jsonpath={.status.conditions[?(@.type=="Ready")].lastHeartbeatTime}'
        try:
            text = self.kubectl(["get", "node", name, "--output", column])
        except CommandError:
            return False
        return bool(text) and datetime.fromisoformat(text) >= since

    def _are_ready(self, state: State) -> bool:
        """Tell whether every node of ours is ready and offers its GPUs; others may have joined."""
        columns = (
            "jsonpath={range .items[*]}{.metadata.name}"
            ' {.status.conditions[?(@.type=="Ready")].status}'
            r" {.status.allocatable.nvidia\.com/gpu}{'\n'}{end}"
        )
        try:
            lines = self.kubectl(["get", "nodes", "--output", columns]).splitlines()
        except CommandError:
            return False
        offer = f"True {state.gpus}" if state.gpus else "True"
        wanted = {f"{nodes.name_of(index)} {offer}" for index in range(state.nodes)}
        return wanted <= {line.strip() for line in lines}

    def _wait(
        self, what: str, is_there: Callable[[], bool], seconds: int, names: Sequence[str]
    ) -> None:
        """Wait for something, but not for processes that have died."""
        deadline = time.monotonic() + seconds
        began = time.monotonic()
        while not is_there():
            for name in names:
                if time.monotonic() - began > 1 and not self.processes.is_alive(name):
                    raise DevclusterError(
                        f"{name} has ended; the end of {self.paths.logs}/{name}.log:\n"
                        + self.processes.log_tail(name)
                    )
            if time.monotonic() > deadline:
                raise DevclusterError(
                    f"Waited {seconds} s for {what} in vain; the logs are in {self.paths.logs}"
                )
            time.sleep(0.2)
