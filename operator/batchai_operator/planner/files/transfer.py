"""Makes the Pod through which people copy files to and from a volume (design 5).

Called by the command line with the rights of its user, like reader.py. It mounts one volume as a
job would, runs the launcher alone, as nobody in particular, so that it may run in any namespace
whose jobs may, and ends by itself when nobody has talked to it for two minutes.
"""

from typing import Any

from batchai_operator import names
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.facts import Object
from batchai_operator.planner.pods import identity
from batchai_operator.planner.volumes.forms import Place
from batchai_operator.planner.volumes.mounting import plan_volumes
from batchai_operator.settings import Settings

PLACE = "/place"
"""Where the volume is mounted; the launcher serves that folder."""

DEADLINE_SECONDS = 86_400
"""Longest life of a Pod; whoever copies longer makes another and goes on where it was."""

_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}}


def transfer_pod(volume: dict[str, Any], namespace: str, settings: Settings) -> Object:
    """Return a Pod that mounts a volume for copying.

    Args:
        volume: a `mountVolumes` section with one volume, without `relativeMountPath`.
        namespace: where the volume's Secret or claim is.
        settings: launcher image and blob endpoint.

    Returns:
        A Pod with `generateName`, so that several people can copy at a time.

    Raises:
        InvalidSpecError: the volume cannot be mounted; names the field.
        pydantic.ValidationError: the volume makes no sense.
    """
    spec = _spec(volume)
    volumes = plan_volumes(spec, None, "", settings, Place(namespace))
    (mount,) = volumes.mounts
    context = identity.pod_security(spec)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "batchai-transfer-",
            "namespace": namespace,
            "labels": {
                names.MANAGED_BY_LABEL: names.FIELD_MANAGER,
                names.COMPONENT_LABEL: names.TRANSFER_COMPONENT,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "terminationGracePeriodSeconds": 5,
            **({"securityContext": context} if context else {}),
            "containers": [
                {
                    "name": names.SIDECAR_CONTAINER,
                    "image": settings.launcher_image,
                    "imagePullPolicy": settings.image_pull_policy,
                    "command": ["/launcher", "transfer", "wait"],
                    "resources": _RESOURCES,
                    "securityContext": identity.sidecar_security(spec),
                    "volumeMounts": [{"name": mount.volume, "mountPath": PLACE}],
                }
            ],
            "volumes": list(volumes.entries),
        },
    }


def _spec(volume: dict[str, Any]) -> JobSpec:
    """Return a job that would mount the volume, because that is what volumes are planned for."""
    section = {
        kind: [{**entry, "relativeMountPath": "place"} for entry in entries]
        for kind, entries in volume.items()
    }
    somebody = {
        "runAsNonRoot": True,
        "runAsUser": identity.SOMEBODY,
        "runAsGroup": identity.SOMEBODY,
    }
    if "persistentVolumeClaims" in volume:
        # Drivers of claims give files to a group where the Pod asks for it; shares show any owner.
        somebody["fsGroup"] = identity.SOMEBODY
    return JobSpec.model_validate(
        {
            "cluster": {"id": "none"},
            "nodeCount": 1,
            "stdOutErrPathPrefix": PLACE,
            "customToolkitSettings": {"commandLine": "true"},
            "mountVolumes": section,
            "kubernetes": {"securityContext": somebody},
        }
    )
