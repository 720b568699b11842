"""Which form a volume takes, with which attributes, and whose Secrets it may name."""

from typing import Any

import pytest

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.endpoints import FileServerEndpoint
from batchai_operator.planner.facts import SecretFacts
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.volumes.forms import Place
from batchai_operator.planner.volumes.mounting import Volumes, plan_volumes
from support.planning import SETTINGS, a_job, facts

GUID = "11111111-2222-3333-4444-555555555555"
VAULT = {
    "sourceVault": {"id": "v"},
    "secretUrl": "https://myvault.vault.azure.net/secrets/storage-key/0123",
}
PERMITTED = SETTINGS.model_copy(update={"node_identity": True})
SERVERS = {"fs": FileServerEndpoint("10.0.0.4", "/export")}


def plan(
    volumes: dict[str, Any],
    *,
    mode: str | None = None,
    settings: Any = SETTINGS,
    place: Place | None = None,
) -> Volumes:
    kubernetes = {"volumeMode": mode} if mode else {}
    job = a_job(mountVolumes=volumes, kubernetes=kubernetes)
    place = place or Place("team", SERVERS)
    return plan_volumes(JobSpec.model_validate(job["spec"]), None, "/root", settings, place)


def share(**more: Any) -> dict[str, Any]:
    url = more.pop("url", "https://acct.file.core.windows.net/logs")
    return {"azureFileShares": [{"azureFileUrl": url, "relativeMountPath": "s", **more}]}


def container(**more: Any) -> dict[str, Any]:
    entry = {"accountName": "acct", "containerName": "data", "relativeMountPath": "b", **more}
    return {"azureBlobFileSystems": [entry]}


def server(**more: Any) -> dict[str, Any]:
    return {"fileServers": [{"fileServer": {"id": "fs"}, "relativeMountPath": "f", **more}]}


def unmanaged(command: str, **more: Any) -> dict[str, Any]:
    return {"unmanagedFileSystems": [{"mountCommand": command, "relativeMountPath": "u", **more}]}


def inline(volumes: Volumes) -> dict[str, Any]:
    (entry,) = volumes.entries
    assert not volumes.shared
    csi: dict[str, Any] = entry["csi"]
    return csi


def static(volumes: Volumes) -> dict[str, Any]:
    (entry,), (made,) = volumes.entries, volumes.shared
    assert entry["persistentVolumeClaim"] == {"claimName": made.name}
    spec: dict[str, Any] = made.volume["spec"]
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert spec["storageClassName"] == made.claim["spec"]["storageClassName"] == ""
    assert spec["claimRef"]["namespace"] == made.claim["metadata"]["namespace"] == "team"
    assert spec["claimRef"]["name"] == made.claim["metadata"]["name"] == made.name
    assert made.claim["spec"]["volumeName"] == made.name
    assert spec["capacity"] == made.claim["spec"]["resources"]["requests"]
    assert not set(spec["csi"]["volumeHandle"]) & set("#/ ")
    return spec


def test_a_share_by_a_claim() -> None:
    spec = static(plan(share(), mode="PersistentVolume"))
    assert spec["mountOptions"] == ["file_mode=0777", "dir_mode=0777"]
    assert spec["csi"]["volumeAttributes"] == {"shareName": "logs"}
    assert spec["csi"]["nodeStageSecretRef"] == {
        "name": "azure-storage-account-acct-secret",
        "namespace": "team",
    }


def test_a_container_by_a_claim() -> None:
    spec = static(plan(container(mountOptions="-o ro --use-https=true"), mode="PersistentVolume"))
    assert spec["mountOptions"] == ["-o ro", "-o allow_other"]
    assert spec["csi"]["volumeAttributes"] == {"containerName": "data", "protocol": "fuse2"}


@pytest.mark.parametrize("mode", [None, "Inline", "PersistentVolume"])
def test_nfs_is_a_claim_whatever_the_mode(mode: str | None) -> None:
    found = static(plan(share(protocol="nfs"), mode=mode))
    assert found["csi"]["volumeAttributes"] == {
        "protocol": "nfs",
        "storageAccount": "acct",
        "shareName": "logs",
        "server": "acct.file.core.windows.net",
    }
    assert "nodeStageSecretRef" not in found["csi"]
    found = static(plan(container(protocol="nfs", mountOptions="nconnect=4"), mode=mode))
    assert found["csi"]["volumeAttributes"]["protocol"] == "nfs"
    assert found["mountOptions"] == ["nconnect=4"]
    found = static(plan(server(mountOptions="rw"), mode=mode))
    assert found["csi"]["volumeAttributes"] == {"server": "10.0.0.4", "share": "/export"}
    assert "mountOptions" not in found
    assert static(plan(unmanaged("mount -t nfs 10.0.0.4:/export"), mode=mode)) == found


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("", "/export"),
        ("a/b/", "/export/a/b"),
        ("/a", "/export/a"),
        ("/export", "/export"),
        ("/export/a", "/export/a"),
        ("/exported", "/export/exported"),
    ],
)
def test_source_directories_are_below_the_export(folder: str, path: str) -> None:
    found = static(plan(server(sourceDirectory=folder)))
    assert found["csi"]["volumeAttributes"]["share"] == path


@pytest.mark.parametrize("folder", ["..", "a/../../b", "a b", "a#b", "a,b", "a\nb"])
def test_source_directories_outside_are_refused(folder: str) -> None:
    with pytest.raises(InvalidSpecError, match="sourceDirectory must be"):
        plan(server(sourceDirectory=folder))


def test_a_resource_id_names_a_file_server_by_its_end() -> None:
    whole = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.BatchAI/workspaces/w/fileServers/fs"
    )
    assert static(plan(server(fileServer={"id": whole}))) == static(plan(server()))


def test_a_file_server_that_is_not_ready_is_waited_for() -> None:
    job = a_job(mountVolumes=server(relativeMountPath="logs"))
    waiting = plan_job(facts(job))
    assert not waiting.create
    assert not waiting.shared
    assert waiting.status is not None
    told = {found["type"]: found for found in waiting.status["conditions"]}["StorageReady"]
    assert told["reason"] == "FileServerNotReady"
    assert "file server fs of mountVolumes.fileServers[0]" in told["message"]
    started = plan_job(facts(job, file_servers=SERVERS))
    assert len(started.shared) == len(started.create) == 1


def test_smb_is_inline_with_a_secret() -> None:
    login = {"secretRef": {"name": "login"}}
    command = "mount -t cifs //10.0.0.5/data/sub -o vers=3.0,rw"
    assert inline(plan(unmanaged(command, credentials=login))) == {
        "driver": "smb.csi.k8s.io",
        "volumeAttributes": {
            "source": "//10.0.0.5/data/sub",
            "secretName": "login",
            "mountOptions": "vers=3.0,noperm,noserverino",
        },
    }
    spec = static(plan(unmanaged(command, credentials=login), mode="PersistentVolume"))
    assert spec["csi"]["nodeStageSecretRef"] == {"name": "login", "namespace": "team"}
    assert spec["mountOptions"] == ["vers=3.0", "noperm", "noserverino"]


def test_smb_without_a_login_is_for_guests() -> None:
    with pytest.raises(InvalidSpecError, match=r"credentials\.secretRef is missing"):
        plan(unmanaged("mount -t cifs //nas/data"))
    attributes = inline(plan(unmanaged("mount -t cifs //nas/data -o guest")))["volumeAttributes"]
    assert "secretName" not in attributes


@pytest.mark.parametrize("volume", [container, share])
def test_a_workload_identity_is_inline_or_static(volume: Any) -> None:
    credentials = {"workloadIdentity": {"clientID": GUID, "tenantID": GUID}}
    attributes = inline(plan(volume(credentials=credentials)))["volumeAttributes"]
    assert (
        attributes.items()
        >= {
            "storageAccount": "acct",
            "clientID": GUID,
            "tenantID": GUID,
            "mountWithWorkloadIdentityToken": "true",
        }.items()
    )
    assert "secretName" not in attributes
    spec = static(plan(volume(credentials=credentials), mode="PersistentVolume"))
    assert spec["csi"]["volumeAttributes"]["clientID"] == GUID
    assert "nodeStageSecretRef" not in spec["csi"]


@pytest.mark.parametrize(
    ("volumes", "attributes"),
    [
        (
            container(credentials={"managedIdentity": {"clientID": GUID}}),
            {"AzureStorageAuthType": "MSI", "AzureStorageIdentityClientID": GUID},
        ),
        (
            share(credentials={"managedIdentity": {"clientID": GUID}}),
            {"mountWithManagedIdentity": "true", "clientID": GUID},
        ),
        (
            container(credentials={"accountKeySecretReference": VAULT}),
            {
                "keyVaultURL": "https://myvault.vault.azure.net/",
                "keyVaultSecretName": "storage-key",
                "keyVaultSecretVersion": "0123",
            },
        ),
    ],
)
def test_the_nodes_identity_takes_a_permission(
    volumes: dict[str, Any], attributes: dict[str, str]
) -> None:
    with pytest.raises(InvalidSpecError, match="nodeIdentity of the chart") as caught:
        plan(volumes)
    assert ".credentials." in caught.value.field
    found = static(plan(volumes, settings=PERMITTED))["csi"]["volumeAttributes"]
    assert found.items() >= {"storageAccount": "acct", **attributes}.items()


def test_a_shares_key_in_a_vault_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidSpecError, match="Secrets Store CSI driver") as caught:
        plan(share(credentials={"accountKeySecretReference": VAULT}), settings=PERMITTED)
    assert caught.value.code == "UnsupportedKeyVault"


@pytest.mark.parametrize(
    ("host", "attributes"),
    [
        ("acct.blob.core.windows.net", {}),
        ("acct.blob.core.chinacloudapi.cn", {"storageEndpointSuffix": "core.chinacloudapi.cn"}),
        (
            "acct.privatelink.blob.core.windows.net",
            {"server": "acct.privatelink.blob.core.windows.net"},
        ),
        ("acct.z21.blob.storage.azure.net", {"server": "acct.z21.blob.storage.azure.net"}),
    ],
)
def test_other_clouds_and_private_endpoints(host: str, attributes: dict[str, str]) -> None:
    found = inline(plan(container(server=host)))["volumeAttributes"]
    assert {
        n: v for n, v in found.items() if n in ("server", "storageEndpointSuffix")
    } == attributes
    url = f"https://{host.replace('.blob.', '.file.')}/logs"
    if ".z21." not in host:
        found = inline(plan(share(url=url)))["volumeAttributes"]
        expected = {n: v.replace(".blob.", ".file.") for n, v in attributes.items()}
        told = {n: v for n, v in found.items() if n in ("server", "storageEndpointSuffix")}
        assert told == expected


def test_the_spec_goes_before_the_operators_own_endpoint() -> None:
    settings = SETTINGS.model_copy(update={"blob_endpoint": "http://azurite/{account}"})
    own = inline(plan(container(), settings=settings))["volumeAttributes"]
    assert own["server"] == "http://azurite/acct"
    private = "acct.privatelink.blob.core.windows.net"
    given = inline(plan(container(server=private), settings=settings))["volumeAttributes"]
    assert given["server"] == private


@pytest.mark.parametrize(
    ("volumes", "mode", "remedy"),
    [
        (server(), None, "NFS mounts are made by PersistentVolumes only"),
        (share(), "PersistentVolume", "remove kubernetes.volumeMode"),
    ],
)
def test_where_no_volumes_may_be_made_the_reason_is_told(
    volumes: dict[str, Any], mode: str | None, remedy: str
) -> None:
    settings = SETTINGS.model_copy(update={"static_volumes": False})
    with pytest.raises(InvalidSpecError, match=remedy) as caught:
        plan(volumes, mode=mode, settings=settings)
    assert "persistentVolumeClaims" in str(caught.value)
    # Readers and later passes take the claims that there are.
    place = Place("team", claims={caught.value.field or _field(volumes): "bai-there"})
    found = plan(volumes, mode=mode, settings=settings, place=place)
    assert found.entries[0]["persistentVolumeClaim"] == {"claimName": "bai-there"}


def _field(volumes: dict[str, Any]) -> str:
    return f"mountVolumes.{next(iter(volumes))}[0]"


def test_equal_volumes_are_mounted_once_in_either_form() -> None:
    two = [
        share()["azureFileShares"][0],
        {**share()["azureFileShares"][0], "relativeMountPath": "t"},
    ]
    for mode in ("Inline", "PersistentVolume"):
        found = plan({"azureFileShares": two}, mode=mode)
        assert len(found.entries) == 1
        assert len(found.mounts) == 2
        assert len({mount.claim for mount in found.mounts}) == 1
    both = {**server(), **unmanaged("mount -t nfs -o rw 10.0.0.4:/export")}
    assert len(plan(both).shared) == 1


def test_names_tell_namespaces_and_mounts_apart() -> None:
    def name(volumes: dict[str, Any], namespace: str = "team") -> str:
        return (
            plan(volumes, mode="PersistentVolume", place=Place(namespace, SERVERS)).shared[0].name
        )

    secret = {"credentials": {"secretRef": {"name": "other"}}}
    names = {
        name(share()),
        name(share(), "other"),
        name(share(directoryMode="0700")),
        name(share(**secret)),
        name(container()),
        name(container(mountOptions="-o ro")),
        name(share(), "n" * 63),
    }
    assert len(names) == 7
    assert all(len(each) <= 63 for each in names)
    assert name(share()) == name(share(relativeMountPath="elsewhere"))


def test_a_sas_token_serves_a_container_and_not_a_share() -> None:
    keys = frozenset({"azurestorageaccountname", "azurestorageaccountsastoken"})
    secrets = {"azure-storage-account-acct-secret": SecretFacts("s", keys, "acct")}
    assert plan_job(
        facts(a_job(mountVolumes=container(relativeMountPath="logs")), secrets=secrets)
    ).create
    refused = plan_job(facts(a_job(mountVolumes=share(relativeMountPath="logs")), secrets=secrets))
    assert refused.status is not None
    (error,) = refused.status["executionInfo"]["errors"]
    assert error["code"] == "AZFMountError"
    assert "SMB cannot log in" in str(error)


@pytest.mark.parametrize(
    ("keys", "flaw"),
    [
        ({"username", "password"}, ""),
        ({"username"}, "lacks the key password"),
        (None, "does not exist"),
    ],
)
def test_a_login_is_looked_at_before_pods_are_made(keys: set[str] | None, flaw: str) -> None:
    volumes = unmanaged("mount -t cifs //nas/data", credentials={"secretRef": {"name": "login"}})
    volumes["unmanagedFileSystems"][0]["relativeMountPath"] = "logs"
    found = None if keys is None else SecretFacts("login", frozenset(keys))
    plan = plan_job(facts(a_job(mountVolumes=volumes), secrets={"login": found}))
    assert bool(plan.create) == (not flaw)
    assert flaw in str(plan.status)
