"""What a user's machine learns from a job's Pods, having no settings of the operator."""

import pytest

from batchai_operator.engine.files.podfacts import Containers, reader_settings
from batchai_operator.settings import Settings

from .objects import job, pod


def learnt(server, containers):
    thing = pod(job("hello") | {"metadata": {"name": "hello", "uid": "u"}})
    attributes = {"containerName": "data", "server": server}
    thing["spec"]["volumes"] = [
        {"name": "share", "csi": {"volumeAttributes": {"shareName": "logs", "server": "other"}}},
        {"name": "blob", "csi": {"volumeAttributes": attributes}},
    ]
    return reader_settings(Settings(), [thing], containers).blob_endpoint


@pytest.mark.parametrize(
    ("server", "account", "endpoint"),
    [
        ("http://azurite:10000/batchaidev", "batchaidev", "http://azurite:10000/{account}"),
        ("https://acct.blob.example.test", "acct", "https://{account}.blob.example.test"),
        ("acct.blob.example.test", "acct", "{account}.blob.example.test"),
        ("http://dev:10000/dev", "dev", "http://dev:10000/{account}"),
    ],
)
def test_the_endpoint_of_blob_storage_is_learnt_from_the_jobs_pods(server, account, endpoint):
    assert learnt(server, Containers(["another", account])) == endpoint


@pytest.mark.parametrize("account", ["blob", "acc", "azur", "ct"])
def test_an_account_is_no_piece_of_another_word(account):
    for server in ("http://azurite:10000/acct", "https://acct.blobs.example.test"):
        assert learnt(server, Containers([account])) == ""


def test_the_server_of_a_users_container_is_not_the_operators():
    server = "acct.privatelink.blob.core.windows.net"
    assert learnt(server, Containers(["acct"], frozenset({server}))) == ""
