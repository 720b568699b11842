"""File shares and blob containers of Azure as sources for the storage drivers (platform guide 1).

Used by mounting.py; `azure_secret` by secrets.py too.

Decisions where the spec is silent: files on a share belong to the job's user and group when
`spec.kubernetes` names them; a host other than Azure's public one becomes `server` for private
links and `storageEndpointSuffix` for other clouds; a container's host, which the service took from
its cloud, is `server`, else the operator's own setting. A workload identity mounts in either form,
an identity of the node only a PersistentVolume.
"""

from urllib.parse import urlsplit

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.credentials import KeyVaultSecretReference, StorageCredentials
from batchai_operator.model.job import JobSpec
from batchai_operator.model.volumes import AzureBlobFileSystem, AzureFileShare
from batchai_operator.names import BLOB_DRIVER, FILE_DRIVER
from batchai_operator.planner.volumes.blobfuse import translate
from batchai_operator.planner.volumes.mountoptions import nfs_options
from batchai_operator.planner.volumes.sources import Source, owner_of
from batchai_operator.settings import Settings

_PUBLIC_SUFFIX = "core.windows.net"
_NFS = "NFS mounts are made by PersistentVolumes only"


def azure_secret(field: str, volume: AzureFileShare | AzureBlobFileSystem) -> str | None:
    """Return the name of the Secret that a share or container is mounted with, None for none.

    Raises:
        InvalidSpecError: the key of a share is in Azure Key Vault, which its driver does not read.
    """
    is_share = isinstance(volume, AzureFileShare)
    account = volume.account if isinstance(volume, AzureFileShare) else volume.account_name
    credentials = volume.credentials
    if volume.protocol == "nfs":
        return None
    if credentials is None:
        return _default_secret(account)
    if credentials.secret_ref is not None:
        return credentials.secret_ref.name
    if credentials.account_key_secret_reference is not None:
        if is_share:
            raise _no_key_vault(f"{field}.credentials.accountKeySecretReference")
        return None
    if credentials.workload_identity or credentials.managed_identity:
        return None
    return _default_secret(account)


def share_source(field: str, share: AzureFileShare, spec: JobSpec) -> Source:
    """Return the source of a file share.

    Raises:
        InvalidSpecError: its credentials are of a kind that its driver does not take.
    """
    label = f"//{share.server}/{share.share}"
    if share.protocol == "nfs":
        attributes = {
            "protocol": "nfs",
            "storageAccount": share.account,
            "shareName": share.share,
            "server": share.server,
        }
        return Source(
            "share",
            label,
            FILE_DRIVER,
            attributes,
            account=share.account,
            no_inline=_NFS,
            note=_unused(field, share.credentials),
        )
    secret = azure_secret(field, share)
    uid, gid = owner_of(spec)
    options = [f"file_mode={_mode(share.file_mode)}", f"dir_mode={_mode(share.directory_mode)}"]
    options += [f"uid={uid}"] if uid is not None else []
    options += [f"gid={gid}"] if gid is not None else []
    attributes = {"shareName": share.share, **_host(share.server, ".file.")}
    no_inline = node_identity = ""
    credentials = share.credentials
    if credentials and credentials.workload_identity:
        attributes |= _workload(share.account, credentials)
    elif credentials and credentials.managed_identity:
        client = credentials.managed_identity.client_id
        attributes |= {"storageAccount": share.account, "clientID": client}
        attributes["mountWithManagedIdentity"] = "true"
        node_identity = f"{field}.credentials.managedIdentity"
        no_inline = "a managed identity is used by PersistentVolumes only"
    return Source(
        "share",
        label,
        FILE_DRIVER,
        attributes,
        tuple(options),
        secret=secret,
        account=share.account,
        no_inline=no_inline,
        node_identity=node_identity,
    )


def container_source(
    field: str, container: AzureBlobFileSystem, spec: JobSpec, settings: Settings
) -> Source:
    """Return the source of a blob container.

    Raises:
        InvalidSpecError: an option of an NFS mount that is not passed on.
    """
    account, name = container.account_name, container.container_name
    host = _host(container.server or "", ".blob.")
    if container.protocol == "nfs":
        server = {"server": container.server} if container.server else {}
        return Source(
            "blob",
            name,
            BLOB_DRIVER,
            {"protocol": "nfs", "storageAccount": account, "containerName": name, **server},
            nfs_options(f"{field}.mountOptions", container.mount_options),
            account=account,
            no_inline=_NFS,
            note=_unused(field, container.credentials),
        )
    uid, gid = owner_of(spec)
    translation = translate(container.mount_options, uid=uid, gid=gid)
    attributes = {"containerName": name, "protocol": "fuse2", **host}
    if settings.blob_endpoint and not container.server:
        attributes["server"] = settings.blob_endpoint.replace("{account}", account)
    no_inline = node_identity = ""
    credentials = container.credentials
    if credentials and credentials.workload_identity:
        attributes |= _workload(account, credentials)
    elif credentials and credentials.managed_identity:
        attributes |= {
            "storageAccount": account,
            "AzureStorageAuthType": "MSI",
            "AzureStorageIdentityClientID": credentials.managed_identity.client_id,
        }
        node_identity = f"{field}.credentials.managedIdentity"
        no_inline = "a managed identity is used by PersistentVolumes only"
    elif credentials and credentials.account_key_secret_reference:
        attributes |= {
            "storageAccount": account,
            **_vault(field, credentials.account_key_secret_reference),
        }
        node_identity = f"{field}.credentials.accountKeySecretReference"
        no_inline = "a key in Azure Key Vault is used by PersistentVolumes only"
    note = ""
    if translation.dropped:
        note = (
            f"{field}.mountOptions: {' '.join(translation.dropped)} left out, because the blob "
            "driver sets or refuses them."
        )
    return Source(
        "blob",
        name,
        BLOB_DRIVER,
        attributes,
        translation.entries,
        separator=" ",
        secret=azure_secret(field, container),
        account=account,
        no_inline=no_inline,
        node_identity=node_identity,
        note=note,
    )


def _host(server: str, service: str) -> dict[str, str]:
    """Return the attributes for a host that is not the account's own in the public cloud."""
    name, _, suffix = server.partition(service)
    if "." in name:
        # More than the account stands before it: a private link, or a zone.
        return {"server": server}
    return {"storageEndpointSuffix": suffix} if suffix and suffix != _PUBLIC_SUFFIX else {}


def _default_secret(account: str) -> str:
    return f"azure-storage-account-{account}-secret"


def _workload(account: str, credentials: StorageCredentials) -> dict[str, str]:
    identity = credentials.workload_identity
    assert identity is not None  # noqa: S101 - the callers' condition
    tenant = {"tenantID": identity.tenant_id} if identity.tenant_id else {}
    return {
        "storageAccount": account,
        "clientID": identity.client_id,
        **tenant,
        "mountWithWorkloadIdentityToken": "true",
    }


def _vault(field: str, reference: KeyVaultSecretReference) -> dict[str, str]:
    url = urlsplit(reference.secret_url)
    parts = url.path.strip("/").split("/")
    if len(parts) not in {2, 3} or url.query or url.fragment:
        where = f"{field}.credentials.accountKeySecretReference.secretUrl"
        raise InvalidSpecError(
            f"{where} must be https://VAULT/secrets/NAME or https://VAULT/secrets/NAME/VERSION",
            code="UnsupportedKeyVault",
            field=where,
        )
    version = {"keyVaultSecretVersion": parts[2]} if len(parts) == 3 else {}
    return {
        "keyVaultURL": f"https://{url.netloc}/",
        "keyVaultSecretName": parts[1],
        **version,
    }


def _unused(field: str, credentials: StorageCredentials | None) -> str:
    if credentials is None:
        return ""
    return f"{field}.credentials: left out, because NFS has no logins; networks decide who may."


def _no_key_vault(where: str) -> InvalidSpecError:
    return InvalidSpecError(
        f"{where}: the driver of file shares does not read Azure Key Vault; have the Secrets Store "
        "CSI driver keep the key in a Kubernetes Secret, and name it in credentials.secretRef",
        code="UnsupportedKeyVault",
        field=where,
    )


def _mode(mode: str) -> str:
    return mode if mode.startswith("0") else f"0{mode}"
