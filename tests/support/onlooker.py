"""A third Pod that looks at the storage: what it reads is what really arrived there.

It mounts a share and a container by the same CSI drivers as a job, but nothing else in it is ours:
a shell, sha256sum and find.
"""

from collections.abc import Sequence

from support.api import Api, Raw
from support.explaining import explain
from support.kubectl import Kubectl
from support.objects import ACCOUNT
from support.waiting import wait_until

NAME = "onlooker"
SECRET = f"azure-storage-account-{ACCOUNT}-secret"


class Onlooker:
    """One Pod in one namespace: the share `logs` at /share, the container `data` at /container.

    Further shares are at /NAME.
    """

    def __init__(
        self,
        api: Api,
        kubectl: Kubectl,
        namespace: str,
        image: str,
        endpoint: str,
        *,
        shares: Sequence[str] = (),
    ) -> None:
        self._api, self._kubectl, self._namespace = api, kubectl, namespace
        pod = _pod(namespace, image, endpoint.replace("{account}", ACCOUNT))
        for name in shares:
            pod["spec"]["volumes"].append(_share(name, name))
            mounts = pod["spec"]["containers"][0]["volumeMounts"]
            mounts.append({"name": name, "mountPath": f"/{name}"})
        api.create("pods", pod)

    def run(self, *command: str) -> bytes:
        """Run a command, which must succeed, and return its standard output."""
        wait_until(self._is_ready, 90, "the onlooker", lambda: explain(self._api, self._namespace))
        return self._kubectl.exec(self._namespace, NAME, *command)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder of the share, sorted."""
        return sorted(self.run("ls", "-A", f"/share/{folder}").decode().split())

    def tree(self, folder: str) -> list[str]:
        """Return all files below a folder of the share, as sorted relative paths."""
        found = self.run("find", f"/share/{folder}", "-type", "f", "-printf", "%P\n")
        return sorted(found.decode().splitlines())

    def read(self, file: str) -> bytes:
        """Return a file's bytes."""
        return self.run("cat", f"/share/{file}")

    def sha256(self, file: str) -> str:
        """Return a file's hash."""
        return self.run("sha256sum", f"/share/{file}").decode().split()[0]

    def size(self, file: str) -> int:
        """Return a file's size in bytes."""
        return int(self.run("stat", "-c", "%s", f"/share/{file}"))

    def remove(self, folder: str) -> None:
        """Remove a folder of the share, so that big test files do not pile up."""
        self.run("rm", "-rf", f"/share/{folder}")

    def _is_ready(self) -> bool:
        pod = self._api.get("pods", NAME, self._namespace)
        return any(each["ready"] for each in pod["status"].get("containerStatuses", ()))


def _share(name: str, share: str) -> Raw:
    attributes = {"shareName": share, "secretName": SECRET}
    return {
        "name": name,
        "csi": {"driver": "file.csi.azure.com", "volumeAttributes": attributes},
    }


def _pod(namespace: str, image: str, endpoint: str) -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "shell",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "infinity"],
                    "volumeMounts": [
                        {"name": "share", "mountPath": "/share"},
                        {"name": "container", "mountPath": "/container"},
                    ],
                }
            ],
            "volumes": [
                _share("share", "logs"),
                {
                    "name": "container",
                    "csi": {
                        "driver": "blob.csi.azure.com",
                        "volumeAttributes": {
                            "containerName": "data",
                            "secretName": SECRET,
                            "protocol": "fuse2",
                            "mountOptions": "-o allow_other",
                            **({"server": endpoint} if endpoint else {}),
                        },
                    },
                },
            ],
        },
    }
