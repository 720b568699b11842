"""Files by path on NFS: read by the claim that the namespace's jobs have, or refused with why."""

import pytest

from batchai_operator.engine.files.volumefiles import VolumeOrigin, known_place
from batchai_operator.engine.ports import CLAIMS, FILE_SERVERS, PODS
from batchai_operator.errors import ForbiddenError, InvalidSpecError
from batchai_operator.planner.files.volumereader import VolumeFolder, volume_folder
from batchai_operator.settings import Settings

from .fakes import FakeStore

VOLUMES = {"fileServers": [{"fileServer": {"id": "nas"}, "relativeMountPath": "nfs"}]}


def a_server():
    return {
        "metadata": {"name": "nas", "namespace": "team"},
        "spec": {"nfs": {"server": "10.0.0.4", "path": "/data"}},
        "status": {
            "provisioningState": "succeeded",
            "mountSettings": {"fileServerInternalIP": "10.0.0.4", "mountPoint": "/data"},
        },
    }


async def folder_of(store: FakeStore, namespace: str) -> VolumeFolder:
    place = await known_place(store, namespace, VOLUMES)
    return volume_folder(VOLUMES, None, "x", Settings(), place=place)


@pytest.fixture
async def store():
    store = FakeStore()
    await store.create(FILE_SERVERS, a_server())
    return store


async def test_a_claim_of_the_namespace_is_mounted(store):
    folder = await folder_of(store, "team")
    name = folder.mount.claim
    assert name.startswith("bai-team-")
    await store.create(CLAIMS, {"metadata": {"name": name, "namespace": "team"}})
    origin = VolumeOrigin(store, "team", folder, lambda _: None, None)
    made = []
    origin._reader.make = lambda body: _made(made, body)
    await origin.reader("volume")
    (volume,) = (v for v in made[0]["spec"]["volumes"] if "persistentVolumeClaim" in v)
    assert volume["persistentVolumeClaim"] == {"claimName": name}


async def _made(made, body):
    made.append(body)
    return body


async def test_without_a_job_that_has_the_volume_it_is_said_so(store):
    folder = await folder_of(store, "team")
    origin = VolumeOrigin(store, "team", folder, lambda _: None, None)
    with pytest.raises(InvalidSpecError, match=r"10\.0\.0\.4:/data .* no such job"):
        await origin.reader("volume")
    assert store.all(PODS) == []


async def test_who_may_not_see_claims_gets_a_reader_all_the_same(store, monkeypatch):
    folder = await folder_of(store, "team")

    async def refuse(*_):
        raise ForbiddenError("persistentvolumeclaims is forbidden")

    monkeypatch.setattr(store, "get", refuse)
    origin = VolumeOrigin(store, "team", folder, lambda _: None, None)
    made = []
    origin._reader.make = lambda body: _made(made, body)
    await origin.reader("volume")
    assert len(made) == 1


async def test_a_file_server_of_another_namespace_is_not_there(store):
    with pytest.raises(InvalidSpecError, match="File server nas does not exist or is not ready"):
        await folder_of(store, "other")


async def test_who_may_not_see_file_servers_is_told_the_same(store, monkeypatch):
    async def refuse(*_):
        raise ForbiddenError("no")

    monkeypatch.setattr(store, "get", refuse)
    with pytest.raises(InvalidSpecError, match="File server nas"):
        await folder_of(store, "team")


async def test_file_servers_are_asked_for_by_those_who_name_one(store):
    share = {"azureFileShares": [{"azureFileUrl": "x", "relativeMountPath": "afs"}]}
    for named in (None, share, {"fileServers": "nas"}, {"fileServers": ["nas", {"fileServer": 1}]}):
        assert not (await known_place(store, "team", named)).file_servers
    assert not store.reads
    assert set((await known_place(store, "team", VOLUMES)).file_servers) == {"nas"}
    assert store.reads == {("get", "batchaifileservers"): 1}
    cluster = {"spec": {"nodeSetup": {"mountVolumes": VOLUMES}}}
    assert set((await known_place(store, "team", None, cluster)).file_servers) == {"nas"}


async def test_a_file_server_is_found_by_what_it_is_called(store):
    server = a_server()
    server["metadata"]["name"] = "other"
    server["spec"]["name"] = "Disk"
    await store.create(FILE_SERVERS, server)
    named = {"fileServers": [{"fileServer": {"id": "disk"}, "relativeMountPath": "nfs"}]}
    assert "disk" in (await known_place(store, "team", named)).file_servers
