"""Every kind of volume for real: claims that jobs share, SAS tokens, SMB, NFS (ADR 0006).

Jobs are submitted first and looked at afterwards. The SMB server is the one that the storage
stand-in plays; the NFS server is a real one in a Pod.
"""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from support.api import Api, Raw
from support.crash_ground import operator_pods, without_chart_operator
from support.objects import ACCOUNT, LOGS, a_cluster, a_container, a_job, a_share
from support.onlooker import SECRET
from support.scene import Scene
from support.waiting import wait_until

from .conftest import run_tool

SMB_SERVER = "smb.batchai-storage.svc"
STATIC = {"kubernetes": {"volumeMode": "PersistentVolume"}}
OURS = "app.kubernetes.io/managed-by=batchai-operator,batchai.dev/component=volume"


def a_secret(name: str, namespace: str, **data: str) -> Raw:
    """Return a Secret."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def a_token(key: str, *, hours: int) -> str:
    """Return a SAS token of the container `data` that ends in so many hours."""
    now = dt.datetime.now(dt.UTC)
    permission = ContainerSasPermissions(read=True, write=True, list=True, delete=True, create=True)
    return generate_container_sas(
        ACCOUNT,
        "data",
        account_key=key,
        permission=permission,
        start=now - dt.timedelta(days=2),
        expiry=now + dt.timedelta(hours=hours),
    )


def by(secret: str) -> Raw:
    """Return credentials that name a Secret."""
    return {"credentials": {"secretRef": {"name": secret}}}


def unmanaged(command: str, path: str, **more: object) -> Raw:
    """Return one of `unmanagedFileSystems`."""
    return {"mountCommand": command, "relativeMountPath": path, **more}


def with_unmanaged(job: Raw, *volumes: Raw) -> Raw:
    """Return a job with unmanaged file systems added."""
    job["spec"]["mountVolumes"]["unmanagedFileSystems"] = list(volumes)
    return job


def volumes_of(api: Api, namespace: str) -> list[Raw]:
    """Return the PersistentVolumes of ours that are for a namespace."""
    found = api.list("persistentvolumes", "", labels=OURS)
    return [volume for volume in found if volume["spec"]["claimRef"]["namespace"] == namespace]


def claims_of(api: Api, namespace: str) -> list[str]:
    """Return the names of the claims of ours."""
    found = api.list("persistentvolumeclaims", namespace, labels=OURS)
    return sorted(claim["metadata"]["name"] for claim in found)


@pytest.fixture(scope="module", autouse=True)
def _jobs(scene: Scene, account_key: str) -> None:
    api, namespace = scene.api, scene.namespace
    account = {"azurestorageaccountname": ACCOUNT}
    sas = "azurestorageaccountsastoken"
    for name, data in {
        "sas": {**account, sas: a_token(account_key, hours=1)},
        "expired": {**account, sas: a_token(account_key, hours=-1)},
        "wrong-sas": {**account, sas: a_token(account_key[::-1].strip("=") + "==", hours=1)},
        "login": {"username": ACCOUNT, "password": account_key},
        "wrong-login": {"username": ACCOUNT, "password": "not the password"},
    }.items():
        api.create("secrets", a_secret(name, namespace, **data))
    first = 'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT"; echo one > static/a; echo two > box/a; ls static box'
    scene.submit(a_static("first", namespace, first))
    for name in ("sas", "expired", "wrong-sas"):
        command = 'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT/box"; echo token > by-sas; cat by-sas; rm by-sas'
        scene.submit(
            a_job(name, namespace, command, containers=[a_container("data", "box", **by(name))])
        )
    scene.submit(a_job("sas-share", namespace, shares=[a_share(**by("sas"))]))
    command = (
        'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT"; echo smb > smb/by-smb; cat logs/by-smb; rm smb/by-smb'
    )
    mount = unmanaged(
        f"sudo mount -t cifs -o vers=3.0,rw //{SMB_SERVER}/logs", "smb", **by("login")
    )
    scene.submit(with_unmanaged(a_job("smb", namespace, command), mount))
    scene.submit(with_unmanaged(a_job("smb-static", namespace, command, **STATIC), mount))
    for name, share, secret in (
        ("smb-login", "logs", "wrong-login"),
        ("smb-share", "none", "login"),
    ):
        wrong = unmanaged(f"mount -t cifs //{SMB_SERVER}/{share}", "smb", **by(secret))
        scene.submit(with_unmanaged(a_job(name, namespace), wrong))
    nowhere = unmanaged("mount -t nfs -o soft,timeo=10,retry=0 127.0.0.1:/none", "nfs")
    scene.submit(with_unmanaged(a_job("nfs-nowhere", namespace), nowhere))
    cluster = a_cluster("mounted", namespace)
    cluster["spec"]["nodeSetup"] = {
        "mountVolumes": {
            "azureFileShares": [a_share(path="same")],
            "azureBlobFileSystems": [a_container("data", "box")],
        }
    }
    scene.submit(cluster)
    for name, more in (("levels", {}), ("levels-static", STATIC)):
        command = (
            f'cd "$AZ_BATCHAI_MOUNT_ROOT"; echo {name} > same/{name}; '
            f'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT"; cat same/{name} again/{name}; '
            f'cd "$AZ_BATCHAI_MOUNT_ROOT"; rm same/{name}; '
            'stat -c %d same "$AZ_BATCHAI_JOB_MOUNT_ROOT/same" | sort -u | wc -l'
        )
        shares = [a_share(path="same"), a_share(path="again")]
        job = a_job(name, namespace, command, cluster="mounted", shares=shares, **more)
        job["spec"]["stdOutErrPathPrefix"] = "$AZ_BATCHAI_JOB_MOUNT_ROOT/same"
        scene.submit(job)


def a_static(name: str, namespace: str, command: str) -> Raw:
    """Return a job with a share and a container by claims, besides its logs."""
    shares = [a_share(), a_share(path="static", directoryMode="0755")]
    return a_job(
        name, namespace, command, shares=shares, containers=[a_container("data", "box")], **STATIC
    )


def test_jobs_share_claims_until_the_last_has_gone(scene: Scene) -> None:
    api, namespace = scene.api, scene.namespace
    # The folder is the share `logs` itself; what `first` wrote is there for the second.
    scene.succeed("first", 180)
    claims = {claim["field"]: claim["claimName"] for claim in scene.status("first")["volumeClaims"]}
    assert set(claims) == {
        "mountVolumes.azureFileShares[0]",
        "mountVolumes.azureFileShares[1]",
        "mountVolumes.azureBlobFileSystems[0]",
    }
    mine = [v for v in volumes_of(api, namespace) if v["metadata"]["name"] in claims.values()]
    assert len(mine) == 3
    for volume in mine:
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
        assert volume["spec"]["csi"]["nodeStageSecretRef"] == {
            "name": SECRET,
            "namespace": namespace,
        }
        assert volume["status"]["phase"] == "Bound"
    command = 'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT"; cat static/a box/a; rm static/a box/a'
    scene.submit(a_static("second", namespace, command))
    scene.succeed("second", 180)
    assert scene.text("second", "stdout.txt") == "one\ntwo\n"
    uids = {v["metadata"]["uid"] for v in volumes_of(api, namespace)}
    assert {v["metadata"]["uid"] for v in mine} <= uids
    api.delete("batchaijobs", "first", namespace)
    wait_until(lambda: api.find("batchaijobs", "first", namespace) is None, 60, "first to be gone")
    # Something has to be waited for, and the operator works in order: this job came after.
    scene.submit(a_job("after", namespace))
    scene.succeed("after", 120)
    assert set(claims.values()) <= set(claims_of(api, namespace))
    with without_chart_operator(api):
        assert not operator_pods(api)
        api.delete("batchaijobs", "second", namespace)
        wait_until(lambda: api.find("batchaijobs", "second", namespace) is None, 60, "second to go")
        assert set(claims.values()) <= set(claims_of(api, namespace))
    # `smb-static` and `levels-static` mount the share as well, by claims of their own or shared.
    kept = {c["claimName"] for n in ("smb-static", "levels-static") for c in named(scene, n)}
    gone = set(claims.values()) - kept
    assert gone
    wait_until(
        lambda: not gone & set(claims_of(api, namespace)),
        180,
        "the claims to be gone",
        lambda: str(api.list("persistentvolumeclaims", namespace)),
    )
    wait_until(
        lambda: not gone & {v["metadata"]["name"] for v in volumes_of(api, namespace)},
        120,
        "the PersistentVolumes to be gone",
        lambda: str(volumes_of(api, namespace)),
    )


def named(scene: Scene, name: str) -> list[Raw]:
    """Return the claims in a job's status."""
    found: list[Raw] = scene.status(name).get("volumeClaims") or []
    return found


def test_a_sas_token_mounts_a_container(scene: Scene) -> None:
    scene.succeed("sas", 180)
    assert scene.text("sas", "stdout.txt") == "token\n"


@pytest.mark.parametrize("name", ["expired", "wrong-sas"])
def test_a_token_that_is_refused_is_told(scene: Scene, name: str) -> None:
    info = scene.fail(name, "BFSMountError", 180)
    assert "or has expired" in str(info)
    assert "sig=" not in str(scene.job(name))


def test_a_share_has_no_tokens(scene: Scene) -> None:
    info = scene.fail("sas-share", "AZFMountError", 120)
    assert "SMB cannot log in" in str(info)


@pytest.mark.parametrize("name", ["smb", "smb-static"])
def test_an_smb_server(scene: Scene, name: str) -> None:
    scene.succeed(name, 180)
    assert scene.text(name, "stdout.txt") == "smb\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smb-login", "refuses the user name and password in the Secret"),
        ("smb-share", "has no such share or folder"),
    ],
)
def test_an_smb_server_that_refuses(scene: Scene, name: str, words: str) -> None:
    info = scene.fail(name, "UnmanagedMountError", 180)
    assert words in str(info)
    assert "unmanagedFileSystems[0]" in str(info)


@pytest.mark.parametrize("name", ["levels", "levels-static"])
def test_one_path_at_both_levels_and_a_volume_twice(scene: Scene, name: str) -> None:
    scene.succeed(name, 180)
    # Equal volumes are one mount, so all of them are one device.
    assert scene.text(name, "stdout.txt") == f"{name}\n{name}\n1\n"
    (pod,) = scene.pods(name)
    shares = [v for v in pod["spec"]["volumes"] if "csi" in v or "persistentVolumeClaim" in v]
    assert len(shares) == 2, "the share and the container"


def test_an_nfs_server_that_is_not_there_is_named(scene: Scene) -> None:
    info = scene.fail("nfs-nowhere", "NFSMountError", 300)
    assert "127.0.0.1:/none" in str(info)
    assert "unmanagedFileSystems[0]" in str(info)


@pytest.fixture(scope="module")
def nfs_server(api: Api, scene: Scene) -> Iterator[str]:
    """A server of one export, `/data`; its address."""
    run_tool("image", "ensure", "fileserver")
    image = run_tool("image", "ref", "fileserver").strip()
    container = {
        "name": "nfs",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "volumeMounts": [{"name": "data", "mountPath": "/export"}],
        # It opens files by their handles.
        "securityContext": {"capabilities": {"add": ["DAC_READ_SEARCH"]}},
        "readinessProbe": {"tcpSocket": {"port": 2049}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]}
    metadata = {"name": "nfs", "namespace": scene.namespace}
    api.create("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def address() -> str | None:
        pod = api.get("pods", "nfs", scene.namespace)
        states = pod["status"].get("containerStatuses", ())
        return str(pod["status"]["podIP"]) if any(state["ready"] for state in states) else None

    found = wait_until(
        address, 180, "the NFS server", lambda: api.logs("nfs", scene.namespace, "nfs").decode()
    )
    assert found is not None
    yield found
    api.delete("pods", "nfs", scene.namespace)


def test_an_nfs_server(scene: Scene, nfs_server: str, tell: Callable[[object], None]) -> None:
    tell(f"\nNFS server at {nfs_server}")
    command = (
        'cd "$AZ_BATCHAI_JOB_MOUNT_ROOT"; mkdir -p nfs/team; echo nfs > nfs/team/a; '
        "cat again/team/a"
    )
    mounts = (
        unmanaged(f"mount -t nfs -o rw {nfs_server}:/data", "nfs"),
        unmanaged(f"mount.nfs {nfs_server}:/data/ $AZ_BATCHAI_MOUNT_ROOT/again", "again"),
    )
    scene.submit(with_unmanaged(a_job("nfs", scene.namespace, command), *mounts))
    scene.succeed("nfs", 240)
    assert scene.text("nfs", "stdout.txt") == "nfs\n"
    (pod,) = scene.pods("nfs")
    claimed = [v for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v]
    assert len(claimed) == 1
    missing = unmanaged(f"mount -t nfs {nfs_server}:/nothing", "nfs")
    scene.submit(with_unmanaged(a_job("nfs-missing", scene.namespace), missing))
    # Servers differ in what they say of a path that they do not export.
    told = str(scene.fail("nfs-missing", "NFSMountError", 240))
    assert "exports no such directory" in told or "does not let the Kubernetes nodes" in told
    assert LOGS in scene.job("nfs")["spec"]["stdOutErrPathPrefix"]
    # The server must outlive the mounts of it.
    scene.api.delete("batchaijobs", "nfs", scene.namespace)
    scene.until(
        lambda: (
            not [v for v in volumes_of(scene.api, scene.namespace) if "nfs.csi" in str(v)]
            or not scene.pods("nfs")
        ),
        120,
        "the mounts to be gone",
    )
