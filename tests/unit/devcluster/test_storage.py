"""Where storage is, as the verbs of the development cluster print it."""

from types import SimpleNamespace

import pytest

from batchai_devcluster import cli, provider, storage_deploying


@pytest.mark.parametrize(
    ("verb", "address"),
    [
        ("endpoint", storage_deploying.BLOB_ENDPOINT),
        ("file-endpoint", storage_deploying.FILE_ENDPOINT),
    ],
)
def test_addresses_are_those_of_the_stand_in_or_azures_own(
    tmp_path, monkeypatch, capsys, verb, address
):
    monkeypatch.setenv("BATCHAI_HOME", str(tmp_path))
    monkeypatch.setattr(provider, "choose", lambda *_: SimpleNamespace(is_ours=True))
    for csi, printed in (("standin", address), ("none", "")):
        monkeypatch.setenv("CSI", csi)
        assert cli.main(["storage", verb]) == 0
        assert capsys.readouterr().out == f"{printed}\n"
