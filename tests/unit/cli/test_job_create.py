"""`job create`: what is sent, what becomes a Secret, what is refused, and what is printed."""

import base64
import copy
import json

import pytest
import yaml

from batchai_operator.errors import ForbiddenError, RejectedError

from .fake import FakeKube
from .objects import HELLO, RECIPE, cluster, job

ACCOUNT = "--storage-account-name batchaidev"
KEY = "c2VjcmV0LWtleQ=="
TOKEN = {"name": "TOKEN", "value": "hush"}


def accept(kube: FakeKube) -> None:
    """Let an operator accept what is created."""

    def status(thing):
        if thing.get("kind") == "BatchAIJob":
            thing["status"] = {
                "executionState": "queued",
                "provisioningState": "succeeded",
                "creationTime": "2026-11-24T04:00:00.000Z",
                "toolType": "tensorflow",
                "jobOutputDirectoryPathSegment": "0000/team/workspaces/w/experiments/e/jobs/j/u",
            }

    kube.on_create = status


def test_a_recipe_as_it_is_becomes_an_object(kube, batchai, write, golden):
    kube.add("batchaiclusters", cluster())
    kube.add("secrets", {"metadata": {"name": "azure-storage-account-batchaidev-secret"}})
    accept(kube)
    path = write(RECIPE)
    done = batchai(f"job create -n distributed_tf -w recipe_w -e e -c nc6 -f {path} {ACCOUNT}")
    assert (done.exit_code, done.stderr) == (0, "")
    stored = copy.deepcopy(kube.only("batchaijobs"))
    for made_by_server in ("uid", "creationTimestamp"):
        del stored["metadata"][made_by_server]
    del stored["status"]
    golden("recipe-object.yaml", yaml.safe_dump(stored, sort_keys=False))
    golden("recipe-answer.json", done.stdout)
    # The key was not given, so it is for the namespace's own Secret to say.
    assert kube.writes == [("create", "batchaijobs")]


def test_dry_run_prints_what_kubectl_can_apply_and_sends_nothing(kube, batchai, write):
    path = write(RECIPE)
    command = f"job create -g team -n tf -c nc6 -f {path} {ACCOUNT} --storage-account-key {KEY}"
    done = batchai(f"{command} --dry-run")
    assert done.exit_code == 0
    assert KEY not in done.output
    printed = yaml.safe_load(done.stdout)
    assert kube.writes == []
    kube.add("batchaiclusters", cluster())
    accept(kube)
    batchai(command)
    stored = kube.only("batchaijobs")
    assert printed["spec"] == stored["spec"]
    assert printed["metadata"]["name"] == stored["metadata"]["name"]
    secret = kube.only("secrets")
    assert secret["metadata"]["name"] == "azure-storage-account-batchaidev-secret"
    assert secret["stringData"] == {
        "azurestorageaccountname": "batchaidev",
        "azurestorageaccountkey": KEY,
    }


def test_dry_run_names_no_namespace_unless_one_was_given(batchai, write):
    """The kubeconfig's namespace is kubectl's to find; `default` would be somebody else's."""
    command = f"job create -n hello -c nc6 -f {write(HELLO)} --dry-run"
    for words, namespace in ((command, None), (f"{command} -g team", "team")):
        printed = yaml.safe_load(batchai(words).stdout)
        assert printed["metadata"].get("namespace") == namespace


@pytest.mark.parametrize("wrap", ["properties", "bare", "object"])
def test_all_three_forms_of_a_file_are_read(kube, batchai, write, wrap):
    kube.add("batchaiclusters", cluster())
    accept(kube)
    head = {"apiVersion": "batchai.dev/v1", "kind": "BatchAIJob", "metadata": {"name": "x"}}
    path = {
        "properties": lambda: write({"properties": HELLO}),
        "bare": lambda: write("\ufeff" + json.dumps(HELLO)),
        "object": lambda: write(yaml.safe_dump({**head, "spec": HELLO}), "job.yaml"),
    }[wrap]()
    assert batchai(f"job create -n hello -c nc6 -f {path}").exit_code == 0
    spec = kube.only("batchaijobs")["spec"]
    assert spec["customToolkitSettings"] == {"commandLine": "echo hi"}
    assert (spec["name"], spec["cluster"]) == ("hello", {"id": "nc6"})


def test_a_key_in_the_file_moves_to_a_secret_and_is_printed_nowhere(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    accept(kube)
    recipe = copy.deepcopy(RECIPE)
    share = recipe["properties"]["mountVolumes"]["azureFileShares"][0]
    share["credentials"] = {"accountKey": KEY}
    share["azureFileUrl"] = "https://other.file.core.windows.net/logs"
    done = batchai(f"job create -n tf -c nc6 -f {write(recipe)} {ACCOUNT}")
    assert done.exit_code == 0
    assert "azureFileShares[0].credentials.accountKey is kept in Secret" in done.stderr
    stored = kube.only("batchaijobs")["spec"]["mountVolumes"]["azureFileShares"][0]
    assert stored["accountName"] == "other"
    assert "credentials" not in stored
    assert KEY not in done.output + json.dumps(kube.only("batchaijobs"))
    assert kube.names("secrets") == ["azure-storage-account-other-secret"]


def test_an_existing_secret_is_not_overwritten_by_a_file(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    held = {"azurestorageaccountkey": base64.b64encode(b"good").decode()}
    kube.add(
        "secrets", {"metadata": {"name": "azure-storage-account-batchaidev-secret"}, "data": held}
    )
    recipe = copy.deepcopy(RECIPE)
    recipe["properties"]["mountVolumes"]["azureBlobFileSystems"][0]["credentials"] = {
        "accountKey": KEY
    }
    done = batchai(f"job create -n tf -c nc6 -f {write(recipe)} {ACCOUNT}")
    assert done.exit_code == 1
    assert "exists and holds something else" in done.stderr
    assert kube.names("batchaijobs") == []
    # Typed for this command, a key is meant to replace the old one.
    accept(kube)
    done = batchai(
        f"job create -n tf -c nc6 -f {write(RECIPE)} {ACCOUNT} --storage-account-key {KEY}"
    )
    assert done.exit_code == 0
    assert "was changed to the one given" in done.stderr
    assert kube.only("secrets")["stringData"]["azurestorageaccountkey"] == KEY


def test_passwords_and_secret_values_belong_to_the_job(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    accept(kube)
    properties = {
        **HELLO,
        "secrets": [{"name": "TOKEN", "value": "hush"}],
        "containerSettings": {
            "imageSourceRegistry": {
                "image": "demo.example.test/mine:1",
                "credentials": {"username": "me", "password": "quiet"},
            }
        },
    }
    done = batchai(f"job create -n hello -c nc6 -f {write(properties)}")
    assert done.exit_code == 0
    created = kube.only("batchaijobs")
    registry = created["spec"]["containerSettings"]["imageSourceRegistry"]
    password, token = sorted(kube.names("secrets"))
    assert (password[:15], token[:14]) == ("hello-registry-", "hello-secrets-")
    assert created["spec"]["secrets"] == [
        {"name": "TOKEN", "secretKeyRef": {"name": token, "key": "TOKEN"}}
    ]
    assert registry["credentials"] == {"username": "me", "secretRef": {"name": password}}
    secrets = {name: kube.objects["secrets", "team", name] for name in kube.names("secrets")}
    assert secrets[token]["stringData"] == {"TOKEN": "hush"}
    config = json.loads(secrets[password]["stringData"][".dockerconfigjson"])
    assert config["auths"]["demo.example.test"]["password"] == "quiet"
    for secret in secrets.values():
        (owner,) = secret["metadata"]["ownerReferences"]
        assert owner["uid"] == created["metadata"]["uid"]
    assert "hush" not in done.output
    assert "quiet" not in done.output


@pytest.mark.parametrize("value", ["hush", "other"])
def test_a_new_job_does_not_depend_on_the_secret_of_a_deleted_namesake(kube, batchai, write, value):
    kube.add("batchaiclusters", cluster())
    accept(kube)
    command = f"job create -n hello -c nc6 -f {write({**HELLO, 'secrets': [TOKEN]})}"
    assert batchai(command).exit_code == 0
    (old,) = kube.names("secrets")
    assert batchai("job delete -n hello -y").exit_code == 0
    # Kubernetes has not collected the old Secret yet when the job is created again.
    again = {**HELLO, "secrets": [{**TOKEN, "value": value}]}
    assert batchai(f"job create -n hello -c nc6 -f {write(again)}").exit_code == 0
    created = kube.only("batchaijobs")
    reference = created["spec"]["secrets"][0]["secretKeyRef"]["name"]
    assert reference != old
    (owner,) = kube.objects["secrets", "team", reference]["metadata"]["ownerReferences"]
    assert owner["uid"] == created["metadata"]["uid"]


def test_a_refusal_is_told_though_its_secret_cannot_be_removed(kube, batchai, write, monkeypatch):
    kube.add("batchaiclusters", cluster())

    def refuse(thing):
        if thing.get("kind") == "BatchAIJob":
            raise RejectedError("quota exceeded")

    async def forbidden(*_, **__):
        raise ForbiddenError("secrets is forbidden")

    kube.on_create = refuse
    monkeypatch.setattr(kube, "delete", forbidden)
    done = batchai(f"job create -n hello -c nc6 -f {write({**HELLO, 'secrets': [TOKEN]})}")
    assert done.exit_code == 1
    assert "ERROR: quota exceeded" in done.stderr
    assert "was made for the job and could not be removed: secrets is forbidden" in done.stderr


def test_unknown_members_are_named_and_dropped(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    kube.add("secrets", {"metadata": {"name": "azure-storage-account-batchaidev-secret"}})
    accept(kube)
    recipe = copy.deepcopy(RECIPE)
    recipe["location"] = "eastus"
    recipe["properties"]["toolType"] = "tensorflow"
    recipe["properties"]["outputDirectories"][0]["type"] = "custom"
    recipe["properties"]["mountVolumes"]["azureFileShares"][0]["label"] = "x"
    done = batchai(f"job create -n tf -c nc6 -f {write(recipe)} {ACCOUNT}")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "WARNING: Unknown member location was dropped.",
        "WARNING: Unknown member outputDirectories[0].type was dropped.",
        "WARNING: Unknown member mountVolumes.azureFileShares[0].label was dropped.",
        "WARNING: Unknown member toolType was dropped.",
    ]
    assert "type" not in kube.only("batchaijobs")["spec"]["outputDirectories"][0]


def test_what_show_printed_can_be_created_again(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    accept(kube)
    assert batchai(f"job create -n tf -c nc6 -f {write(RECIPE)} {ACCOUNT}").exit_code == 0
    first = kube.only("batchaijobs")["spec"]
    shown = batchai("job show -n tf").stdout
    assert json.loads(shown)["cntkSettings"] is None
    assert batchai("job delete -n tf -y").exit_code == 0
    done = batchai(f"job create -n tf -f {write(shown)}")
    assert done.exit_code == 0, done.stderr
    assert "Unknown member executionState was dropped." in done.stderr
    assert "cntkSettings" not in done.stderr
    assert kube.only("batchaijobs")["spec"] == first


def test_members_that_are_null_are_not_sent(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    kube.add("secrets", {"metadata": {"name": "azure-storage-account-batchaidev-secret"}})
    accept(kube)
    unset = {"accountKey": None, "accountKeySecretReference": None}
    recipe = copy.deepcopy(RECIPE)
    recipe["properties"] |= dict.fromkeys(("jobPreparation", "secrets", "constraints", "other"))
    recipe["properties"]["mountVolumes"]["azureFileShares"][0]["credentials"] = unset
    recipe["properties"]["mountVolumes"]["fileServers"] = None
    done = batchai(f"job create -n tf -c nc6 -f {write(recipe)} {ACCOUNT}")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "null" not in json.dumps(kube.only("batchaijobs")["spec"])


@pytest.mark.parametrize(
    ("change", "flags", "code", "complaint"),
    [
        ({}, "", 1, "AZURE_BATCHAI_STORAGE_ACCOUNT or storage_account"),
        ({}, f"{ACCOUNT} -c nowhere", 3, "ClusterNotFound: The specified cluster nowhere is not"),
        ({}, f"{ACCOUNT} -n old", 1, "A job with given name already exists: old"),
        ({}, f"{ACCOUNT} -n a/b", 2, "'a/b' is not a name"),
        ({"customToolkitSettings": {"commandLine": "x"}}, ACCOUNT, 1, "exactly one toolkit"),
        ({"nodeCount": "many"}, ACCOUNT, 1, "nodeCount: "),
        ({"cluster": {"id": "nc6"}}, f"{ACCOUNT} --nope", 2, "No such option"),
        (
            {},
            f"{ACCOUNT} -c /subscriptions/s/resourceGroups/g/providers/P/workspaces/w/clusters/nc6",
            1,
            "lies in resource group g",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_sent(
    kube, batchai, write, *, change, flags, code, complaint
):
    kube.add("batchaiclusters", cluster())
    kube.add("batchaijobs", job("old", "succeeded"))
    recipe = copy.deepcopy(RECIPE)
    recipe["properties"].update(change)
    done = batchai(f"job create -n tf -c nc6 -f {write(recipe)} {flags}")
    assert (done.exit_code, complaint in done.stderr) == (code, True), done.stderr
    assert kube.writes == []


def test_broken_files_are_named(batchai, write, tmp_path):
    for content in ('{"properties": ', "[]", '{"apiVersion": "v1", "kind": "Pod"}'):
        done = batchai(f"job create -n x -c nc6 -f {write(content)}")
        assert (done.exit_code, "job.json" in done.stderr) == (1, True)
    done = batchai(f"job create -n x -c nc6 -f {tmp_path}/none.json")
    assert "Cannot read" in done.stderr


def test_volumes_can_come_from_flags(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    accept(kube)
    flags = f"{ACCOUNT} --afs-name logs --afs-mount-path l --bfs-name data"
    assert batchai(f"job create -n hello -c nc6 -f {write(HELLO)} {flags}").exit_code == 0
    volumes = kube.only("batchaijobs")["spec"]["mountVolumes"]
    assert volumes["azureFileShares"][0] == {
        "accountName": "batchaidev",
        "azureFileUrl": "https://batchaidev.file.core.windows.net/logs",
        "relativeMountPath": "l",
    }
    assert volumes["azureBlobFileSystems"][0]["relativeMountPath"] == "bfs"


def test_without_an_operator_the_user_is_told(kube, batchai, write):
    kube.add("batchaiclusters", cluster())
    done = batchai(f"job create -n hello -c nc6 -f {write(HELLO)}")
    assert done.exit_code == 0
    assert "no operator has accepted it yet" in done.stderr
    assert json.loads(done.stdout)["provisioningState"] == "creating"
