"""File servers and unmanaged file systems as sources for the NFS and SMB drivers (spec 2.6).

Used by mounting.py, with the endpoints of the namespace's file servers (platform guide 1.8).

Decisions where the spec is silent: `sourceDirectory` is below what the server exports, unless it
begins with the export itself; an SMB mount checks permissions at the server only (`noperm`,
`noserverino`), and its files belong to the job's user when `spec.kubernetes` names one; a login to
SMB is the two keys of a Secret, and `guest` among the options needs none.
"""

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.filesystems import FileServerMount, UnmanagedFileSystem
from batchai_operator.model.job import JobSpec
from batchai_operator.names import NFS_DRIVER, SMB_DRIVER
from batchai_operator.planner.endpoints import FileServers, named_server
from batchai_operator.planner.volumes.mountcommand import NfsMount, SmbMount, read_mount_command
from batchai_operator.planner.volumes.mountoptions import nfs_options, smb_options
from batchai_operator.planner.volumes.sources import Source, owner_of

NO_INLINE_NFS = "NFS mounts are made by PersistentVolumes only"
"""Why an NFS mount is never an inline volume; its driver refuses that on purpose."""

_SMB_ALWAYS = ("noperm", "noserverino")


def file_server_source(field: str, volume: FileServerMount, servers: FileServers) -> Source:
    """Return the source of a file server's directory, `awaited` while the server is not ready.

    Raises:
        InvalidSpecError: a directory outside the export, or an option that is not passed on.
    """
    options = nfs_options(f"{field}.mountOptions", volume.mount_options)
    folder = volume.source_directory or ""
    if ".." in folder.split("/") or any(ord(letter) <= 32 or letter in ",#" for letter in folder):
        where = f"{field}.sourceDirectory"
        raise InvalidSpecError(
            f"{where} must be a directory below what the file server exports, without blanks, "
            "',', '#' and '..'",
            code="UnsupportedVolume",
            field=where,
        )
    name = volume.file_server.id
    endpoint = servers.get(name) or servers.get(named_server(name))
    if endpoint is None:
        return Source("nfs", f"file server {named_server(name)}", awaited=named_server(name))
    return _nfs(NfsMount(endpoint.server, _below(endpoint.path, folder), ""), options)


def unmanaged_source(field: str, volume: UnmanagedFileSystem, spec: JobSpec) -> Source:
    """Return the source of an unmanaged file system.

    Raises:
        InvalidSpecError: its mount command is not one of NFS or SMB, or lacks a login.
    """
    where = f"{field}.mountCommand"
    mount = read_mount_command(where, volume.mount_command)
    if isinstance(mount, NfsMount):
        if volume.credentials is not None:
            raise InvalidSpecError(
                f"{field}.credentials: NFS has no logins; remove them",
                code="UnsupportedVolume",
                field=f"{field}.credentials",
            )
        return _nfs(mount, nfs_options(where, mount.options))
    return _smb(field, mount, smb_options(where, mount.options), volume, spec)


def _nfs(mount: NfsMount, options: tuple[str, ...]) -> Source:
    return Source(
        "nfs",
        f"{mount.server}:{mount.path}",
        NFS_DRIVER,
        {"server": mount.server, "share": mount.path},
        options,
        no_inline=NO_INLINE_NFS,
    )


def _smb(
    field: str,
    mount: SmbMount,
    options: tuple[str, ...],
    volume: UnmanagedFileSystem,
    spec: JobSpec,
) -> Source:
    given = {option.partition("=")[0] for option in options}
    if volume.credentials is None and "guest" not in given:
        raise InvalidSpecError(
            f"{field}.credentials.secretRef is missing: name a Secret with the keys username and "
            "password, or put guest into the options of a server that asks for no login",
            code="UnsupportedVolume",
            field=f"{field}.credentials.secretRef",
        )
    owner = [
        f"{name}={number}"
        for name, number in zip(("uid", "gid"), owner_of(spec), strict=True)
        if number is not None and name not in given
    ]
    added = [option for option in _SMB_ALWAYS if option not in given]
    source = f"//{mount.server}/{mount.share}{mount.folder}"
    return Source(
        "smb",
        source,
        SMB_DRIVER,
        {"source": source},
        (*options, *owner, *added),
        secret=volume.credentials.secret_ref.name if volume.credentials else None,
    )


def _below(export: str, folder: str) -> str:
    export = export.rstrip("/")
    if folder.startswith("/") and (folder.rstrip("/") + "/").startswith(f"{export}/"):
        path = folder.rstrip("/")
    else:
        path = f"{export}/{folder.strip('/')}".rstrip("/")
    return path or "/"
