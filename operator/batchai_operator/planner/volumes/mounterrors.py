"""What kubelet and the CSI drivers say when a volume cannot be mounted, by what it means.

The one table of such texts (design 5). jobs/mounts.py judges a job's Pods by it, the engine the
Pods by which people read and copy files; the stand-in for the drivers and the tests hold the same
texts. A definite error does not heal by itself, a passing one may, and a node on which a driver has
not registered yet is waited for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from batchai_operator.names import BLOB_DRIVER, FILE_DRIVER, NFS_DRIVER, SMB_DRIVER

DEFINITE_COUNT = 3
"""A definite error is final when it was said so often …"""

DEFINITE_SECONDS = 10.0
"""… or when it was said first so long ago."""

Kind = Literal["definite", "passing", "waits", "summary"]


@dataclass(frozen=True)
class MountError:
    """A row of the table.

    Attributes:
        driver: CSI driver that says it; empty for kubelet or all.
        text: regular expression, found anywhere in the message, letter case ignored.
        kind: `definite`, `passing`, `waits` (for as long as it takes), or `summary` (kubelet's
            repetition of what another Event says better).
        remedy: what a person can do; empty where the text says it all.
    """

    driver: str
    text: str
    kind: Kind
    remedy: str = ""


_UNKNOWN_HOST = (
    "the Kubernetes nodes do not know the host; correct the account, server or azureFileUrl, or "
    "see to the private DNS zone of the private endpoint"
)

TABLE = (
    MountError("", r"not found in the list of registered CSI drivers", "waits"),
    MountError("", r"^Unable to attach or mount volumes", "summary"),
    MountError(
        "",
        r"connection refused|i/o timeout|TLS handshake timeout|context deadline exceeded|"
        r"DeadlineExceeded|etcdserver|operation with the given Volume ID \S+ already exists",
        "passing",
    ),
    # Identities and vaults. What Entra or a vault says is passed on by the drivers; a vault's "not
    # found" must not be taken for that of a Kubernetes Secret.
    MountError(
        "",
        r"AADSTS70021\d?\b",
        "definite",
        "the identity has no federated credential for the job's ServiceAccount "
        "(kubernetes.serviceAccountName); add one with the subject that follows, this cluster's "
        "OIDC issuer and the audience api://AzureADTokenExchange",
    ),
    MountError(
        "",
        r"AADSTS(?:700016|90002)\b",
        "definite",
        "Entra knows no such identity; correct clientID or tenantID of "
        "credentials.workloadIdentity",
    ),
    MountError(
        "",
        r"Identity not found",
        "definite",
        "the Kubernetes nodes do not have this identity; assign it to their scale set (`az vmss "
        "identity assign`), or correct credentials.managedIdentity.clientID",
    ),
    MountError(
        FILE_DRIVER,
        r"AzAuthenticatorLib|getting Kerberos service ticket",
        "definite",
        "there is no ticket for the identity: it needs the role Storage File Data SMB MI Admin on "
        "the account, the account needs SMB OAuth, and the Kubernetes nodes need the identity",
    ),
    MountError(
        BLOB_DRIVER,
        r"vaultURL\((?s:.*)(?:Forbidden|SecretNotFound)",
        "definite",
        "the vault has no such secret, or the identity of the Kubernetes nodes may not read it "
        "(role Key Vault Secrets User)",
    ),
    MountError(
        BLOB_DRIVER,
        r"AuthorizationPermissionMismatch",
        "definite",
        "whoever mounts has no right to the container's files; an identity needs the role Storage "
        "Blob Data Contributor on the account or container",
    ),
    MountError(
        FILE_DRIVER,
        r"hostname must match storage account|does not match configured cloud suffix",
        "definite",
        "as an inline volume the driver mounts from the account's own hosts in the cluster's own "
        "cloud only; set kubernetes.volumeMode to PersistentVolume",
    ),
    MountError(
        "",
        r'secrets? "?[^" ]+"? not found|secret .* not found',
        "definite",
        "the Secret with the login is not in the job's namespace; correct the account's or the "
        "Secret's name, or make it (kubectl create secret generic)",
    ),
    MountError(
        FILE_DRIVER,
        r"mount error\(13\)|STATUS_LOGON_FAILURE|STATUS_ACCESS_DENIED",
        "definite",
        "the key in the Secret is not the account's, or the network is blocked",
    ),
    MountError(
        FILE_DRIVER,
        r"mount error\(2\)|STATUS_BAD_NETWORK_NAME",
        "definite",
        "the share does not exist; correct its name, or make it (az storage share create)",
    ),
    MountError(FILE_DRIVER, r"mount error\(22\)", "definite"),
    MountError(FILE_DRIVER, r"or accountKey is empty|failed to get account name", "definite"),
    MountError(
        BLOB_DRIVER,
        r"AuthenticationFailed|AuthorizationFailure|"
        r"InvalidAuthenticationInfo|KeyBasedAuthenticationNotPermitted",
        "definite",
        "the key or SAS token in the Secret is not the account's or has expired, or the account "
        "refuses it",
    ),
    MountError(
        BLOB_DRIVER,
        r"ContainerNotFound|ContainerBeingDeleted",
        "definite",
        "the container does not exist; correct its name, or make it (az storage container create)",
    ),
    MountError(BLOB_DRIVER, r"storage key not provided|invalid FUSE options", "definite"),
    # Many Pods starting together have seen this pass (platform guide 1.3).
    MountError(BLOB_DRIVER, r"account name not provided", "passing"),
    MountError(
        NFS_DRIVER,
        r"access denied by server|mount\.nfs: Operation not permitted",
        "definite",
        "the NFS server does not let the Kubernetes nodes mount this directory",
    ),
    MountError(
        NFS_DRIVER,
        r"reason given by server: No such file or directory|mount\.nfs: No such file",
        "definite",
        "the NFS server exports no such directory",
    ),
    MountError(
        NFS_DRIVER,
        r"incorrect mount option|requested NFS version|Protocol not supported",
        "definite",
        "the NFS server does not take these mount options",
    ),
    MountError(
        NFS_DRIVER,
        r"Failed to resolve server|timed out|No route to host|Network is unreachable",
        "passing",
        "the NFS server cannot be reached from the Kubernetes nodes",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\(13\)|STATUS_LOGON_FAILURE|STATUS_ACCESS_DENIED",
        "definite",
        "the SMB server refuses the user name and password in the Secret",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\((?:2|6)\)|STATUS_BAD_NETWORK_NAME",
        "definite",
        "the SMB server has no such share or folder",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\((?:22|95)\)",
        "definite",
        "the SMB server does not take these mount options",
    ),
    MountError(
        SMB_DRIVER,
        r"mount error\(1(?:01|10|11|12|13|15)\)|could not resolve address",
        "passing",
        "the SMB server cannot be reached from the Kubernetes nodes",
    ),
    MountError(
        "",
        r"access denied by server while mounting",
        "definite",
        "the account does not let the Kubernetes nodes mount this by NFS: it must be made for NFS, "
        "without `secure transfer required`, and its network must let the nodes in",
    ),
    MountError(
        FILE_DRIVER,
        r"could not resolve address|Failed to resolve server",
        "passing",
        _UNKNOWN_HOST,
    ),
    MountError(BLOB_DRIVER, r"no such host|Failed to resolve server", "passing", _UNKNOWN_HOST),
    # The second Pod on a node may come while the mount of the first goes.
    MountError("", r"globalmount\S* does not exist|not a mount ?point", "passing"),
    MountError("", r"code = (?:InvalidArgument|PermissionDenied|Unauthenticated)", "definite"),
)
"""First match counts; what matches nothing is passing."""

_VOLUME = re.compile(r'for volume "([^"]+)"')
_DRIVERS = (FILE_DRIVER, BLOB_DRIVER, NFS_DRIVER, SMB_DRIVER)


def volume_of(message: str) -> str:
    """Return how kubelet calls the volume of a message, empty when it names none."""
    found = _VOLUME.search(message)
    return found.group(1) if found else ""


def classify(driver: str, message: str) -> MountError | None:
    """Return the row of the table that a message belongs to, None when nobody knows it."""
    for row in TABLE:
        if row.driver in {"", driver} and re.search(row.text, message, re.IGNORECASE):
            return row
    return None


def find_row(message: str, drivers: Mapping[str, str]) -> MountError | None:
    """Return the row of a message about a volume whose driver may not be known.

    Args:
        message: what kubelet says.
        drivers: CSI driver by name of volume; a volume that is not among them may be anybody's, and
            then a row by which the mount cannot succeed comes first.
    """
    known = drivers.get(volume_of(message))
    rows = [classify(driver, message) for driver in ((known,) if known else _DRIVERS)]
    found = [row for row in rows if row is not None]
    return next((row for row in found if row.kind == "definite"), found[0] if found else None)


def is_hopeless(count: int, seconds: float) -> bool:
    """Tell whether a definite error is final.

    Args:
        count: how often it was said.
        seconds: since it was said first.
    """
    return count >= DEFINITE_COUNT or seconds >= DEFINITE_SECONDS
