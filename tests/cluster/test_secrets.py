"""Keys never stand in an object, and are printed by nobody (design 2)."""

import base64
import json
from pathlib import Path

import pytest

from support.api import ApiError
from support.commandline import in_scene
from support.explaining import RELEASE_NAMESPACE
from support.objects import a_cluster, a_container, a_job, a_share
from support.scene import Scene

KEY = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtcHJpbnRlZC1hbnl3aGVyZS1hdC1hbGw="


def refusal(scene: Scene, body: dict[str, object]) -> str:
    """Submit an object that must be refused, and return the API server's words."""
    with pytest.raises(ApiError) as refused:
        scene.submit(body)
    assert refused.value.code == 422
    return refused.value.message


@pytest.mark.parametrize("kind", ["share", "container", "cluster"])
def test_account_key_is_refused_and_not_repeated(scene: Scene, kind: str) -> None:
    given = {"credentials": {"accountKey": KEY}}
    match kind:
        case "share":
            body = a_job("keyed", scene.namespace, shares=[a_share(**given)])
        case "container":
            body = a_job("keyed", scene.namespace, containers=[a_container("data", **given)])
        case _:
            body = a_cluster("keyed", scene.namespace)
            body["spec"]["nodeSetup"] = {"mountVolumes": {"azureFileShares": [a_share(**given)]}}
    message = refusal(scene, body)
    assert KEY not in message
    assert "secretRef" in message, "the remedy is named"


def test_secret_variable_is_refused_and_not_repeated(scene: Scene) -> None:
    secrets = [{"name": "TOKEN", "value": KEY}]
    message = refusal(scene, a_job("keyed", scene.namespace, secrets=secrets))
    assert KEY not in message
    assert "secretKeyRef" in message


def test_the_account_key_of_a_running_job_is_printed_nowhere(
    scene: Scene, account_key: str
) -> None:
    job = a_job("quiet", scene.namespace, "env", containers=[a_container("data")])
    scene.submit(job)
    scene.succeed("quiet")
    places = {
        "objects": str([scene.job("quiet"), *scene.pods("quiet")]),
        "events": str(scene.api.list("events", scene.namespace)),
        "files": "".join(scene.text("quiet", name) for name in scene.files("quiet")),
        "operator": "".join(
            scene.api.logs(pod["metadata"]["name"], RELEASE_NAMESPACE, container["name"]).decode()
            for pod in scene.api.list("pods", RELEASE_NAMESPACE)
            for container in pod["spec"]["containers"]
        ),
        "sidecar": scene.api.logs(
            scene.pods("quiet")[0]["metadata"]["name"], scene.namespace, "batchai-sidecar"
        ).decode(),
    }
    for place, text in places.items():
        assert account_key not in text, f"the key stands in {place}"
        assert KEY not in text, f"the refused key stands in {place}"


WORDS = {"password": "pAss-of-the-registry-7f1c", "value": "vAlue-of-a-variable-9a2e"}


@pytest.fixture
def laden(scene: Scene) -> str:
    """A job that uses all kinds of secrets, succeeded; its name."""
    login = {"auths": {"demo.azurecr.io": {"username": "me", "password": WORDS["password"]}}}
    secrets: dict[str, tuple[str, dict[str, str]]] = {
        "registry": ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps(login)}),
        "token": ("Opaque", {"token": WORDS["value"]}),
    }
    for name, (type_, data) in secrets.items():
        metadata = {"name": name, "namespace": scene.namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": type_}
        scene.api.create("secrets", {**body, "stringData": data})
    credentials = {"secretRef": {"name": "registry"}}
    registry = {"image": scene.node_image, "credentials": credentials}
    job = a_job(
        "laden",
        scene.namespace,
        'test "$TOKEN" && test "$AGAIN" && echo used',
        containers=[a_container("data")],
        containerSettings={"imageSourceRegistry": registry},
        secrets=[{"name": "TOKEN", "secretKeyRef": {"name": "token", "key": "token"}}],
        environmentVariables=[{"name": "AGAIN", "value": "with $TOKEN"}],
        jobPreparation={"commandLine": 'test "$TOKEN"'},
        nodeCount=2,
    )
    scene.submit(job)
    scene.succeed("laden", seconds=180)
    return "laden"


def test_no_secret_is_printed_by_anything_that_people_look_at(
    scene: Scene, laden: str, account_key: str, kubeconfig: Path
) -> None:
    keys = scene.api.list("secrets", scene.namespace, labels=f"batchai.dev/job={laden}")
    (job_key,) = [base64.b64decode(each["data"]["key"]).decode() for each in keys]
    hidden = {"account key": account_key, "job key": job_key, **WORDS}
    where = f"--namespace={scene.namespace}"
    batchai = in_scene(scene, kubeconfig, PYTHONASYNCIODEBUG="1")
    places = {"files": "".join(scene.text(laden, name) for name in scene.files(laden))}
    for words in (
        ("describe", "batchaijobs,batchaiclusters,pods,events,secrets"),
        ("get", "batchaijobs,batchaiclusters,pods,events,services", "-o", "yaml"),
        ("get", "batchai", "-o", "wide"),
        ("logs", "--selector=batchai.dev/job", "--all-containers", "--tail=-1"),
    ):
        places[" ".join(words)] = scene.kubectl.run(*words, where).decode()
    labels = "--selector=app.kubernetes.io/instance=batchai"
    release = f"--namespace={RELEASE_NAMESPACE}"
    places["operator"] = scene.kubectl.run("logs", labels, release, "--tail=-1").decode()
    for form in ("json", "table"):
        for words in (["job", "show", "-n", laden], ["cluster", "show", "-n", "d2"]):
            places[" ".join((*words, form))] = batchai.said(*words, "-o", form)
    assert laden in places["operator"], "these are the places where the job is told of"
    assert "used" in places["files"]
    for place, text in places.items():
        for name, secret in hidden.items():
            for form in (secret, base64.b64encode(secret.encode()).decode()):
                assert form not in text, f"the {name} stands in {place}"
