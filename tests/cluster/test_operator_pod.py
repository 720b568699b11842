"""The operator's own Pod: as harmless as the chart says, with no rights besides, and silent.

The Pod is looked at from inside, its rights through the API server, its port from a Pod of another
namespace.
"""

from support.api import Api
from support.explaining import RELEASE_NAMESPACE
from support.kubectl import Kubectl
from support.objects import a_job
from support.onlooker import SECRET
from support.scene import Scene
from support.strangers import Intruder, a_stranger, wait_for_pod


def test_the_operators_pod_is_what_the_chart_says(api: Api, kubectl: Kubectl, scene: Scene) -> None:
    (pod,) = api.list("pods", RELEASE_NAMESPACE, labels="app.kubernetes.io/instance=batchai")
    name = pod["metadata"]["name"]
    status = kubectl.exec(RELEASE_NAMESPACE, name, "cat", "/proc/1/status").decode()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["Uid"].split() == ["65532"] * 4
    assert facts["Gid"].split() == ["65532"] * 4
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[capabilities], 16) == 0, capabilities
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2", "a filter"
    for path in ("/x", "/etc/x", "/home/x", "/var/x", "/app/x"):
        done = kubectl.try_run(
            "exec", f"--namespace={RELEASE_NAMESPACE}", name, "--", "python3", "-c",
            f"open({path!r}, 'w')",
        )  # fmt: skip
        assert b"Read-only" in done.stderr or b"No such file" in done.stderr, done.stderr
    assert not [volume for volume in pod["spec"]["volumes"] if "hostPath" in volume]


def test_the_operator_itself_may_not(api: Api, kubectl: Kubectl, scene: Scene) -> None:
    (pod,) = api.list("pods", RELEASE_NAMESPACE, labels="app.kubernetes.io/instance=batchai")
    person = f"--as=system:serviceaccount:{RELEASE_NAMESPACE}:{pod['spec']['serviceAccountName']}"
    where = f"--namespace={scene.namespace}"

    def may(verb: str, resource: str) -> bytes:
        plural, _, below = resource.partition("/")
        words = ["auth", "can-i", person, where, verb, plural, f"--subresource={below}"]
        return kubectl.try_run(*words).stdout.strip()

    assert may("create", "pods") == b"yes", "the harness itself is right"
    for resource, verbs in {
        "pods": "update patch deletecollection",
        "pods/exec": "get create",
        "pods/log": "get",
        "secrets": "list update patch delete",
        "batchaijobs": "create update patch delete",
        "nodes": "patch",
        "serviceaccounts/token": "create",
        "rolebindings": "create",
        "configmaps": "get",
    }.items():
        for verb in verbs.split():
            assert may(verb, resource) == b"no", (verb, resource)


def test_the_operators_port_tells_no_secrets(
    api: Api, kubectl: Kubectl, scene: Scene, account_key: str, namespace: str
) -> None:
    """The port is open to every Pod; what it says may be read by everybody."""
    scene.submit(a_job("familiar", scene.namespace))
    pod = api.create("pods", a_stranger(namespace, "curious", scene.node_image))
    wait_for_pod(api, pod)
    scene.succeed("familiar")
    (operator,) = api.list("pods", RELEASE_NAMESPACE, labels="app.kubernetes.io/instance=batchai")
    told = Intruder(kubectl, pod).run("browse", operator["status"]["podIP"], "8080")
    answers = {each["path"]: each for each in told}
    assert answers["/healthz"]["code"] == 200, "the port is reached"
    found = {path for path, answer in answers.items() if answer["code"] == 200}
    assert found == {"/healthz", "/readyz", "/metrics"}
    text = "".join(answer["text"] for answer in told)
    assert account_key not in text
    # Not even who uses the cluster, and for what.
    for name in (scene.namespace, "familiar", SECRET):
        assert name not in text
