"""Making auto-storage: what is asked of the account and of Kubernetes, and how often."""

import pytest

from batchai_operator.engine.ports import CLAIMS, CLUSTERS, SECRETS
from batchai_operator.errors import (
    ConflictError,
    ForbiddenError,
    StorageError,
    UnavailableError,
)
from batchai_operator.settings import AutoStorageSettings
from unit.engine.world import SETTINGS, World

ACCOUNT = SETTINGS.model_copy(
    update={"auto_storage": AutoStorageSettings(backend="account", namespaces=("ns",))}
)
CLASSES = SETTINGS.model_copy(
    update={
        "auto_storage": AutoStorageSettings(
            backend="storageClass", share_class="files", container_class="blobs"
        )
    }
)


async def a_world(settings, *clusters):
    world = World(settings)
    for name in clusters or ("c",):
        world.cluster(name, autoStorage=True)
    await world.start()
    await world.settle()
    return world


def ready(world, name="c"):
    status = world.store.one(CLUSTERS, name)["status"]
    found = next(each for each in status["conditions"] if each["type"] == "AutoStorageReady")
    return found["status"], found["reason"]


async def test_share_container_and_secret_are_made_and_the_waiting_job_starts():
    world = World(ACCOUNT)
    world.cluster(autoStorage=True)
    world.job(stdOutErrPathPrefix="$AZ_BATCHAI_MOUNT_ROOT/autoafs")
    world.account.trouble = StorageError("Busy.", reason="StorageThrottled", retry_after=7)
    await world.start()
    for _ in range(3):
        await world.settle()
    assert ready(world) == ("False", "StorageThrottled")
    assert "Busy." in world.status()["message"]
    assert world.pods() == []
    assert world.controller.auto_storage.queue.delayed == 1, "tried again later"
    world.account.trouble = None
    world.controller.auto_storage.queue.add(("ns", "c"))
    await world.settle()
    assert world.account.made == {"batchaishare-ns", "batchaicontainer-ns"}
    (secret,) = world.store.all(SECRETS)
    assert secret["metadata"]["ownerReferences"][0]["kind"] == "BatchAICluster"
    assert ready(world) == ("True", "Ready")
    assert len(world.pods()) == 1


async def test_nothing_is_done_per_job_nor_by_a_restart():
    world = await a_world(ACCOUNT)
    looks, writes = world.account.looks, dict(world.store.writes)
    for number in range(3):
        world.job(f"j{number}", stdOutErrPathPrefix="$AZ_BATCHAI_MOUNT_ROOT/autoafs")
    await world.settle()
    await world.look_again()
    assert world.account.looks == looks
    assert world.store.writes["create", "secrets"] == writes["create", "secrets"]
    writes = dict(world.store.writes)
    await world.restart()
    await world.settle()
    assert world.account.looks == looks + 1, "a new process looks once"
    assert dict(world.store.writes) == writes
    assert ready(world) == ("True", "Ready")


async def test_clusters_share_storage_and_each_has_its_secret():
    world = await a_world(ACCOUNT, "c", "d")
    assert len(world.account.made) == 2
    assert len(world.store.all(SECRETS)) == 2
    world.store.remove(CLUSTERS, "d")
    await world.settle()
    assert len(world.store.all(SECRETS)) == 1
    assert len(world.account.made) == 2


async def test_a_cluster_made_anew_between_two_passes_is_looked_after_at_once():
    world = await a_world(ACCOUNT)
    world.store.remove(CLUSTERS, "c")
    world.cluster("c", autoStorage=True)
    # The passes come after both.
    await world.settle()
    assert ready(world) == ("True", "Ready")
    (secret,) = world.store.all(SECRETS)
    (owner,) = secret["metadata"]["ownerReferences"]
    assert owner["uid"] == world.store.one(CLUSTERS, "c")["metadata"]["uid"]


async def test_a_new_key_gets_a_new_secret():
    world = await a_world(ACCOUNT)
    world.account.key = "bmV3"
    world.controller.auto_storage.queue.add(("ns", "c"))
    await world.settle()
    names = {secret["metadata"]["name"] for secret in world.store.all(SECRETS)}
    assert len(names) == 2
    assert world.store.one(CLUSTERS, "c")["status"]["autoStorage"]["secretName"] in names
    assert world.store.writes["patch", "secrets"] == 0


async def test_a_strangers_secret_of_that_name_is_told():
    world = await a_world(ACCOUNT)
    (secret,) = world.store.all(SECRETS)
    world.store.put(SECRETS, {**secret, "data": {"azurestorageaccountname": "ZXZpbA=="}})
    world.controller.auto_storage.queue.add(("ns", "c"))
    await world.settle()
    assert ready(world) == ("False", "SecretTaken")


async def test_claims_are_made_once_and_may_be_bound_later():
    world = await a_world(CLASSES, "c", "d")
    claims = {claim["metadata"]["name"]: claim for claim in world.store.all(CLAIMS)}
    assert set(claims) == {"batchaishare", "batchaicontainer"}
    assert claims["batchaishare"]["spec"]["storageClassName"] == "files"
    assert claims["batchaicontainer"]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert world.store.writes["create", "persistentvolumeclaims"] == 2
    assert ready(world) == ("True", "NotBoundYet")
    for claim in claims.values():
        world.store.put(CLAIMS, {**claim, "status": {"phase": "Bound"}})
    world.controller.auto_storage.queue.add(("ns", "c"))
    await world.settle()
    assert ready(world) == ("True", "Ready")
    world.store.remove(CLUSTERS, "c")
    await world.settle()
    assert len(world.store.all(CLAIMS)) == 2, "data outlives clusters"


async def test_a_quota_is_told_and_a_lost_claim_too():
    world = World(CLASSES)
    world.store.refuse = lambda _, resource, __: (
        ForbiddenError("exceeded quota: requests.storage") if resource == CLAIMS else None
    )
    world.cluster(autoStorage=True)
    await world.start()
    await world.settle()
    assert ready(world) == ("False", "Forbidden")
    world.store.refuse = lambda *_: None
    world.store.put(CLAIMS, {"metadata": {"name": "batchaishare"}, "status": {"phase": "Lost"}})
    world.controller.auto_storage.queue.add(("ns", "c"))
    await world.settle()
    assert ready(world) == ("False", "ClaimLost")


@pytest.mark.parametrize("error", [ConflictError("exists"), UnavailableError("away")])
async def test_what_the_api_server_says_in_passing_is_nothing_about_storage(error):
    world = await a_world(CLASSES)
    assert ready(world) == ("True", "NotBoundYet")
    world.store.remove(CLAIMS, "batchaishare")
    world.store.refuse = lambda _, resource, __: error if resource == CLAIMS else None
    queue = world.controller.auto_storage.queue
    queue.add(("ns", "c"))
    await world.settle()
    assert (queue.retrying, ready(world)) == (1, ("True", "NotBoundYet"))
    world.store.refuse = lambda *_: None
    queue.add(("ns", "c"))
    await world.settle()
    assert queue.retrying == 0
    assert len(world.store.all(CLAIMS)) == 2


@pytest.mark.parametrize("settings", [SETTINGS, ACCOUNT])
async def test_without_a_back_end_for_the_namespace_nobody_is_asked(settings):
    world = World(settings)
    cluster = world.store.put(
        CLUSTERS,
        {
            "metadata": {"name": "c", "namespace": "elsewhere"},
            "spec": {"vmSize": "STANDARD_D2", "autoStorage": True},
        },
    )
    await world.start()
    await world.settle()
    assert world.account.looks == 0
    found = world.store.one(CLUSTERS, "c", cluster["metadata"]["namespace"])
    assert found["status"]["conditions"][0]["reason"] == "AutoStorageNotReady"


@pytest.mark.parametrize("settings", [ACCOUNT, CLASSES])
@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("number", range(1, 7))
async def test_a_death_at_any_write_leaves_no_second_of_anything(settings, number, after_effect):
    world = World(settings)
    world.cluster(autoStorage=True)
    world.job(stdOutErrPathPrefix="$AZ_BATCHAI_MOUNT_ROOT/autoafs")
    world.store.fail_at, world.store.fail_after_effect = number, after_effect
    await world.start()
    for _ in range(2):
        await world.settle()
    assert world.store.write_number >= number, "the write that was to fail has happened"
    await world.restart()
    for _ in range(2):
        await world.settle()
    assert ready(world)[0] == "True"
    assert len(world.pods()) == 1
    made = world.store.all(SECRETS) if settings is ACCOUNT else world.store.all(CLAIMS)
    assert len(made) == (1 if settings is ACCOUNT else 2)
