"""The rules of spec 6.3 one by one: placeholders, accounts out of URLs, keys into Secrets."""

import copy

import pytest

from batchai_operator.cli.documents.completion import ExtraMounts, StorageAccount, complete_volumes
from batchai_operator.errors import ForbiddenError, InvalidSpecError

from .objects import HELLO, RECIPE, cluster

MINE = StorageAccount("mine", "bWluZQ==")
NAME_ONLY = StorageAccount("mine")
OTHER = StorageAccount("other")
NONE = StorageAccount()
ACCOUNT, KEY = "<AZURE_BATCHAI_STORAGE_ACCOUNT>", "<AZURE_BATCHAI_STORAGE_KEY>"


def share(account=ACCOUNT, **more):
    url = f"https://{account}.file.core.windows.net/logs"
    return {"azureFileShares": [{"azureFileUrl": url, "relativeMountPath": "logs", **more}]}


def blob(**more):
    return {
        "azureBlobFileSystems": [{"containerName": "data", "relativeMountPath": "data", **more}]
    }


def complete(volumes, account, extra=None):
    before = copy.deepcopy(volumes)
    found, secrets, told = complete_volumes(
        volumes, account, extra or ExtraMounts(), namespace="team"
    )
    assert volumes == before, "what was read is not changed"
    (volume,) = next(iter(found.values()))
    keys = {secret.name: secret.data["azurestorageaccountkey"] for secret in secrets}
    return volume, keys, told


@pytest.mark.parametrize(
    ("volumes", "account", "name", "keys"),
    [
        # Placeholders, anywhere in the URL and in accountName.
        (share(), MINE, "mine", {"azure-storage-account-mine-secret": "bWluZQ=="}),
        (share(accountName=ACCOUNT), NAME_ONLY, "mine", {}),
        (
            blob(accountName=ACCOUNT),
            MINE,
            "mine",
            {"azure-storage-account-mine-secret": "bWluZQ=="},
        ),
        # A placeholder in place of the key.
        (
            share(credentials={"accountKey": KEY}),
            MINE,
            "mine",
            {"azure-storage-account-mine-secret": "bWluZQ=="},
        ),
        # The key of an account that was named without one is in its Secret.
        (share(credentials={"accountKey": KEY}), NAME_ONLY, "mine", {}),
        # The account out of the URL's host; the given key is not its key.
        (share("other"), MINE, "other", {}),
        (share("other"), NONE, "other", {}),
        # Credentials that are missing come from the given account where it is the same.
        (share("mine"), MINE, "mine", {"azure-storage-account-mine-secret": "bWluZQ=="}),
        (blob(accountName="other"), MINE, "other", {}),
        # A key in the file goes into the Secret of its account.
        (
            share("other", credentials={"accountKey": "b3RoZXI="}),
            MINE,
            "other",
            {"azure-storage-account-other-secret": "b3RoZXI="},
        ),
        # Empty credentials, as the service showed them, say nothing.
        (share("mine", credentials={}), NAME_ONLY, "mine", {}),
        (share("mine", credentials={"accountKey": None}), NAME_ONLY, "mine", {}),
    ],
)
def test_accounts_and_keys(volumes, account, name, keys):
    volume, found, _ = complete(volumes, account)
    assert volume["accountName"] == name
    assert ACCOUNT not in volume.get("azureFileUrl", "")
    assert "credentials" not in volume
    assert found == keys


def test_a_reference_to_a_secret_or_a_key_vault_stays():
    for credentials in (
        {"secretRef": {"name": "own"}},
        {"accountKeySecretReference": {"sourceVault": {"id": "/v"}, "secretUrl": "https://v/s"}},
    ):
        volume, keys, _ = complete(share("mine", credentials=credentials), MINE)
        assert volume["credentials"] == credentials
        assert keys == {}


@pytest.mark.parametrize(
    ("volumes", "account", "complaint"),
    [
        (share(), NONE, "AZURE_BATCHAI_STORAGE_ACCOUNT or storage_account in section batchai"),
        (blob(accountName=ACCOUNT), NONE, "Please configure Azure Storage account name"),
        (share("mine", credentials={"accountKey": KEY}), NONE, "AZURE_BATCHAI_STORAGE_KEY or"),
        (share("mine", credentials={"accountKey": KEY}), OTHER, "Please configure Azure Stor"),
        # A key that belongs to the named account is no other account's.
        (share("other", credentials={"accountKey": KEY}), MINE, "stands for the key of account"),
        (blob(), MINE, "no account name provided"),
        (
            {"azureFileShares": [{"relativeMountPath": "logs", "azureFileUrl": "logs"}]},
            MINE,
            "names no account",
        ),
    ],
)
def test_what_nothing_tells_is_an_error_that_names_the_variable(volumes, account, complaint):
    with pytest.raises(InvalidSpecError, match=complaint):
        complete(volumes, account)


def test_mounts_of_flags_are_in_the_accounts_cloud():
    china = StorageAccount("mine", "bWluZQ==", "core.chinacloudapi.cn")
    flags = ExtraMounts(share="logs", container="data")
    found, _, _ = complete_volumes(None, china, flags, namespace="team")
    (share_,), (container,) = found["azureFileShares"], found["azureBlobFileSystems"]
    assert share_["azureFileUrl"] == "https://mine.file.core.chinacloudapi.cn/logs"
    assert container["server"] == "mine.blob.core.chinacloudapi.cn"
    public, _, _ = complete_volumes(None, MINE, flags, namespace="team")
    assert "server" not in public["azureBlobFileSystems"][0], "the operator may know a better one"


SAID = "Secret azure-storage-account-batchaidev-secret with the key of storage account batchaidev"


@pytest.mark.parametrize("command", ["job create -c nc6", "cluster create -s STANDARD_D1 -t 1"])
def test_a_key_that_is_nowhere_is_told_before_the_job_waits_for_it(kube, batchai, write, command):
    kube.add("batchaiclusters", cluster())
    name = "azure-storage-account-batchaidev-secret"
    flags = "--storage-account-name batchaidev --afs-name logs --afs-mount-path logs"
    file = f"-f {write(HELLO)}" if command.startswith("job") else ""
    done = batchai(f"{command} -n one {file} {flags}")
    assert (done.exit_code, SAID in done.stderr) == (0, True), done.stderr
    kube.add("secrets", {"metadata": {"name": name}})
    assert SAID not in batchai(f"{command} -n two {file} {flags}").stderr
    del kube.objects["secrets", "team", name]
    # A key that is given becomes the Secret.
    done = batchai(f"{command} -n three {file} {flags} --storage-account-key a2V5")
    assert (SAID in done.stderr, kube.names("secrets")) == (False, [name])


def test_who_may_not_look_at_secrets_is_told_nothing(kube, batchai, write, monkeypatch):
    kube.add("batchaiclusters", cluster())
    ask = kube.get

    async def get(resource, name, namespace=None):
        if resource.plural == "secrets":
            raise ForbiddenError("no")
        return await ask(resource, name, namespace)

    monkeypatch.setattr(kube, "get", get)
    done = batchai(f"job create -n tf -c nc6 -f {write(RECIPE)} --storage-account-name batchaidev")
    assert (done.exit_code, "Secret" in done.stderr) == (0, False), done.stderr
