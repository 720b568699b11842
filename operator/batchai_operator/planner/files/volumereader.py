"""Makes the Pod that reads a folder of a volume by its path, without any job (design 5).

Called by the engine's volumefiles.py with the rights of its user. The volume is one of a cluster,
or one described as in a job file; it is mounted read-only with a Secret of the user's own
namespace, so nobody reaches more than by creating a job. The folder is named by its path on the
volume, with or without the mount root before it.

Decision where the spec is silent: `files` may not leave the folder that was named.
"""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.facts import Object
from batchai_operator.planner.files.blobplaces import BlobPlace, folder_place
from batchai_operator.planner.files.reader import DEADLINE_SECONDS, READER_RESOURCES
from batchai_operator.planner.pods import identity
from batchai_operator.planner.pods.launch import doubled
from batchai_operator.planner.pods.paths import mount_of
from batchai_operator.planner.volumes.forms import Place
from batchai_operator.planner.volumes.mounting import Mount, Volumes, plan_volumes
from batchai_operator.settings import Settings

DIRECTORY_ID = "folder"
"""By which the launcher is asked for the folder."""

_ROOT = f"{names.JOBS_ROOT}/reader"
_ROOTS = ("$AZ_BATCHAI_JOB_MOUNT_ROOT/", "$AZ_BATCHAI_MOUNT_ROOT/")

_NO_JOB = {
    "cluster": {"id": "none"},
    "nodeCount": 1,
    "stdOutErrPathPrefix": "/none",
    "customToolkitSettings": {"commandLine": "true"},
}
"""What a job must have that only mounts volumes."""


@dataclass(frozen=True)
class VolumeFolder:
    """A folder of one volume.

    Attributes:
        volumes: of whoever described them.
        mount: the volume with the folder.
        path: the folder, where the volume is mounted.
        settings: of the operator, as far as they are known.
    """

    volumes: Volumes
    mount: Mount
    path: str
    settings: Settings

    @property
    def place(self) -> BlobPlace | None:
        """Where blob storage has the folder, if it does."""
        return folder_place(self.mount, self.path, self.settings)

    def below(self, path: str) -> "VolumeFolder":
        """Return a folder below this one."""
        return VolumeFolder(self.volumes, self.mount, _inside(self.path, path), self.settings)


def volume_folder(
    mount_volumes: Mapping[str, Any] | None,
    cluster: ClusterSpec | None,
    path: str,
    settings: Settings,
    *,
    volume: str | None = None,
    place: Place | None = None,
) -> VolumeFolder:
    """Return a folder of one of some volumes.

    Args:
        mount_volumes: as in a job file; None for those of the cluster alone.
        cluster: whose volumes are meant too; None for none.
        path: of the folder on the volume; may begin with a mount root and the volume's
            relativeMountPath, as in a job.
        settings: of the operator, as far as they are known.
        volume: relativeMountPath of the volume; None when there is one only or the path tells.
        place: the namespace and its file servers.

    Raises:
        InvalidSpecError: no such volume, its file server is not ready, or the path leaves it.
    """
    spec = JobSpec.model_validate({**_NO_JOB, "mountVolumes": mount_volumes or {}})
    volumes = plan_volumes(spec, cluster, _ROOT, settings, place)
    for root, base in zip(_ROOTS, (f"{_ROOT}/mounts/", f"{names.MOUNT_ROOT}/"), strict=True):
        if path.startswith(root):
            return _on_mount(volumes, base + path.removeprefix(root), path, settings)
    known = {posixpath.relpath(mount.path, _base_of(mount)): mount for mount in volumes.mounts}
    if volume is None and len(known) == 1:
        (volume,) = known
    mount = known.get(volume or "")
    if mount is None:
        names_ = ", ".join(known) or "there is none"
        raise InvalidSpecError(f"Name one of the volumes by its relativeMountPath: {names_}.")
    return _folder(volumes, mount, path, settings)


def volume_reader(
    folder: VolumeFolder, namespace: str, settings: Settings, *, is_root: bool = True
) -> Object:
    """Return a reader of one folder.

    Args:
        folder: what it is to read.
        namespace: of whoever reads; the volume's Secret is there.
        settings: launcher image.
        is_root: whether it runs as root, without capabilities; else as somebody.
    """
    context = {} if is_root else {"securityContext": {"runAsNonRoot": True}}
    spec = JobSpec.model_validate({**_NO_JOB, "kubernetes": context})
    mount: dict[str, Any] = {
        "name": folder.mount.volume,
        "mountPath": folder.mount.path,
        "readOnly": True,
    }
    if folder.mount.sub_path:
        mount["subPath"] = folder.mount.sub_path
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "batchai-reader-",
            "namespace": namespace,
            "labels": {
                names.MANAGED_BY_LABEL: names.FIELD_MANAGER,
                names.COMPONENT_LABEL: "reader",
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"key": settings.gpu_resource, "operator": "Exists"}],
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "terminationGracePeriodSeconds": 5,
            "containers": [
                {
                    "name": names.SIDECAR_CONTAINER,
                    "image": settings.launcher_image,
                    "imagePullPolicy": settings.image_pull_policy,
                    "command": ["/launcher", "reader"],
                    "env": [{"name": names.PLAN_VARIABLE, "value": doubled(_plan(folder))}],
                    "resources": READER_RESOURCES,
                    "securityContext": identity.sidecar_security(spec),
                    "volumeMounts": [
                        {"name": names.SPOOL_VOLUME, "mountPath": names.SPOOL_PATH},
                        mount,
                    ],
                }
            ],
            "volumes": [
                {"name": names.SPOOL_VOLUME, "emptyDir": {}},
                *(v for v in folder.volumes.entries if v["name"] == folder.mount.volume),
            ],
        },
    }


def _plan(folder: VolumeFolder) -> str:
    """The launcher's plan of a node that runs nothing and has one folder."""
    return json.dumps(
        {
            "version": 1,
            "job": {"workspace": "", "experiment": "", "name": "", "uid": ""},
            "node": {"index": 0, "count": 1, "id": "reader"},
            "workingDirectory": _ROOT,
            "logs": {"directory": folder.path, "kind": "local", "executionLog": "execution.log"},
            "directories": {DIRECTORY_ID: folder.path},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _on_mount(volumes: Volumes, full: str, asked: str, settings: Settings) -> VolumeFolder:
    mount = mount_of(full, volumes.mounts)
    if mount is None:
        raise InvalidSpecError(f"{asked} is on none of the volumes.")
    return _folder(volumes, mount, full.removeprefix(mount.path).lstrip("/"), settings)


def _folder(volumes: Volumes, mount: Mount, path: str, settings: Settings) -> VolumeFolder:
    if mount.field in volumes.awaited:
        raise InvalidSpecError(
            f"File server {volumes.awaited[mount.field]} does not exist or is not ready; "
            "`batchai file-server list` tells."
        )
    return VolumeFolder(volumes, mount, _inside(mount.path, path), settings)


def _base_of(mount: Mount) -> str:
    job = f"{_ROOT}/mounts"
    return job if mount.path.startswith(f"{job}/") else names.MOUNT_ROOT


def _inside(folder: str, path: str) -> str:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise InvalidSpecError(f"The path {path} leaves the volume; remove '..'.")
    return posixpath.join(folder, *parts)
