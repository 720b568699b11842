"""Where the crash tests play: a namespace, a fault proxy and an operator process for each run.

Made once per test file, after the chart's own operator was sent away, because that one serves all
namespaces. Several runs can go on at a time; each has a namespace of its own.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import host_operator
from support.api import Api, Raw
from support.crash_scenario import EXPECTED, judge, play
from support.explaining import RELEASE_NAMESPACE
from support.fault_proxy import FaultProxy
from support.faults import Plan, no_faults
from support.host_operator import HostOperator
from support.onlooker import Onlooker
from support.scene import Scene
from support.waiting import wait_until


@dataclass(frozen=True)
class Run:
    """One run of the scenario."""

    scene: Scene
    proxy: FaultProxy
    operator: HostOperator
    onlooker: Onlooker

    def play(self, when_half: Callable[[], object] = lambda: None) -> None:
        """Play the scenario to its end; it must come out as expected.

        Raises:
            AssertionError: it did not; the message has all that is known.
        """
        try:
            play(self.scene, when_half)
            outcome = judge(self.scene, self.proxy.writes, self.onlooker)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.explain()}") from error
        differences = EXPECTED.differences(outcome)
        assert not differences, "\n".join(["expected, but found:", *differences, self.explain()])

    def explain(self) -> str:
        """Return what the proxy and the operator have to say."""
        writes = "\n".join(f"{number:3} {call}" for number, call in enumerate(self.proxy.writes, 1))
        faults = "\n".join(f"    {call}: {fault}" for call, fault in self.proxy.faults)
        return (
            f"WRITES\n{writes}\nFAULTS\n{faults}\nEXITS {self.operator.exits}\n"
            f"OPERATOR\n{self.operator.tail()}"
        )


@dataclass(frozen=True)
class Ground:
    """What all runs of a test file share.

    Attributes:
        home: a namespace of its own, whose onlooker sees the share.
        kubeconfig: of the administrator.
        folder: for kubeconfigs and logs.
        make_namespace: makes a namespace with the storage account's Secret.
    """

    home: Scene
    kubeconfig: Path
    folder: Path
    make_namespace: Callable[..., str]

    @contextmanager
    def run(self, prefix: str, plan: Plan = no_faults) -> Iterator[Run]:
        """Make a namespace and start an operator for it; clear both away afterwards.

        Args:
            prefix: of the namespace's name.
            plan: which of the operator's requests are answered wrongly.
        """
        api, onlooker = self.home.api, self.home.onlooker
        namespace = self.make_namespace(prefix)
        scene = Scene(api, self.home.kubectl, namespace, "", "")
        host_operator.grant_lease(api, namespace)
        file, log = self.folder / f"{namespace}.kubeconfig", self.folder / f"{namespace}.log"
        trust, token = host_operator.trust(self.kubeconfig), host_operator.token(api)
        try:
            with FaultProxy(api.server, trust, token) as proxy:
                proxy.plan = plan
                host_operator.kubeconfig_for(proxy.url, file)
                with HostOperator(host_operator.settings(api, namespace, file), log) as operator:
                    yield Run(scene, proxy, operator, onlooker)
        finally:
            onlooker.run("sh", "-c", f"rm -rf /share/*/{namespace}")
            api.delete("namespaces", namespace)


@contextmanager
def without_chart_operator(api: Api) -> Iterator[None]:
    """Scale the chart's operator to nothing, and back afterwards."""
    replicas = int(deployment(api)["spec"]["replicas"])
    scale(api, 0)
    try:
        yield
    finally:
        scale(api, replicas)


def deployment(api: Api) -> Raw:
    """Return the chart's Deployment."""
    return api.list("deployments", RELEASE_NAMESPACE)[0]


def operator_pods(api: Api) -> list[Raw]:
    """Return the Pods of the chart's operator."""
    labels = "app.kubernetes.io/name=batchai-operator"
    return list(api.list("pods", RELEASE_NAMESPACE, labels=labels))


def scale(api: Api, replicas: int) -> None:
    """Scale the chart's operator and wait until it is so."""
    name = deployment(api)["metadata"]["name"]
    api.patch("deployments", name, RELEASE_NAMESPACE, {"spec": {"replicas": replicas}})

    def is_so() -> bool:
        pods = operator_pods(api)
        return len(pods) == replicas and all(_is_ready(pod) for pod in pods)

    wait_until(
        is_so,
        180,
        f"{replicas} operators",
        lambda: json.dumps([pod["status"] for pod in operator_pods(api)], indent=1),
    )


def _is_ready(pod: Raw) -> bool:
    states = pod["status"].get("containerStatuses", [{"ready": False}])
    return all(each["ready"] for each in states)
