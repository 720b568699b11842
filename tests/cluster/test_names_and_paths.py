"""A name is a name, and a path stays below: the API server refuses all else in every field.

Asked without making an object, in the strict way of kubectl.
"""

import pytest

from support.api import Api, ApiError, Raw
from support.objects import a_container, a_job, a_share
from support.scene import Scene

BAD_PATHS = (
    "..", "../x", "a/../../b", "/etc", "a/./b", ".", "./a", "a//b", "a/", "a b", "a\tb", "a\nb",
    "a\x00b", "\u00a0", "a\u2024\u2024/b", "\uff0e\uff0e", "~/../x", "a\\..\\b", "$HOME", "a:b",
)  # fmt: skip
NAMES = ("kube-system/x", "../x", "x/y", "/x", "X", "x y", "x\n", "x:y", "", ".", "..", "*")


def wishes_of(name: str, path: str) -> dict[str, Raw]:
    """Return specs, by field, with a name and a path where they are looked for."""
    secret = {"secretRef": {"name": name}}
    share = {"mountVolumes": {"azureFileShares": [a_share(credentials=secret)]}}
    container = {
        "mountVolumes": {"azureBlobFileSystems": [a_container("data", credentials=secret)]}
    }
    claim = {"claimName": "c", "relativeMountPath": "c"}
    image = {"image": "x", "credentials": secret}
    claims = [{**claim, "subPath": path}]
    return {
        "share": share,
        "container": container,
        "registry": {"containerSettings": {"imageSourceRegistry": image}},
        "variable": {"secrets": [{"name": "A", "secretKeyRef": {"name": name, "key": "k"}}]},
        "key": {"secrets": [{"name": "A", "secretKeyRef": {"name": "a", "key": name + "/"}}]},
        "pull": {"kubernetes": {"imagePullSecrets": [{"name": name}]}},
        "account": {"kubernetes": {"serviceAccountName": name}},
        "priority": {"kubernetes": {"priorityClassName": name}},
        "claim": {"mountVolumes": {"persistentVolumeClaims": [{**claim, "claimName": name}]}},
        "sub path": {"mountVolumes": {"persistentVolumeClaims": claims}},
        "mount path": {"mountVolumes": {"azureFileShares": [a_share(path=path)]}},
        "suffix": {"outputDirectories": [{"id": "A", "pathPrefix": "/x", "pathSuffix": path}]},
    }


def refusal(api: Api, scene: Scene, wish: Raw) -> str:
    """Submit a job that must be refused; return the words, empty when it was taken."""
    job = a_job("wish", scene.namespace, suspend=True)
    job["spec"] |= wish
    path = f"/apis/batchai.dev/v1/namespaces/{scene.namespace}/batchaijobs"
    try:
        api.request("POST", f"{path}?fieldValidation=Strict&dryRun=All", job)
    except ApiError as error:
        if error.code in {400, 422}:
            return error.message
        raise
    return ""


@pytest.mark.parametrize("field", sorted(wishes_of("x", "x")))
def test_names_are_names_and_paths_stay_below(api: Api, scene: Scene, field: str) -> None:
    is_path = field in {"sub path", "mount path", "suffix"}
    good = wishes_of("x", "x")[field]
    if field != "key":
        assert refusal(api, scene, good) == "", "the harness itself is right"
    for text in BAD_PATHS if is_path else NAMES:
        wish = wishes_of("x" if is_path else text, text)[field]
        # A suffix may hold whatever a file's name may hold, and variables, which are checked later.
        if field == "suffix" and text in SUFFIXES_OF_FILES:
            continue
        assert refusal(api, scene, wish), text


SUFFIXES_OF_FILES = (
    "a/", "a b", "\u00a0", "a\u2024\u2024/b", "\uff0e\uff0e", "a\\..\\b", "$HOME", "a:b",
)  # fmt: skip


@pytest.mark.parametrize("where", ["secretRef", "secretKeyRef", "imagePullSecrets", "claim"])
def test_no_reference_has_a_namespace(api: Api, scene: Scene, where: str) -> None:
    abroad = {"name": "x", "namespace": "kube-system"}
    wish: Raw = {
        "secretRef": {
            "mountVolumes": {"azureFileShares": [a_share(credentials={"secretRef": abroad})]}
        },
        "secretKeyRef": {"secrets": [{"name": "A", "secretKeyRef": {**abroad, "key": "k"}}]},
        "imagePullSecrets": {"kubernetes": {"imagePullSecrets": [abroad]}},
        "claim": {
            "mountVolumes": {
                "persistentVolumeClaims": [
                    {"claimName": "c", "relativeMountPath": "c", "namespace": "kube-system"}
                ]
            }
        },
    }[where]
    assert "unknown field" in refusal(api, scene, wish)


def test_control_characters_in_options_are_refused(api: Api, scene: Scene) -> None:
    for sign in "\t\n\r\x00\x0b\x1f":
        options = f"--file-cache-timeout=5{sign}--tmp-path=/etc"
        containers = [a_container("data", mountOptions=options)]
        wish: Raw = {"mountVolumes": {"azureBlobFileSystems": containers}}
        assert "mount options" in refusal(api, scene, wish), repr(sign)
