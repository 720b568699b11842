"""Uploads into a container for which there is a SAS token and no key, by `batchai` as a process.

Azurite checks the token's permissions as Azure does, request by request.
"""

import datetime as dt
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from support.commandline import Batchai, in_scene
from support.devcluster import devcluster
from support.objects import ACCOUNT
from support.scene import Scene

WithToken = Callable[[str], Batchai]

LACKING = {"rl": "do not permit writing", "rwlc": "permit writing, but not removing"}


@pytest.fixture(scope="module")
def with_token(scene: Scene, kubeconfig: Path, account_key: str) -> WithToken:
    """Return the command for a Secret that has a token with these permissions, and no key.

    The Secret is found by an account's name, the container by the endpoint and the Secret's own.
    """

    @functools.cache
    def command(permissions: str) -> Batchai:
        name = f"sas{permissions}"
        token = generate_container_sas(
            ACCOUNT,
            "data",
            account_key=account_key,
            permission=ContainerSasPermissions.from_string(permissions),
            expiry=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
        )
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"azure-storage-account-{name}-secret",
                "namespace": scene.namespace,
            },
            "stringData": {
                "azurestorageaccountname": ACCOUNT,
                "azurestorageaccountsastoken": token,
            },
        }
        scene.api.create("secrets", secret)
        return in_scene(
            scene,
            kubeconfig,
            AZURE_BATCHAI_STORAGE_ACCOUNT=name,
            BATCHAI_OPERATOR_LAUNCHER_IMAGE=devcluster("image", "ref", "launcher").strip(),
            BATCHAI_OPERATOR_BLOB_ENDPOINT=scene.blob_endpoint.replace("{account}", ACCOUNT),
        )

    return command


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files, one in a folder."""
    root = tmp_path_factory.mktemp("tree")
    (root / "deep").mkdir()
    (root / "one").write_bytes(b"1\n")
    (root / "deep" / "two").write_bytes(b"22\n")
    return root


@pytest.fixture(scope="module")
def folder(scene: Scene) -> Iterator[str]:
    """A folder of the container of this file's own."""
    name = f"sas-{scene.namespace}"
    yield name
    scene.onlooker.run("rm", "-rf", f"/container/{name}")


def test_a_token_is_enough(with_token: WithToken, scene: Scene, tree: Path, folder: str) -> None:
    words = ("storage", "upload", tree, "--container-name=data", "-d", folder)
    assert "2 files copied" in with_token("rwdlac").said(*words)
    found = scene.onlooker.run("sh", "-c", f"cd /container/{folder} && find . -type f | sort")
    assert found.split() == [b"./deep/two", b"./one"], "no partial file is left"
    assert scene.onlooker.run("cat", f"/container/{folder}/deep/two") == b"22\n"


@pytest.mark.parametrize(
    ("permissions", "destination"), [("rl", ""), ("rl", "/new"), ("rwlc", "/kept")]
)
def test_a_right_that_is_lacking_is_named_at_once(
    with_token: WithToken, tree: Path, folder: str, permissions: str, destination: str
) -> None:
    # At the container's top a file is what is refused first, in a folder the folder is.
    where = ("-d", f"{folder}{destination}") if destination else ()
    words = ("storage", "upload", tree / "one", "--container-name=data", *where)
    said = with_token(permissions).said(*words, code=1)
    assert LACKING[permissions] in said
    assert "(rcwdl)" in said
    assert "tried again" not in said
