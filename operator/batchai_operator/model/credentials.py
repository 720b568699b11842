"""References to secrets, and the fields in which the service took secrets themselves.

Used by volumes, container settings, environment and cluster. Secrets never stand in an object
(design 2): their fields exist, so that nothing is pruned in silence, and are refused with a remedy.
No bound and no pattern may be put on them, because the API server would print the value.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from batchai_operator.model.base import Model
from batchai_operator.model.identities import ManagedIdentity, WorkloadIdentity
from batchai_operator.model.rules import NOT_OURS, Rule, at_most_one, refused_secret
from batchai_operator.model.text import AnyText, ObjectName, Text, VariableName, any_case

RefusedSecret = Annotated[str | None, Field(repr=False)]
"""Type of a field that may only be absent."""


class ResourceId(Model):
    """Reference to a resource of Azure."""

    id: AnyText
    """Resource id."""


class KeyVaultSecretReference(Model):
    """Reference to a secret in Azure Key Vault (spec 2.5)."""

    source_vault: ResourceId
    """The vault."""

    secret_url: Annotated[
        str,
        Text(
            1024,
            rf"{any_case('https://')}[!-.0-~]+{any_case('/secrets/')}[!-~]+",
            "must be https://VAULT/secrets/NAME",
        ),
    ]
    """URL of the secret in the vault, such as `https://myvault.vault.azure.net/secrets/key`."""


class SecretReference(Model):
    """Reference to a Kubernetes Secret in the object's namespace."""

    name: ObjectName
    """Name of the Secret."""


class SecretKeyReference(Model):
    """Reference to one key of a Kubernetes Secret in the object's namespace."""

    name: ObjectName
    """Name of the Secret."""

    key: Annotated[
        str,
        Text(
            253,
            r"\.?[-\w][-\w.]*",
            "must be a key of a Secret: letters, digits, - _ . and not beginning with ..",
        ),
    ]
    """Key in the Secret's data."""


class StorageCredentials(Model):
    """How a storage account is reached (spec 2.6).

    Without any of these, Secret `azure-storage-account-<account>-secret` is used.
    """

    account_key: RefusedSecret = None
    """Refused: keep the key in a Secret and name that in `secretRef`."""

    account_key_secret_reference: KeyVaultSecretReference | None = None
    """The key in Azure Key Vault; for containers, and where the administrator permits it. The
    driver reads it as the Kubernetes node's identity."""

    secret_ref: SecretReference | None = None
    """Secret with the keys `azurestorageaccountname` and `azurestorageaccountkey`; for a container
    also `azurestorageaccountsastoken` in the place of the second."""

    workload_identity: WorkloadIdentity | None = None
    """No key: the identity of the job's ServiceAccount."""

    managed_identity: ManagedIdentity | None = None
    """No key: an identity of the Kubernetes nodes, where the administrator permits it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        refused_secret(
            "accountKey",
            "use credentials.secretRef.name, with a Secret made by `kubectl create secret generic "
            "NAME --from-literal=azurestorageaccountname=ACCOUNT "
            "--from-literal=azurestorageaccountkey=KEY` (`batchai job create` makes it for you)",
        ),
        at_most_one(
            ("accountKeySecretReference", "secretRef", "workloadIdentity", "managedIdentity"),
            "only one of accountKeySecretReference, secretRef, workloadIdentity and "
            "managedIdentity may be given; remove the others",
        ),
    )


class RegistryCredentials(Model):
    """How to log in to an image registry (spec 2.7)."""

    username: AnyText | None = None
    """User name; required with `passwordSecretReference`, as part of the Secret otherwise."""

    password: RefusedSecret = None
    """Refused: keep it in a Secret of type docker-registry and name that in `secretRef`."""

    password_secret_reference: KeyVaultSecretReference | None = None
    """The password in Azure Key Vault."""

    secret_ref: SecretReference | None = None
    """Secret of type `kubernetes.io/dockerconfigjson`."""

    rules: ClassVar[tuple[Rule, ...]] = (
        refused_secret(
            "password",
            "use credentials.secretRef.name, with a Secret made by `kubectl create secret "
            "docker-registry NAME --docker-server=SERVER --docker-username=USER "
            "--docker-password=PASSWORD` (`batchai job create` makes it for you)",
        ),
        at_most_one(
            ("passwordSecretReference", "secretRef"),
            "only one of passwordSecretReference and secretRef may be given; remove the other",
        ),
        Rule(
            cel="!has(self.passwordSecretReference) || has(self.username)",
            message="username is missing; passwordSecretReference holds the password only",
            check=lambda it: it.password_secret_reference is None or it.username is not None,
        ),
    )


class AppInsightsReference(Model):
    """Application Insights that receives performance counters (spec 2.2)."""

    component: ResourceId
    """The Application Insights component."""

    instrumentation_key: RefusedSecret = None
    """Refused: keep it in a Secret and name that in `secretKeyRef`."""

    instrumentation_key_secret_reference: KeyVaultSecretReference | None = None
    """The instrumentation key in Azure Key Vault."""

    secret_key_ref: SecretKeyReference | None = None
    """The instrumentation key in a Kubernetes Secret."""

    rules: ClassVar[tuple[Rule, ...]] = (
        refused_secret(
            "instrumentationKey",
            "use secretKeyRef {name, key}, with a Secret made by `kubectl create secret generic "
            "NAME --from-literal=KEY=VALUE`",
        ),
        Rule(
            cel="has(self.instrumentationKey) || "
            "has(self.instrumentationKeySecretReference) != has(self.secretKeyRef)",
            message="exactly one of secretKeyRef and instrumentationKeySecretReference must be "
            "given",
            check=lambda it: (
                (it.instrumentation_key_secret_reference is None) != (it.secret_key_ref is None)
            ),
        ),
    )


class UserAccountSettings(Model):
    """Administrator of the nodes (spec 2.2); kept for old files, without meaning here."""

    admin_user_name: AnyText
    """Name of the account."""

    admin_user_ssh_public_key: Annotated[str, Text(16384)] | None = None
    """Public SSH key."""

    admin_user_password: RefusedSecret = None
    """Refused: nodes have no administrator's account."""

    rules: ClassVar[tuple[Rule, ...]] = (
        refused_secret(
            "adminUserPassword",
            "remove it: nodes have no administrator's account; access is by `kubectl exec`, as the "
            "namespace's roles allow",
        ),
    )


class EnvironmentSecret(Model):
    """An environment variable whose value is secret (spec 2.5)."""

    name: VariableName
    """Name of the variable."""

    value: RefusedSecret = None
    """Refused: keep it in a Secret and name that in `secretKeyRef`."""

    value_secret_reference: KeyVaultSecretReference | None = None
    """The value in Azure Key Vault."""

    secret_key_ref: SecretKeyReference | None = None
    """The value in a Kubernetes Secret."""

    rules: ClassVar[tuple[Rule, ...]] = (
        NOT_OURS,
        refused_secret(
            "value",
            "use secretKeyRef {name, key}, with a Secret made by `kubectl create secret generic "
            "NAME --from-literal=KEY=VALUE` (`batchai job create` makes it for you), or "
            "environmentVariables when the value is no secret",
        ),
        Rule(
            cel="has(self.value) || has(self.valueSecretReference) != has(self.secretKeyRef)",
            message="exactly one of secretKeyRef and valueSecretReference must be given",
            check=lambda it: (it.value_secret_reference is None) != (it.secret_key_ref is None),
        ),
    )
