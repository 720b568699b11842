"""Keys never stand in an object, and are printed by nobody (design 2)."""

import pytest

from support.api import ApiError
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
