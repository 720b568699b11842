"""Who is no part of a job disturbs none at the port where its nodes meet.

The strangers: a Pod of another job in the same namespace, a Pod of another namespace that has found
the address, and somebody who listens on the wires of the nodes.
"""

from collections.abc import Callable

import pytest

from support.api import Api, Raw
from support.kubectl import Kubectl
from support.objects import LOGS, a_job
from support.scene import Scene
from support.strangers import Intruder, a_stranger, wait_for_pod

PORT = "23100"
FLOOD = 100


@pytest.fixture(scope="module")
def elsewhere(make_namespace: Callable[..., str]) -> str:
    """Another namespace."""
    return make_namespace("elsewhere")


@pytest.fixture(scope="module")
def far(api: Api, kubectl: Kubectl, elsewhere: str, scene: Scene) -> Intruder:
    """A Pod in another namespace."""
    pod = api.create("pods", a_stranger(elsewhere, "far", scene.node_image))
    wait_for_pod(api, pod)
    return Intruder(kubectl, pod)


@pytest.fixture(scope="module")
def listeners(api: Api, kubectl: Kubectl, elsewhere: str, scene: Scene) -> list[Intruder]:
    """Somebody on the network of every node, who records what is sent to the port."""
    nodes = [node["metadata"]["name"] for node in api.list("nodes")]
    pods = [
        api.create("pods", a_stranger(elsewhere, f"wire-{node}", scene.node_image, on_node=node))
        for node in nodes
    ]
    found = []
    for pod in pods:
        wait_for_pod(api, pod)
        listener = Intruder(kubectl, pod)
        listener.start("record", PORT)
        found.append(listener)
        scene.until(listener.told, 30, "the listener")
    return found


@pytest.fixture(scope="module")
def flag(scene: Scene) -> str:
    """The file on the share for which the attacked job waits."""
    return f"flag-strangers-{scene.namespace}"


@pytest.fixture(scope="module")
def attacked(scene: Scene, far: Intruder, listeners: list[Intruder], flag: str) -> Raw:
    """A job of two nodes that is flooded from its first moment on; it waits for the flag."""
    scene.submit(a_job("neighbour", scene.namespace, "sleep 900"))
    command = f"echo begun; while ! test -e {LOGS}/{flag}; do sleep 0.5; done; echo ended"
    scene.submit(a_job("attacked", scene.namespace, command, nodeCount=2))
    (service,) = scene.until(
        lambda: scene.api.list("services", scene.namespace, labels="batchai.dev/job=attacked"),
        60,
        "the Service",
        "attacked",
    )
    host = f"n0.{service['metadata']['name']}.{scene.namespace}.svc.cluster.local"
    far.start("hold", host, PORT, str(FLOOD))
    # The task begins when all nodes have met.
    scene.until(
        lambda: b"begun" in scene.onlooker.run("sh", "-c", f"cat /share/{_log(scene)} || true"),
        240,
        "the nodes to meet in spite of the flood",
        "attacked",
    )
    return scene.job("attacked")


def _log(scene: Scene) -> str:
    return f"{scene.folder('attacked')}/stdout.txt"


@pytest.fixture(scope="module")
def address(scene: Scene, attacked: Raw) -> str:
    """Address of node 0."""
    return str(scene.pods("attacked")[0]["status"]["podIP"])


@pytest.fixture(scope="module")
def near(scene: Scene, kubectl: Kubectl) -> Intruder:
    """A Pod of another job of the same namespace."""
    (pod,) = scene.wait_until_job_runs("neighbour")
    return Intruder(kubectl, pod, "job")


def test_the_flood_was_one(far: Intruder, address: str) -> None:
    """The nodes met although all places for strangers were taken, again and again."""
    last = far.told()[-1]
    assert last["held"] > 0, "the port is reached from another namespace"
    assert last["opened"] > FLOOD


@pytest.mark.parametrize("who", ["near", "far"])
def test_the_port_answers_no_rubbish(
    request: pytest.FixtureRequest, address: str, who: str
) -> None:
    told = request.getfixturevalue(who).run("speak", address, PORT)
    assert len(told) == 6
    assert {each["attack"]: each["answer"] for each in told if each["answer"]} == {}


@pytest.mark.parametrize("who", ["near", "far"])
def test_the_port_believes_nobody_without_the_key(
    request: pytest.FixtureRequest, address: str, who: str
) -> None:
    told = request.getfixturevalue(who).run("forge", address, PORT)
    # Who greets is greeted: a fresh nonce and a proof, which says nothing about the key.
    assert [each["greeting"] for each in told] == [64, 64, 64]
    assert [each["answer"] for each in told] == [0, 0, 0]


def test_what_was_recorded_cannot_be_said_again(
    far: Intruder, listeners: list[Intruder], address: str
) -> None:
    packets = [line for each in listeners for line in each.told() if "payload" in line]
    parts: dict[tuple[str, int], dict[int, str]] = {}
    for packet in packets:
        if packet["to"] == int(PORT):
            parts.setdefault(tuple(packet["source"]), {})[packet["sequence"]] = packet["payload"]
    said = [b"".join(bytes.fromhex(flow[at]) for at in sorted(flow)) for flow in parts.values()]
    # A greeting of 40 bytes, a proof of 32, and the states of node 1; other talk is our own.
    words = next(each for each in said if each.startswith(b"batchai1") and b'"node":1' in each)
    (told,) = far.run("replay", address, PORT, words[:4096].hex())
    assert told["answer"] == 64, "a greeting with another nonce, and then nothing"


def test_the_attacked_job_ends_right(scene: Scene, attacked: Raw, flag: str) -> None:
    pods = scene.pods("attacked")
    scene.onlooker.run("touch", f"/share/{flag}")
    status = scene.succeed("attacked", seconds=180)
    assert status["executionInfo"]["exitCode"] == 0
    assert scene.onlooker.read(_log(scene)) == b"begun\nended\n"
    again = scene.pods("attacked")
    assert [pod["metadata"]["uid"] for pod in again] == [pod["metadata"]["uid"] for pod in pods]
    for pod in again:
        assert [each["restartCount"] for each in pod["status"]["containerStatuses"]] == [0]
    for file in scene.files("attacked"):
        if file.startswith("execution-"):
            text = scene.text("attacked", file)
            assert "6.6.6.6" not in text
            assert "forged" not in text
            # Strangers are not worth a line: they could fill the share.
            assert len(text.splitlines()) < 60, text
    scene.onlooker.remove(flag)
