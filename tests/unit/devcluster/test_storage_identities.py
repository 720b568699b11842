"""The verbs about identities, a vault and NFS: what reaches the stand-in, and how secrets go."""

import argparse
import io

import pytest

from batchai_devcluster import storage_copying, storage_identities
from batchai_devcluster.paths import Paths


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a verb; returns what the stand-in was told, and what it could read."""

    def go(*words, stdin=""):
        told = []

        def admin(kubectl, *words, stdin=None):
            told.append((kubectl, words, stdin))
            return "0123\n"

        monkeypatch.setattr(storage_copying, "admin", admin)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        parser = argparse.ArgumentParser()
        storage_identities.add_verbs(parser.add_subparsers(), lambda *_: ["kubectl"])
        chosen = parser.parse_args(words)
        chosen.verb(Paths(tmp_path), chosen)
        ((kubectl, found, read),) = told
        assert kubectl == ["kubectl"]
        return found, read

    return go


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            "identity put id --subject s --subject t --role R --node",
            "identity put id subject=s subject=t role=R node",
        ),
        ("identity put id", "identity put id"),
        ("identity rm id", "identity rm id"),
        ("nfs share/logs on", "nfs share/logs on"),
    ],
)
def test_words_reach_the_stand_in(run, asked, told):
    assert run(*asked.split()) == (tuple(told.split()), None)


def test_a_secret_goes_by_standard_input(run, capsys):
    found, read = run("vault", "put", "https://v", "key", stdin="the key")
    assert found == ("vault", "put", "https://v", "key")
    assert read == "the key"
    assert capsys.readouterr().out == "0123\n"
