"""Which storage account a command means (spec 6.3)."""

import base64

import pytest

from batchai_operator.cli.account import effective_account

from .objects import HELLO, cluster

ENVIRONMENT = {"AZURE_BATCHAI_STORAGE_ACCOUNT": "env", "AZURE_BATCHAI_STORAGE_KEY": "env-key"}
FILE = {"storage_account": "file", "storage_key": "file-key"}


@pytest.mark.parametrize(
    ("name", "key", "environment", "configured", "expected"),
    [
        (None, None, {}, {}, (None, None)),
        ("flag", "flag-key", ENVIRONMENT, FILE, ("flag", "flag-key")),
        (None, None, ENVIRONMENT, FILE, ("env", "env-key")),
        (None, None, {}, FILE, ("file", "file-key")),
        # Each of the two may come from another place, as az's configuration had it.
        (None, None, {"AZURE_BATCHAI_STORAGE_ACCOUNT": "env"}, FILE, ("env", "file-key")),
        # A key is never taken for an account that the command line names.
        ("flag", None, ENVIRONMENT, FILE, ("flag", None)),
        ("flag", None, {"AZURE_BATCHAI_STORAGE_KEY": "env-key"}, FILE, ("flag", None)),
        # Unless nothing else says whose it is.
        ("flag", None, {"AZURE_BATCHAI_STORAGE_KEY": "env-key"}, {}, ("flag", "env-key")),
        ("env", None, ENVIRONMENT, FILE, ("env", "env-key")),
        (None, "flag-key", ENVIRONMENT, {}, ("env", "flag-key")),
        (None, None, {"AZURE_BATCHAI_STORAGE_ACCOUNT": ""}, FILE, ("file", "file-key")),
    ],
)
def test_flags_then_environment_then_file(name, key, environment, configured, expected):
    found = effective_account(name, key, environment, configured)
    assert (found.name, found.key) == expected


def test_azs_configuration_file_is_read(kube, batchai, write, tmp_path):
    kube.add("batchaiclusters", cluster())
    folder = tmp_path / "azure"
    folder.mkdir()
    (folder / "config").write_text(
        "[core]\noutput = table\n[batchai]\nstorage_account = acct\nstorage_key = a2V5%3D\n"
    )
    path = write({"properties": HELLO})
    done = batchai(f"job create -n j -c nc6 -f {path} --afs-name logs --afs-mount-path logs")
    assert done.exit_code == 0, done.stderr
    (share,) = kube.only("batchaijobs")["spec"]["mountVolumes"]["azureFileShares"]
    assert share["accountName"] == "acct"
    assert kube.only("secrets")["stringData"]["azurestorageaccountkey"] == "a2V5%3D"


@pytest.mark.parametrize(
    ("variable", "configured", "suffix"),
    [
        ("", "", "core.windows.net"),
        ("", "AzureUSGovernment", "core.usgovcloudapi.net"),
        ("AzureChinaCloud", "AzureUSGovernment", "core.chinacloudapi.cn"),
        ("AzureStack-of-ours", "", "core.windows.net"),
    ],
)
def test_a_share_by_flags_is_in_the_cloud_that_az_is_set_to(
    kube, batchai, write, tmp_path, monkeypatch, *, variable, configured, suffix
):
    kube.add("batchaiclusters", cluster())
    monkeypatch.setenv("AZURE_CLOUD_NAME", variable)
    (tmp_path / "azure").mkdir()
    (tmp_path / "azure" / "config").write_text(f"[cloud]\nname = {configured}\n")
    flags = "--storage-account-name acct --afs-name logs --afs-mount-path logs"
    done = batchai(f"job create -n j -c nc6 -f {write(HELLO)} {flags}")
    assert done.exit_code == 0, done.stderr
    (share,) = kube.only("batchaijobs")["spec"]["mountVolumes"]["azureFileShares"]
    assert share["azureFileUrl"] == f"https://acct.file.{suffix}/logs"


@pytest.mark.parametrize("content", ["nonsense", "[batchai\n", "[batchai]\nstorage_account\n"])
def test_a_broken_configuration_file_is_as_none(batchai, write, tmp_path, content):
    folder = tmp_path / "azure"
    folder.mkdir()
    (folder / "config").write_text(content)
    done = batchai(f"job create -n j -c nc6 -f {write(HELLO)} --afs-name logs --dry-run")
    assert (done.exit_code, "Please configure Azure Storage account" in done.stderr) == (1, True)


def test_the_key_of_another_account_overwrites_no_secret(kube, batchai, write, monkeypatch):
    """A regression: the environment's key went into the Secret of the flag's account."""
    monkeypatch.setenv("AZURE_BATCHAI_STORAGE_ACCOUNT", "mine")
    monkeypatch.setenv("AZURE_BATCHAI_STORAGE_KEY", "bWluZQ==")
    kube.add("batchaiclusters", cluster())
    held = {
        "azurestorageaccountname": base64.b64encode(b"theirs").decode(),
        "azurestorageaccountkey": base64.b64encode(b"dGhlaXJz").decode(),
    }
    name = "azure-storage-account-theirs-secret"
    kube.add("secrets", {"metadata": {"name": name}, "data": dict(held)})
    flags = "--storage-account-name theirs --afs-name logs --afs-mount-path logs"
    done = batchai(f"job create -n j -c nc6 -f {write(HELLO)} {flags}")
    assert done.exit_code == 0, done.stderr
    secret = kube.only("secrets")
    assert secret["data"] == held
    assert "stringData" not in secret
