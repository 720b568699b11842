"""Settings of the operator, from environment variables with the prefix `BATCHAI_OPERATOR_`.

Made once by `wiring` (and by the command line for its reader Pods) and passed down as values. Maps
are given as JSON. It reads nothing but the environment.
"""

import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from batchai_operator import names


class VmSize(BaseModel):
    """What one node of a VM size has to give to a job, as Kubernetes quantities."""

    # The chart's values may say `cpu: 6`, and Helm hands the number on as it is.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    cpu: str = Field(description="CPUs a job may ask for, such as `6` or `500m`.")
    memory: str = Field(description="Memory a job may ask for, such as `56Gi`.")
    gpus: int = Field(default=0, ge=0, description="GPUs of the node.")


class AutoStorageSettings(BaseModel):
    """Where clusters with `autoStorage` get their share and container from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: Literal["", "account", "storageClass"] = Field(
        default="", description="A storage account, claims of StorageClasses, or nothing."
    )
    folder: str = Field(
        default="/etc/batchai/auto-storage",
        description="Folder of the account's Secret, mounted: one file with its name, one with its "
        "key.",
    )
    secret: str = Field(default="", description="Name of that Secret, for messages.")
    namespaces: tuple[str, ...] = Field(
        default=(), description="Namespaces that the account is for; `*` for all."
    )
    plain_names_for: str = Field(
        default="",
        description="Namespace whose share and container have the service's own names.",
    )
    endpoint_suffix: str = Field(
        default="core.windows.net", description="Suffix of the cloud's storage endpoints."
    )
    file_endpoint: str = Field(
        default="",
        description="Endpoint of the account's file service, with `{account}` in it; empty for "
        "Azure's own.",
    )
    share_class: str = Field(default="", description="StorageClass of the share's claim.")
    share_size: str = Field(default="100Gi", description="Size of the share's claim.")
    container_class: str = Field(default="", description="StorageClass of the container's claim.")
    container_size: str = Field(default="100Gi", description="Size of the container's claim.")


class Settings(BaseSettings):
    """All that an administrator can set; the chart's values map to these one by one."""

    model_config = SettingsConfigDict(env_prefix="BATCHAI_OPERATOR_", frozen=True)

    subscription_id: str = Field(
        default=names.DEFAULT_SUBSCRIPTION,
        description="Subscription id in output paths and resource ids.",
    )
    launcher_image: str = Field(
        default="localhost/batchai/launcher:latest",
        description="Image of the program that enters every Pod of a job.",
    )
    node_images: dict[str, str] = Field(
        default_factory=lambda: {"default": "localhost/batchai/node:latest"},
        description="Images for jobs without container settings, by `publisher:offer:sku` of the "
        "cluster's image; `default` serves the rest.",
    )
    file_server_image: str = Field(
        default="localhost/batchai/fileserver:latest",
        description="Image of the NFS server that a file server with `storage` runs; empty: none "
        "is run.",
    )
    vm_sizes: dict[str, VmSize] = Field(
        default_factory=dict,
        description="What nodes of a VM size have; extends and overrides the built-in table.",
    )
    auto_storage: AutoStorageSettings = Field(
        default_factory=AutoStorageSettings,
        description="Where clusters with `autoStorage` get their share and container from.",
    )
    gpu_resource: str = Field(
        default="nvidia.com/gpu", description="Extended resource that stands for a GPU."
    )
    blob_endpoint: str = Field(
        default="",
        description="Endpoint of blob storage with `{account}` in it; empty means Azure's own.",
    )
    static_volumes: bool = Field(
        default=True,
        description="Whether PersistentVolumes may be made, for NFS and where a job asks for them.",
    )
    node_identity: bool = Field(
        default=False,
        description="Whether jobs of any namespace may reach storage as the Kubernetes nodes.",
    )
    log_patience_seconds: int = Field(
        default=600,
        ge=1,
        description="How long a job waits for a volume that does not take its output.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="Pull policy of the launcher's image."
    )
    namespace: str = Field(
        default="", description="The one namespace to serve; empty means all of them."
    )
    kubeconfig: str = Field(
        default="", description="Kubeconfig file; empty means `KUBECONFIG` or the Pod's own rights."
    )
    context: str = Field(default="", description="Context of the kubeconfig; empty: the current.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level of log lines."
    )
    log_format: Literal["json", "text"] = Field(
        default="text", description="Log lines for machines or for people."
    )
    workers: int = Field(default=20, ge=1, description="Objects reconciled at a time.")
    resync_seconds: float = Field(
        default=600, gt=0, description="After this time every object is looked at again."
    )
    health_port: int = Field(
        default=8080, ge=0, le=65535, description="TCP port of probes and metrics."
    )
    lease_name: str = Field(default="batchai-operator", description="Name of the Lease.")
    lease_namespace: str = Field(
        default="", description="Namespace of the Lease; empty means the one we run in."
    )
    pod_name: str = Field(
        default_factory=lambda: f"local-{uuid.uuid4().hex[:8]}",
        description="Who we are in the Lease; the chart gives the Pod's name.",
    )
