"""PersistentVolumes on the storage drivers, by hand-written Pods: the other mode of the drivers."""

from collections.abc import Callable

import pytest

from batchai_devcluster import provider
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.paths import Paths
from support.api import Api
from support.kubectl import Kubectl
from support.shell_pods import CONTAINER, SECRET, SHARE, a_pod, events_of
from support.waiting import wait_until

pytestmark = pytest.mark.cluster

STATIC = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteMany]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  claimRef: {{namespace: {namespace}, name: {kind}}}
  mountOptions: [{options}]
  csi:
    driver: {driver}
    volumeHandle: {name}
    volumeAttributes: {{{attribute}}}
    nodeStageSecretRef: {{name: {secret}, namespace: {namespace}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {kind}, namespace: {namespace}}}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: ""
  volumeName: {name}
  resources: {{requests: {{storage: 1Gi}}}}
"""


def test_static_volumes(
    api: Api, kubectl: Kubectl, paths: Paths, storage: str, make_namespace: Callable[..., str]
) -> None:
    """A PersistentVolume is staged with the Secret it names, and its options are free."""
    place = make_namespace("static")
    cluster = provider.choose(paths)
    shell = Images(paths, with_docker=cluster.name == "kind").ensure("node", cluster)
    volumes = {}
    for kind, driver, options, attribute in (
        ("share", SHARE, "dir_mode=0755, file_mode=0604", "shareName: logs"),
        ("blob", CONTAINER, "-o allow_other, --use-https=false", "containerName: data"),
    ):
        text = STATIC.format(
            name=f"bai_{place}_{kind}".replace("_", "-"),
            namespace=place,
            kind=kind,
            driver=driver,
            options=options,
            attribute=attribute,
            secret=SECRET,
        )
        kubectl.run("apply", "--filename=-", stdin=text.encode())
        volumes[kind] = {"persistentVolumeClaim": {"claimName": kind}}
    command = (
        "for d in /share /blob; do echo hello > $d/static; cat $d/static; done;"
        " stat -c %a /share/static; rm /share/static /blob/static"
    )
    api.create("pods", a_pod("static", place, shell, command, volumes))
    try:
        wait_until(
            lambda: api.get("pods", "static", place)["status"]["phase"] in ("Succeeded", "Failed"),
            120,
            "the Pod to end",
            lambda: events_of(api, place, "static"),
        )
        assert api.logs("static", place, "shell").decode() == "hello\nhello\n604\n"
    finally:
        api.delete("pods", "static", place)
        wait_until(lambda: api.find("pods", "static", place) is None, 60, "the Pod to be gone")
        for kind in volumes:
            kubectl.run("delete", "pvc", kind, f"--namespace={place}", "--wait=false")
            kubectl.run("delete", "pv", f"bai-{place}-{kind}", "--wait=false")
