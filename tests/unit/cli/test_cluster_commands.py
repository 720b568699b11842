"""`cluster …`: objects from files and flags, the table of scale settings, output."""

import json

import pytest

from batchai_operator.cli.documents.clusterfile import ClusterFlags, scale_from_flags
from batchai_operator.errors import InvalidSpecError

from .objects import cluster

RECIPE = "-n nc6 -g team -w w -s Standard_NC6 -t 2 --generate-ssh-keys"


def manual(count):
    return {"manual": {"targetNodeCount": count}}


def auto(minimum, maximum, initial):
    return {
        "autoScale": {
            "minimumNodeCount": minimum,
            "maximumNodeCount": maximum,
            "initialNodeCount": initial,
        }
    }


@pytest.mark.parametrize(
    ("target", "minimum", "maximum", "expected"),
    [
        (None, None, None, None),
        (None, 0, 0, None),
        (0, 0, 0, auto(0, 0, 0)),
        (0, None, None, manual(0)),
        (3, None, None, manual(3)),
        (None, 2, 2, manual(2)),
        (1, 2, 2, auto(2, 2, 1)),
        (None, 0, 4, auto(0, 4, 0)),
        (3, 0, 4, auto(0, 4, 3)),
    ],
)
def test_scale_settings_from_flags(target, minimum, maximum, expected):
    flags = ClusterFlags(target=target, minimum=minimum, maximum=maximum)
    assert scale_from_flags(flags) == expected


@pytest.mark.parametrize(("minimum", "maximum"), [(1, None), (None, 1), (2, 1)])
def test_scale_settings_that_contradict_themselves(minimum, maximum):
    with pytest.raises(InvalidSpecError):
        scale_from_flags(ClusterFlags(target=1, minimum=minimum, maximum=maximum))


def test_the_recipes_own_command_makes_a_cluster(kube, batchai):
    done = batchai(f"cluster create {RECIPE}")
    assert done.exit_code == 0
    assert "no administrator's account" in done.stderr
    assert kube.only("batchaiclusters")["spec"] == {
        "name": "nc6",
        "workspace": "w",
        "vmSize": "Standard_NC6",
        "scaleSettings": manual(2),
    }
    again = batchai(f"cluster create {RECIPE}")
    assert (again.exit_code, "already exists" in again.stderr) == (1, True)


def test_a_new_cluster_is_shown_with_its_states(kube, batchai):
    looks = []

    def operator(thing):
        if thing.get("kind") == "BatchAICluster":
            looks.append(thing)
            if len(looks) == 3:
                thing["status"] = {"allocationState": "steady", "nodeStateCounts": {}}

    kube.on_get = operator
    shown = json.loads(batchai(f"cluster create {RECIPE}").stdout)
    assert (shown["allocationState"], shown["nodeStateCounts"]) == ("steady", {})


def test_flags_win_over_the_file_and_keys_leave_it(kube, batchai, write):
    share = {
        "azureFileUrl": "https://acct.file.core.windows.net/logs",
        "relativeMountPath": "logs",
        "credentials": {"accountKey": "c2VjcmV0"},
    }
    properties = {
        "vmSize": "STANDARD_D1",
        "scaleSettings": manual(1),
        "userAccountSettings": {"adminUserName": "me", "adminUserPassword": "hush"},
        "nodeSetup": {"mountVolumes": {"azureFileShares": [share]}},
    }
    path = write({"properties": properties})
    done = batchai(f"cluster create -n nc6 -f {path} --min 0 --max 2 -i UbuntuLTS")
    assert done.exit_code == 0
    stored = kube.only("batchaiclusters")["spec"]
    assert stored["scaleSettings"] == auto(0, 2, 0)
    image = stored["virtualMachineConfiguration"]["imageReference"]
    assert (image["publisher"], image["sku"]) == ("Canonical", "16.04-LTS")
    assert kube.names("secrets") == ["azure-storage-account-acct-secret"]
    told = done.output + json.dumps(stored)
    assert "c2VjcmV0" not in told
    assert "hush" not in told


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [
        ("-n nc6 -t 1", 1, "Please provide VM size"),
        ("-n nc6 -s STANDARD_NC6", 1, "Please provide scale setting"),
        ("-n nc6 -s STANDARD_NC6 --min 0 --max 0", 1, "Please provide scale setting"),
        ("-n My.Cluster -s STANDARD_NC6 -t 1", 2, "is not a name"),
        ("-n nc6 -w no/where -s STANDARD_NC6 -t 1", 2, "is not a name"),
        ("-n nc6 -s STANDARD_NC6 -t 1 -i Ubuntu", 1, "Unsupported image alias"),
    ],
)
def test_what_cannot_be_is_refused(kube, batchai, flags, code, complaint):
    done = batchai(f"cluster create {flags}")
    assert (done.exit_code, complaint in done.stderr) == (code, True), done.stderr
    assert kube.writes == []


def test_show_and_list(kube, batchai, golden):
    kube.add("batchaiclusters", cluster())
    golden("cluster.json", batchai("cluster show -n nc6 -w w").stdout)
    golden("clusters.txt", batchai("cluster list -w w -o table").stdout)
    assert batchai("cluster show -n nope").exit_code == 3


def test_scaling_leaves_exactly_one_kind(kube, batchai):
    thing = kube.add("batchaiclusters", cluster())
    assert batchai("cluster auto-scale -n nc6 --min 0 --max 3").exit_code == 0
    assert thing["spec"]["scaleSettings"] == {
        "autoScale": {"minimumNodeCount": 0, "maximumNodeCount": 3}
    }
    assert batchai("cluster resize -n nc6 -t 4").exit_code == 0
    assert thing["spec"]["scaleSettings"] == manual(4)


def test_delete(kube, batchai):
    kube.add("batchaiclusters", cluster())
    assert batchai("cluster delete -n nc6", typed="n\n").exit_code == 1
    assert batchai("cluster delete -n nc6 -y").exit_code == 0
    assert kube.names("batchaiclusters") == []
