"""What `make guide` prepares, and where it refuses to."""

import pytest

from batchai_devcluster import guide, storage
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.paths import Paths


class Fake:
    """A provider that remembers what kubectl was asked."""

    is_ours = True

    def __init__(self, phase: str) -> None:
        self.phase, self.asked = phase, []

    def kubectl(self, arguments, **_):
        self.asked.append(arguments[0])
        return self.phase if "persistentvolume" in arguments else "node-0 node-1"


@pytest.mark.parametrize(
    ("phase", "asked"),
    [
        ("", ["get", "get", "create"]),
        ("Bound", ["get"]),
        # Its claim is gone, and Kubernetes gives it to no other.
        ("Released", ["get", "delete", "get", "create"]),
    ],
)
def test_a_disk_is_offered_until_it_is_in_use(phase, asked, tmp_path):
    cluster = Fake(phase)
    guide._offer_disk(Paths(tmp_path), cluster)
    assert cluster.asked == asked


def test_storage_of_the_users_is_left_to_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("CSI", "none")
    with pytest.raises(DevclusterError, match=r"docs/guide/storage\.md"):
        guide.prepare(Paths(tmp_path), Fake(""))


def test_the_verb_for_the_file_services_address_prints_one(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CSI", raising=False)
    monkeypatch.setattr(storage.provider, "choose", lambda *_: Fake(""))
    storage._file_endpoint(Paths(tmp_path), type("Chosen", (), {"provider": "auto"})())
    assert capsys.readouterr().out.startswith("http://")
