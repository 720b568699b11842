"""The flags of `cluster create` one by one, as the old command line read them (spec 6.2, 6.3)."""

import copy
import json

import pytest

from .objects import cluster

NODES = "-s STANDARD_NC6 -t 1"
GROUP = "/subscriptions/s/resourceGroups"
PROVIDER = "providers/Microsoft.BatchAI/workspaces/w"
SUBNET = f"{GROUP}/net/providers/Microsoft.Network/virtualNetworks/v/subnets/d"
IMAGE = f"{GROUP}/img/providers/Microsoft.Compute/images/mine"
PLACE = {
    "accountName": "acct",
    "azureFileUrl": "https://acct.file.core.windows.net/batchaishare",
    "containerName": "batchaicontainer",
    "secretName": "nc6-autostorage-0",
}


@pytest.fixture
def create(kube, batchai):
    """Creates cluster nc6 and returns its spec and what was told."""

    def created(flags):
        done = batchai(f"cluster create -n nc6 {NODES} {flags}")
        assert done.exit_code == 0, done.stderr
        return kube.only("batchaiclusters")["spec"], done.stderr

    return created


@pytest.fixture
def refusal(kube, batchai):
    """What is said to flags that cannot be; nothing may have been sent."""

    def refused(flags):
        done = batchai(f"cluster create -n nc6 {flags}")
        assert done.exit_code == 1
        assert kube.writes == []
        return done.stderr

    return refused


def volumes(spec):
    return spec["nodeSetup"]["mountVolumes"]


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("True", "Ready", ""),
        ("False", "NotConfigured", "No job can start yet: Ask somebody."),
        ("False", "Preparing", "No job can start yet: Ask somebody."),
        ("", "", "no operator has looked at it yet"),
    ],
)
def test_auto_storage_is_a_wish_for_the_operator(create, kube, status, reason, told):
    condition = {"type": "AutoStorageReady", "status": status, "reason": reason}
    condition["message"] = "Ask somebody."

    def operator(thing):
        if thing["kind"] == "BatchAICluster" and status:
            thing["status"] = {"conditions": [condition]}

    kube.on_get = operator
    spec, said = create("--use-auto-storage")
    assert spec["autoStorage"] is True
    assert "nodeSetup" not in spec
    assert told in said if told else said == ""
    assert kube.names("secrets") == []


def test_auto_storage_combines_with_other_mounts(create):
    account = "--storage-account-name acct"
    spec, _ = create(f"--use-auto-storage {account} --afs-name logs --bfs-name data --nfs server")
    assert spec["autoStorage"] is True
    assert volumes(spec) == {
        "azureFileShares": [
            {
                "accountName": "acct",
                "azureFileUrl": "https://acct.file.core.windows.net/logs",
                "relativeMountPath": "afs",
            }
        ],
        "azureBlobFileSystems": [
            {"accountName": "acct", "containerName": "data", "relativeMountPath": "bfs"}
        ],
        "fileServers": [
            {
                "fileServer": {"id": "server"},
                "relativeMountPath": "nfs",
                "mountOptions": "rw",
            }
        ],
    }


def test_auto_storage_keeps_its_paths_for_itself(refusal):
    flags = "--use-auto-storage --storage-account-name acct --afs-name logs"
    said = refusal(f"{NODES} {flags} --afs-mount-path autoafs")
    assert "autoStorage mounts its share at autoafs" in said


def test_mounts_by_flags_join_those_of_the_file(create, write):
    share = {"azureFileUrl": "https://one.file.core.windows.net/aaa", "relativeMountPath": "a"}
    path = write({"properties": {"nodeSetup": {"mountVolumes": {"azureFileShares": [share]}}}})
    flags = "--storage-account-name two --afs-name bbb --afs-mount-path b/c"
    spec, _ = create(f"-f {path} {flags}")
    accounts = [each["accountName"] for each in volumes(spec)["azureFileShares"]]
    assert accounts == ["one", "two"]
    assert volumes(spec)["azureFileShares"][1]["relativeMountPath"] == "b/c"


@pytest.mark.parametrize(
    ("file_server", "found"),
    [
        ("server", "server"),
        (f"{GROUP}/team/{PROVIDER}/fileServers/server", None),
        (f"{GROUP}/TEAM/{PROVIDER}/fileServers/server", None),
    ],
)
def test_a_file_server_has_a_name_or_a_resource_id(create, file_server, found):
    spec, _ = create(f"--nfs {file_server} --nfs-mount-path data")
    (mount,) = volumes(spec)["fileServers"]
    assert mount["fileServer"]["id"] == (found or file_server)
    assert mount["relativeMountPath"] == "data"


def test_a_file_server_of_another_resource_group_is_refused(refusal):
    said = refusal(f"{NODES} --nfs {GROUP}/elsewhere/{PROVIDER}/fileServers/server")
    assert "resource group elsewhere" in said


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (f"{NODES} --afs-name logs", "Please configure Azure Storage account name"),
        (f"{NODES} --bfs-name data", "AZURE_BATCHAI_STORAGE_ACCOUNT"),
        (f"{NODES} --custom-image {IMAGE}", "You need to specify --image argument"),
        (f"{NODES} -i UbuntuLTS --custom-image mine", "Ill-formed custom image resource id"),
        (f"{NODES} -i a:b", "--image must have format"),
        (f"{NODES} -i a:b:c", "--image must have format"),
        (f"{NODES} -i :b:c:", "Image publisher must be provided in --image argument"),
        (f"{NODES} -i a:b::d", "Image sku must be provided in --image argument"),
        (f"{NODES} --subnet mine", "Ill-formed subnet resource id"),
        (f"{NODES} --setup-task true", "--setup-task requires providing of --setup-task-output"),
        ("-s STANDARD_NC6 --min 1", "You need to either provide both min and max node counts"),
        ("-s STANDARD_NC6 -t 1 --max 1", "You need to either provide both min and max node counts"),
        ("-s STANDARD_NC6 --min 2 --max 1", "Maximum nodes count must be greater or equal"),
        (f"{NODES} --storage-account-name My_Acct --afs-name x", "storage account: 3 to 24"),
    ],
)
def test_what_cannot_be_is_refused_in_the_services_words(refusal, flags, complaint):
    assert complaint in refusal(flags)


@pytest.mark.parametrize(("flag", "path"), [("--afs-name", "--afs-mount-path"),
                                            ("--bfs-name", "--bfs-mount-path"),
                                            ("--nfs", "--nfs-mount-path")])  # fmt: skip
def test_a_mount_path_may_not_be_empty(refusal, flag, path):
    said = refusal(f"{NODES} --storage-account-name acct {flag} x {path}=")
    assert "relative mount path cannot be empty" in said


def test_a_custom_image_stands_beside_its_base(create):
    spec, told = create(f"-i ubuntults --custom-image {IMAGE}")
    reference = spec["virtualMachineConfiguration"]["imageReference"]
    assert reference["virtualMachineImageId"] == IMAGE
    assert (reference["offer"], reference["sku"]) == ("UbuntuServer", "16.04-LTS")
    assert "--custom-image has no meaning here" in told


def test_the_last_part_of_an_image_may_be_empty(create):
    spec, _ = create("-i Canonical:UbuntuServer:16.04-LTS:")
    assert "version" not in spec["virtualMachineConfiguration"]["imageReference"]


def test_a_subnet_is_kept_and_said_to_have_no_meaning(create):
    spec, told = create(f"--subnet {SUBNET}")
    assert spec["subnet"] == {"id": SUBNET}
    assert "--subnet has no meaning here" in told


def test_a_setup_task_takes_the_place_of_the_files(create, write):
    old = {
        "commandLine": "old",
        "stdOutErrPathPrefix": "/var/log",
        "environmentVariables": [{"name": "A", "value": "b"}],
    }
    path = write({"properties": {"nodeSetup": {"setupTask": old}}})
    output = "$AZ_BATCHAI_MOUNT_ROOT/autoafs"
    spec, _ = create(f"-f {path} --setup-task hostname --setup-task-output {output}")
    assert spec["nodeSetup"] == {
        "setupTask": {"commandLine": "hostname", "stdOutErrPathPrefix": output}
    }


def test_names_that_no_object_can_have(kube, batchai):
    flags = "-n My_Cluster -s STANDARD_NC6 -t 1"
    assert batchai(f"cluster create {flags}").exit_code == 0
    stored = kube.only("batchaiclusters")
    assert stored["spec"]["name"] == "My_Cluster"
    assert stored["metadata"]["name"].startswith("my-cluster-")
    assert json.loads(batchai("cluster show -n My_Cluster").stdout)["name"] == "My_Cluster"
    again = batchai(f"cluster create {flags}")
    assert (again.exit_code, '"My_Cluster" already exists in "team"' in again.stderr) == (1, True)
    assert batchai("cluster resize -n My_Cluster -t 3").exit_code == 0
    assert batchai("cluster delete -n My_Cluster -y").exit_code == 0
    assert kube.names("batchaiclusters") == []


def test_a_cluster_made_by_kubectl_is_found_by_its_own_name_only(kube, batchai):
    thing = cluster("mine")
    thing["spec"]["name"] = "Other"
    kube.add("batchaiclusters", thing)
    assert batchai("cluster show -n Other").exit_code == 0
    assert batchai("cluster show -n mine").exit_code == 3


def test_show_tells_where_auto_storage_is_and_can_be_created_again(kube, batchai, write):
    thing = cluster()
    own = {"claimName": "mine", "relativeMountPath": "own"}
    thing["spec"] |= {
        "autoStorage": True,
        "nodeSetup": {"mountVolumes": {"persistentVolumeClaims": [own]}},
    }
    thing["status"]["autoStorage"] = PLACE
    kube.add("batchaiclusters", copy.deepcopy(thing))
    # The service's own guide asks for the account like this.
    query = "nodeSetup.mountVolumes.azureFileShares[0].accountName"
    assert json.loads(batchai(f"cluster show -n nc6 --query {query}").stdout) == "acct"
    shown = json.loads(batchai("cluster show -n nc6").stdout)
    paths = {
        volume["relativeMountPath"]
        for kind in shown["nodeSetup"]["mountVolumes"].values()
        for volume in kind
    }
    assert paths == {"own", "autoafs", "autobfs"}
    path = write(shown)
    kube.objects.clear()
    done = batchai(f"cluster create -n nc6 -f {path}")
    assert done.exit_code == 0, done.stderr
    spec = kube.only("batchaiclusters")["spec"]
    assert spec["autoStorage"] is True
    assert volumes(spec) == {"persistentVolumeClaims": [own]}
    assert kube.names("secrets") == []
