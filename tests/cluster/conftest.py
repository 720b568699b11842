"""The real Kubernetes of the cluster tests, the installed release, and a namespace per test file.

A cluster that runs is used and left running; else one is started and stopped at the end. The test
files submit their jobs first and look at them afterwards, so that jobs run at the same time.
"""

import base64
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchai_devcluster import provider
from batchai_devcluster.paths import REPOSITORY, Paths
from support.api import Api
from support.crash_ground import Ground, without_chart_operator
from support.explaining import RELEASE_NAMESPACE
from support.kubectl import Kubectl
from support.objects import a_cluster
from support.onlooker import SECRET
from support.rights import Trail
from support.scene import Scene
from support.waiting import wait_until

TOOL = [sys.executable, "-m", "batchai_devcluster"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge the operator's rights last, when everything that may need them has run."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


def run_tool(*words: str) -> str:
    """Run a verb of the development cluster; its progress goes to the terminal."""
    # Never the user's own cluster, whatever PROVIDER says: these tests break what they use.
    ours = {"PYTHONPATH": str(REPOSITORY / "devcluster"), "BATCHAI_PROVIDER": "auto"}
    environment = {**os.environ, **ours}
    done = subprocess.run(
        [*TOOL, *words], env=environment, check=False, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, f"batchai_devcluster {' '.join(words)} failed"
    return done.stdout


@pytest.fixture(scope="session")
def paths() -> Paths:
    """Where the development cluster lies."""
    return Paths.from_environment()


@pytest.fixture(scope="session")
def trail(paths: Paths) -> Iterator[Trail]:
    """What the operator asked of the API server in this session."""
    followed = Trail(paths.logs / "audit.log", RELEASE_NAMESPACE)
    yield followed
    followed.close()


@pytest.fixture(scope="module", autouse=True)
def _follow_the_trail(trail: Trail) -> Iterator[None]:
    """Read the audit log as it grows, because the API server keeps only its end."""
    yield
    trail.collect()


@pytest.fixture(scope="session")
def kubeconfig(paths: Paths, pytestconfig: pytest.Config) -> Iterator[Path]:
    """The administrator's kubeconfig of a cluster that works."""
    started = provider.choose(paths).problem() is not None
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    if started:
        # The first time this takes minutes; whoever waits wants to see why.
        with capture.global_and_fixture_disabled():
            run_tool("up")
    yield paths.kubeconfig
    if started:
        run_tool("down")


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Iterator[Api]:
    """The API server."""
    client = Api(kubeconfig)
    yield client
    client.close()


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path, paths: Paths) -> Kubectl:
    """kubectl."""
    return Kubectl(kubeconfig, paths.bin / "kubectl")


@pytest.fixture(scope="session")
def storage(kubeconfig: Path) -> str:
    """The stand-in for storage, with the share and the container of the tests; its endpoint."""
    run_tool("storage", "up")
    run_tool("storage", "share", "create", "logs")
    run_tool("storage", "container", "create", "data")
    return run_tool("storage", "endpoint").strip()


@pytest.fixture(scope="session")
def provisioning(storage: str) -> None:
    """StorageClasses as on AKS; their provisioner is compiled once, which takes minutes."""
    assert storage
    run_tool("storage", "provide")


@pytest.fixture(scope="session")
def node_image(storage: str, pytestconfig: pytest.Config) -> str:
    """Install the operator by its chart; return the image of jobs that name none."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        run_tool("install", "--blob-endpoint", storage)
    return run_tool("image", "ref", "node").strip()


@pytest.fixture(scope="session")
def make_namespace(api: Api) -> Iterator[Callable[..., str]]:
    """Make a namespace with the storage account's Secret; all are gone at the end."""
    made = []

    def make(prefix: str, **labels: str) -> str:
        name = f"t-{prefix}-{uuid.uuid4().hex[:6]}"
        api.create(
            "namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        )
        made.append(name)
        secret = api.get("secrets", SECRET, "default")
        copy = {key: secret[key] for key in ("apiVersion", "kind", "type", "data")}
        api.create("secrets", {**copy, "metadata": {"name": SECRET, "namespace": name}})
        return name

    yield make
    for name in made:
        api.delete("namespaces", name)
    for name in made:
        wait_until(
            lambda name=name: api.find("namespaces", name) is None,  # type: ignore[misc]
            120,
            f"namespace {name} to be gone",
            lambda name=name: str(api.find("namespaces", name)),  # type: ignore[misc]
        )


@pytest.fixture(scope="session")
def make_scene(
    api: Api,
    kubectl: Kubectl,
    node_image: str,
    storage: str,
    make_namespace: Callable[..., str],
) -> Callable[..., Scene]:
    """Make a namespace with a roomy cluster `d2` without GPUs in it."""

    def make(prefix: str, **labels: str) -> Scene:
        namespace = make_namespace(prefix, **labels)
        scene = Scene(api, kubectl, namespace, node_image, storage)
        scene.submit(a_cluster("d2", namespace))
        return scene

    return make


@pytest.fixture(scope="module")
def scene(make_scene: Callable[..., Scene], request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The namespace of this test file."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    made = make_scene(name)
    yield made
    # The namespace is the resource group and thereby part of every path on the share.
    made.onlooker.run("sh", "-c", f"rm -rf /share/*/{made.namespace}")
    made.api.delete("namespaces", made.namespace)


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[object], None]:
    """Show progress to whoever waits."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(line: object) -> None:
        with capture.global_and_fixture_disabled():
            print(line, flush=True)  # noqa: T201

    return say


@pytest.fixture(scope="module")
def ground(
    kubeconfig: Path,
    make_scene: Callable[..., Scene],
    make_namespace: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ground]:
    """Where operators run as processes behind a fault proxy; the chart's own is away meanwhile."""
    home = make_scene("ground")
    # Started here, because runs that go on at the same time would each start one.
    home.onlooker.run("true")
    with without_chart_operator(home.api):
        yield Ground(home, kubeconfig, tmp_path_factory.mktemp("operators"), make_namespace)
    home.api.delete("namespaces", home.namespace)


@pytest.fixture
def namespace(make_namespace: Callable[..., str], api: Api) -> Iterator[str]:
    """A namespace of one test's own."""
    name = make_namespace("own")
    yield name
    api.delete("namespaces", name)


@pytest.fixture(scope="session")
def account_key(api: Api) -> str:
    """The storage account's key, to look for where it must not stand."""
    data = api.get("secrets", SECRET, "default")["data"]["azurestorageaccountkey"]
    return base64.b64decode(data).decode()
