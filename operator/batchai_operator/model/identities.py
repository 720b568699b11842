"""Ways to reach storage other than an account's key: identities, and accounts of file servers.

Used by credentials.py and filesystems.py. All are additions to the service's fields, in the words
of the storage drivers (platform guide 1.1). No secret stands here.
"""

from typing import Annotated

from pydantic import Field

from batchai_operator.model.base import Model
from batchai_operator.model.text import Text

_DIGITS = "[0-9A-Fa-f]"

Guid = Annotated[
    str,
    Text(
        36,
        rf"{_DIGITS}{{8}}-{_DIGITS}{{4}}-{_DIGITS}{{4}}-{_DIGITS}{{4}}-{_DIGITS}{{12}}",
        "must be a GUID such as 11111111-2222-3333-4444-555555555555",
    ),
]
"""Id of an application or tenant of Entra."""


class WorkloadIdentity(Model):
    """The identity that the job's ServiceAccount stands for (`kubernetes.serviceAccountName`).

    The identity needs a federated credential with the subject
    `system:serviceaccount:NAMESPACE:NAME`, and the role `Storage Blob Data Contributor` or
    `Storage File Data SMB MI Admin` on the account.
    """

    client_id: Annotated[Guid, Field(alias="clientID")]
    """Client id of the identity."""

    tenant_id: Annotated[Guid | None, Field(alias="tenantID")] = None
    """Tenant of the identity; the driver's own when absent."""


class ManagedIdentity(Model):
    """A managed identity of the Kubernetes nodes.

    Whoever may create jobs in any namespace could use it, so an administrator has to permit that
    (`nodeIdentity` of the chart).
    """

    client_id: Annotated[Guid, Field(alias="clientID")]
    """Client id of the identity."""
