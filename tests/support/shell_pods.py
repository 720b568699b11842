"""Hand-written Pods that run a shell line with volumes of the storage drivers.

Used by the tests of the drivers; nothing here knows what the operator would write.
"""

from support.api import Api, Raw

SECRET = "azure-storage-account-batchaidev-secret"
SHARE, CONTAINER = "file.csi.azure.com", "blob.csi.azure.com"


def share(**attributes: str) -> Raw:
    """Return an inline volume of the share `logs`, except for the attributes given."""
    return inline(SHARE, {"shareName": "logs", "secretName": SECRET, **attributes})


def container(**attributes: str) -> Raw:
    """Return an inline volume of the container `data`, except for the attributes given."""
    return inline(CONTAINER, {"containerName": "data", "secretName": SECRET, **attributes})


def inline(driver: str, attributes: dict[str, str]) -> Raw:
    """Return an inline volume; an empty value takes an attribute away."""
    kept = {name: value for name, value in attributes.items() if value}
    return {"csi": {"driver": driver, "volumeAttributes": kept}}


def a_pod(
    name: str,
    namespace: str,
    image: str,
    command: str,
    volumes: dict[str, Raw],
    *,
    security: Raw | None = None,
) -> Raw:
    """Return a Pod that runs a shell line with volumes at /NAME."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": security or {},
            "containers": [
                {
                    "name": "shell",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", command],
                    "volumeMounts": [{"name": key, "mountPath": f"/{key}"} for key in volumes],
                }
            ],
            "volumes": [{"name": key, **volume} for key, volume in volumes.items()],
        },
    }


def events_of(api: Api, namespace: str, pod: str) -> str:
    """Return the messages of a Pod's FailedMount events."""
    fields = f"involvedObject.name={pod},reason=FailedMount"
    return "\n".join(event["message"] for event in api.list("events", namespace, fields=fields))
