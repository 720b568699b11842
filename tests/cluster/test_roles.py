"""What people may do with the chart's roles, and what a job's own Pod may not.

Accounts with real tokens: one that may look (`view` of the chart), one that may use (`edit` of the
chart), one that may edit another namespace, and one that may create jobs and nothing else.
"""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from support.api import Api, ApiError, Raw
from support.commandline import in_scene
from support.kubectl import Kubectl
from support.objects import a_job
from support.onlooker import SECRET
from support.scene import Scene
from support.strangers import Account, a_stranger

VIEW, EDIT = "batchai-batchai-operator-view", "batchai-batchai-operator-edit"
LIST = ("/launcher", "files", "list", "--id", "stdouterr")
MAKER = "batchai-test-job-maker"


@pytest.fixture(scope="module")
def hire(
    api: Api, kubectl: Kubectl, scene: Scene, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Account]]:
    """Make an account of the scene's namespace."""
    folder, made = tmp_path_factory.mktemp("accounts"), []

    def make(name: str, namespace: str = "") -> Account:
        made.append(Account(api, kubectl, folder, namespace or scene.namespace, name))
        return made[-1]

    yield make
    for account in made:
        account.api.close()


@pytest.fixture(scope="module")
def viewer(hire: Callable[..., Account], scene: Scene) -> Account:
    """Somebody with the chart's role for looking."""
    return hire("viewer").bind(VIEW, scene.namespace)


@pytest.fixture(scope="module")
def editor(hire: Callable[..., Account], scene: Scene) -> Account:
    """Somebody with the chart's role for using."""
    return hire("editor").bind(EDIT, scene.namespace)


@pytest.fixture(scope="module")
def foreigner(hire: Callable[..., Account], make_namespace: Callable[..., str]) -> Account:
    """Somebody who may do everything in another namespace."""
    namespace = make_namespace("foreign")
    return hire("foreigner", namespace).bind("admin", namespace)


@pytest.fixture(scope="module", autouse=True)
def running(scene: Scene) -> Raw:
    """A job of two nodes that runs, with its key Secret."""
    scene.submit(a_job("running", scene.namespace, "echo begun; sleep 900", nodeCount=2))
    scene.wait("running", "running", seconds=180)
    scene.wait_until_job_runs("running", seconds=180)
    return scene.job("running")


@pytest.fixture
def key_secret(scene: Scene, running: Raw) -> str:
    """Name of the Secret with the running job's key."""
    (found,) = scene.api.list("secrets", scene.namespace, labels="batchai.dev/job=running")
    return str(found["metadata"]["name"])


def refused(act: Callable[[], object]) -> None:
    """Do what the API server must forbid."""
    with pytest.raises(ApiError) as error:
        act()
    assert error.value.code in {401, 403}, error.value


def test_who_may_look_sees_jobs_and_nothing_else(
    scene: Scene, viewer: Account, key_secret: str
) -> None:
    api, namespace = viewer.api, scene.namespace
    assert api.get("batchaijobs", "running", namespace)["status"]["executionState"] == "running"
    for secret in (key_secret, SECRET):
        refused(lambda secret=secret: api.get("secrets", secret, namespace))  # type: ignore[misc]
    refused(lambda: api.list("secrets", namespace))
    refused(lambda: api.create("batchaijobs", a_job("sneaky", namespace)))
    refused(lambda: api.patch("batchaijobs", "running", namespace, {"spec": {"terminate": True}}))
    refused(lambda: api.delete("batchaijobs", "running", namespace))
    refused(lambda: api.get("batchaijobs", "anything", "default"))


@pytest.mark.parametrize("role", ["view", "edit"])
def test_the_roles_are_part_of_kubernetes_own(
    scene: Scene, hire: Callable[..., Account], role: str
) -> None:
    account = hire(f"own-{role}").bind(role, scene.namespace)
    assert account.api.list("batchaijobs", scene.namespace)
    job = a_job(f"by-{role}", scene.namespace, "true", cluster="nowhere")
    if role == "view":
        refused(lambda: account.api.create("batchaijobs", job))
    else:
        account.api.create("batchaijobs", job)


def files(account: Account, scene: Scene) -> subprocess.CompletedProcess[bytes]:
    """Ask the running job's sidecar for its files, as the API server lets it."""
    pod = scene.pods("running")[0]["metadata"]["name"]
    where = ["exec", f"--namespace={scene.namespace}", pod, "--container=batchai-sidecar"]
    return account.kubectl.try_run(*where, "--", *LIST)


def test_only_who_may_exec_reads_files(
    scene: Scene, viewer: Account, editor: Account, foreigner: Account
) -> None:
    allowed = files(editor, scene)
    assert b'"name":"stdout.txt"' in allowed.stdout, allowed.stderr
    for account in (viewer, foreigner):
        done = files(account, scene)
        assert done.returncode != 0
        assert b"Forbidden" in done.stderr or b"cannot" in done.stderr
        assert done.stdout == b""


def test_the_command_line_needs_the_same_rights(
    scene: Scene, viewer: Account, editor: Account
) -> None:
    def listing(account: Account) -> subprocess.CompletedProcess[bytes]:
        batchai = in_scene(scene, account.kubeconfig)
        return batchai("job", "file", "list", "-j", "running", "-o", "tsv", code=None)

    allowed, forbidden = listing(editor), listing(viewer)
    assert b"stdout.txt" in allowed.stdout, allowed.stderr
    assert forbidden.returncode != 0
    assert b"forbidden" in forbidden.stderr.lower(), forbidden.stderr
    assert forbidden.stdout == b""


def test_another_namespace_sees_nothing(scene: Scene, foreigner: Account, key_secret: str) -> None:
    api, namespace = foreigner.api, scene.namespace
    refused(lambda: api.get("batchaijobs", "running", namespace))
    refused(lambda: api.list("pods", namespace))
    for secret in (key_secret, SECRET):
        refused(lambda secret=secret: api.get("secrets", secret, namespace))  # type: ignore[misc]
    refused(lambda: api.create("batchaijobs", a_job("abroad", namespace)))


def test_nobody_writes_what_the_operator_says(scene: Scene, editor: Account) -> None:
    path = f"/apis/batchai.dev/v1/namespaces/{scene.namespace}/batchaijobs/running/status"
    said = {"status": {"executionState": "succeeded"}}
    kind = "application/merge-patch+json"
    refused(lambda: editor.api.request("PATCH", path, said, kind=kind))
    # The ordinary way changes the spec only; a status in it is left out.
    body = {**said, "metadata": {"labels": {"seen": "yes"}}}
    changed = editor.api.patch("batchaijobs", "running", scene.namespace, body)
    assert changed["status"]["executionState"] == "running"


def test_who_may_only_create_jobs_gets_what_is_documented(
    api: Api, scene: Scene, hire: Callable[..., Account]
) -> None:
    """A job is as much as a Pod with the namespace's Secrets (docs/security.md), and no more."""
    rules = [{"apiGroups": ["batchai.dev"], "resources": ["batchaijobs"], "verbs": ["create"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": rules}
    api.create("clusterroles", {**role, "metadata": {"name": MAKER}})
    try:
        maker = hire("maker").bind(MAKER, scene.namespace)
        refused(lambda: maker.api.create("pods", a_stranger(scene.namespace, "x", "y")))
        # Neither does a job reach what the schema does not offer.
        for name, wish in {
            "hostNetwork": {"hostNetwork": True},
            "hostPID": {"hostPID": True},
            "volumes": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
            "privileged": {"securityContext": {"privileged": True}},
            "procMount": {"securityContext": {"procMount": "Unmasked"}},
            "automountServiceAccountToken": {"automountServiceAccountToken": True},
            "nodeName": {"nodeName": "node-0"},
            "runtimeClassName": {"runtimeClassName": "x"},
        }.items():
            job = a_job("wishful", scene.namespace)
            job["spec"]["kubernetes"] = wish
            with pytest.raises(ApiError) as error:
                maker.api.create("batchaijobs", job)
            assert error.value.code in {400, 422}
            assert name in error.value.message
    finally:
        api.delete("clusterroles", MAKER)


ANONYMOUS = """
import json, os, ssl, urllib.error, urllib.request
found = {"token": os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount")}
found["variables"] = sorted(key for key in os.environ if key.startswith(("BATCHAI", "KUBERNETES")))
for secret in SECRETS:
    url = f"https://kubernetes.default.svc/api/v1/namespaces/NAMESPACE/secrets/{secret}"
    context = ssl._create_unverified_context()
    try:
        urllib.request.urlopen(url, context=context, timeout=20)
        found[secret] = 200
    except urllib.error.HTTPError as error:
        found[secret] = error.code
print(json.dumps(found))
"""


def test_the_jobs_own_pod_has_no_token(scene: Scene, kubectl: Kubectl, key_secret: str) -> None:
    pod = scene.pods("running")[0]
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
    script = ANONYMOUS.replace("SECRETS", repr([key_secret, SECRET]))
    found = kubectl.run(
        "exec", "-i", f"--namespace={scene.namespace}", pod["metadata"]["name"],
        "--container=job", "--", "python3", "-",
        stdin=script.replace("NAMESPACE", scene.namespace).encode(),
    )  # fmt: skip
    told = json.loads(found)
    assert told["token"] is False
    assert told[key_secret] in {401, 403}
    assert told[SECRET] in {401, 403}
