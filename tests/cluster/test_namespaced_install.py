"""The chart with `scope: namespace`: one namespace is served, with a Role and nothing besides.

The release of the other tests serves all namespaces, so it is away meanwhile: two operators would
work on the same jobs.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchai_devcluster.paths import REPOSITORY, Paths
from batchai_devcluster.release import NAME
from batchai_devcluster.running import run
from support.api import Api
from support.explaining import RELEASE_NAMESPACE, explain
from support.kubectl import Kubectl
from support.objects import a_job
from support.rights import Trail, rights_of
from support.scene import Scene
from support.waiting import wait_until

CHART = REPOSITORY / "charts" / "batchai-operator"
ONE = "one"
ACCOUNT = f"{ONE}-batchai-operator"
GROUP = {"batchai.dev/resource-group": "Team.Of_One"}


@pytest.fixture(scope="module")
def served(make_scene: Callable[..., Scene], api: Api) -> Scene:
    """The namespace that is served."""
    scene = make_scene("served")
    api.patch("namespaces", scene.namespace, "", {"metadata": {"annotations": GROUP}})
    return scene


@pytest.fixture(scope="module")
def unserved(make_scene: Callable[..., Scene]) -> Scene:
    """Another one."""
    return make_scene("unserved")


def scale(api: Api, replicas: int) -> None:
    """Send the cluster-wide operator away, or have it back."""
    labels = f"app.kubernetes.io/instance={NAME}"
    (deployment,) = api.list("deployments", RELEASE_NAMESPACE, labels=labels)
    spec = {"spec": {"replicas": replicas}}
    api.patch("deployments", deployment["metadata"]["name"], RELEASE_NAMESPACE, spec)

    def done() -> bool:
        pods = api.list("pods", RELEASE_NAMESPACE, labels=labels)
        states = [each for pod in pods for each in pod["status"].get("containerStatuses", ())]
        return len(pods) == replicas and all(each["ready"] for each in states)

    what = f"{replicas} cluster-wide operators"
    wait_until(done, 120, what, lambda: explain(api, RELEASE_NAMESPACE))


@pytest.fixture(scope="module", autouse=True)
def release(
    api: Api, paths: Paths, served: Scene, unserved: Scene, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Install a second release with the first one's images, for one namespace."""
    helm = [str(paths.bin / "helm"), f"--kubeconfig={paths.kubeconfig}"]
    helm.append(f"--namespace={RELEASE_NAMESPACE}")
    given = run([*helm, "get", "values", NAME, "--output=json"])
    values: Path = tmp_path_factory.mktemp("values") / "values.json"
    own = {"scope": "namespace", "watchNamespace": served.namespace, "crds": {"install": False}}
    values.write_text(json.dumps({**json.loads(given), **own}))
    scale(api, 0)
    try:
        command = [*helm, "upgrade", "--install", ONE, str(CHART), f"--values={values}"]
        run([*command, "--wait", "--timeout=180s"])
        yield
    finally:
        run([*helm, "uninstall", ONE, "--ignore-not-found", "--wait"])
        scale(api, 1)


def test_it_serves_its_namespace_and_no_other(served: Scene, unserved: Scene) -> None:
    unserved.submit(a_job("ignored", unserved.namespace, "echo never"))
    served.submit(a_job("solo", served.namespace, "echo alone"))
    served.submit(a_job("both", served.namespace, "echo together", nodeCount=2))
    status = served.succeed("solo", seconds=180)
    assert served.succeed("both", seconds=180)["executionInfo"]["exitCode"] == 0
    # Of all namespaces it may read its own, for this.
    assert "/Team.Of_One/" in status["jobOutputDirectoryPathSegment"]
    assert not unserved.status("ignored")
    assert not unserved.pods("ignored")


def test_it_has_no_right_outside(
    api: Api, kubectl: Kubectl, served: Scene, unserved: Scene
) -> None:
    for binding in api.list("clusterrolebindings"):
        for subject in binding.get("subjects") or ():
            assert subject["name"] != ACCOUNT, binding["metadata"]["name"]
    roles = {right.role for right in rights_of(api, RELEASE_NAMESPACE, ACCOUNT)}
    assert roles == {ACCOUNT, f"{ACCOUNT}-lease"}
    person = f"--as=system:serviceaccount:{RELEASE_NAMESPACE}:{ACCOUNT}"

    def may(*words: str) -> bool:
        answer = kubectl.try_run("auth", "can-i", person, *words).stdout.strip()
        assert answer in {b"yes", b"no"}, answer
        return answer == b"yes"

    assert may("create", "pods", f"--namespace={served.namespace}")
    for verb, resource in (("get", "secrets"), ("create", "pods"), ("list", "batchaijobs")):
        assert not may(verb, resource, f"--namespace={unserved.namespace}")
        assert not may(verb, resource, "--all-namespaces")
    for verb, resource in (
        ("list", "nodes"), ("create", "persistentvolumes"), ("get", "priorityclasses"),
        ("list", "namespaces"), ("get", "customresourcedefinitions"), ("get", "clusterroles"),
    ):  # fmt: skip
        assert not may(verb, resource)


def test_it_asks_for_nothing_that_it_may_not_have(trail: Trail) -> None:
    if not trail.exists:
        pytest.skip("this cluster has no audit log that can be read here")
    trail.collect()
    assert trail.used[ACCOUNT], "the audit log tells of it"
    assert trail.refused.get(ACCOUNT, set()) == set()


def test_the_roles_for_people_are_of_the_namespace(api: Api, served: Scene) -> None:
    for role in (f"{ACCOUNT}-view", f"{ACCOUNT}-edit"):
        assert api.find("roles", role, served.namespace)
        assert not api.find("clusterroles", role)
