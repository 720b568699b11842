"""Where in blob storage a folder of a job, or of a volume, is: account, container and names. Pure.

Called by the engine's straight.py, which reads blobs without a Pod. A folder that is not on a
container, or on one that is mounted in a way this cannot follow, has no place here.
"""

import posixpath
from dataclasses import dataclass

from batchai_operator.planner.pods.build import Build
from batchai_operator.planner.volumes.mounting import Mount
from batchai_operator.settings import Settings

_AZURE = "https://{account}.blob.core.windows.net"


@dataclass(frozen=True)
class BlobPlace:
    """A folder of a container.

    Attributes:
        url: of the account.
        account: its name.
        container: name of the container.
        secret: Secret with the account's key or SAS, in the namespace of whoever mounts it.
        prefix: the folder's name in the container, without slashes at the ends.
    """

    url: str
    account: str
    container: str
    secret: str
    prefix: str


def output_place(build: Build, directory_id: str) -> BlobPlace | None:
    """Return where an output directory of a job is, if blob storage has it.

    Args:
        build: of the job.
        directory_id: of an output directory, or `stdouterr`.
    """
    for output in (build.paths.stdouterr, *build.paths.outputs):
        if output.id == directory_id and output.mount is not None:
            return folder_place(output.mount, output.path, build.settings)
    return None


def folder_place(mount: Mount, path: str, settings: Settings) -> BlobPlace | None:
    """Return where a folder of a mounted volume is, if blob storage has it.

    Args:
        mount: the volume.
        path: the folder, as the mount shows it.
        settings: for the endpoint of blob storage.
    """
    if mount.kind != "blob" or mount.secret is None or mount.account is None:
        return None
    if not mount.is_whole:
        return None
    inner = posixpath.relpath(path, mount.path)
    endpoint = mount.server or settings.blob_endpoint or _AZURE
    url = endpoint.replace("{account}", mount.account)
    return BlobPlace(
        url=url if "://" in url else f"https://{url}",
        account=mount.account,
        container=mount.source,
        secret=mount.secret,
        prefix="" if inner == "." else inner,
    )
