"""The Pod through which people copy files to and from a volume."""

import pytest
from pydantic import ValidationError

from batchai_operator.planner.files.transfer import PLACE, transfer_pod
from support.planning import SETTINGS

SHARE = {"azureFileShares": [{"azureFileUrl": "https://acc.file.core.windows.net/logs"}]}
CONTAINER = {"azureBlobFileSystems": [{"accountName": "acc", "containerName": "data"}]}
CLAIM = {"persistentVolumeClaims": [{"claimName": "mine"}]}


@pytest.mark.parametrize("volume", [SHARE, CONTAINER, CLAIM])
def test_one_volume_to_write_and_nothing_else(volume):
    pod = transfer_pod(volume, "team", SETTINGS)
    (entry,) = pod["spec"]["volumes"]
    (container,) = pod["spec"]["containers"]
    assert container["volumeMounts"] == [{"name": entry["name"], "mountPath": PLACE}]
    assert container["command"] == ["/launcher", "transfer", "wait"]
    assert container["image"] == SETTINGS.launcher_image
    assert "env" not in container
    assert pod["metadata"]["namespace"] == "team"
    assert "ownerReferences" not in pod["metadata"]


@pytest.mark.parametrize("volume", [SHARE, CONTAINER, CLAIM])
def test_it_may_run_where_pod_security_is_restricted(volume):
    pod = transfer_pod(volume, "team", SETTINGS)
    security = pod["spec"]["containers"][0]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] != 0
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_share_and_a_container_show_their_files_as_its_own():
    for volume in (SHARE, CONTAINER):
        pod = transfer_pod(volume, "team", SETTINGS)
        options = pod["spec"]["volumes"][0]["csi"]["volumeAttributes"]["mountOptions"]
        assert "uid=65532" in options
    assert transfer_pod(CLAIM, "team", SETTINGS)["spec"]["securityContext"]["fsGroup"] == 65532


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ValidationError, match="name of a blob container"):
        transfer_pod(
            {"azureBlobFileSystems": [{"accountName": "acc", "containerName": "../x"}]},
            "team",
            SETTINGS,
        )
