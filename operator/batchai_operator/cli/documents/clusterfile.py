"""From a cluster.json and flags to a BatchAICluster and the Secrets it needs. Pure.

Called by `cluster create`; the counterpart of submission.py for jobs.
"""

import copy
import re
from dataclasses import dataclass
from typing import Any

from batchai_operator.cli.documents.completion import ExtraMounts, StorageAccount, complete_volumes
from batchai_operator.cli.documents.jobfile import Document
from batchai_operator.cli.documents.secretfields import take_secret_values
from batchai_operator.cli.documents.submission import check_shapes, validate
from batchai_operator.cli.documents.unknown import drop_unknown
from batchai_operator.engine.commands.secrets import NewSecret
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.names import (
    API_VERSION,
    AUTO_CONTAINER_PATH,
    AUTO_SHARE_PATH,
    CLUSTER_KIND,
)
from batchai_operator.planner.naming import cluster_object_name

_RESOURCE_ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/.+", re.IGNORECASE)

IMAGE_ALIASES = {
    "ubuntults": ("Canonical", "UbuntuServer", "16.04-LTS", "latest"),
    "ubuntudsvm": (
        "microsoft-ads",
        "linux-data-science-vm-ubuntu",
        "linuxdsvmubuntu",
        "latest",
    ),
}
"""Short names of images that the old command line knew (spec 6.2)."""


@dataclass(frozen=True)
class ClusterFlags:
    """What flags say besides storage accounts and mounts; each wins over the file."""

    vm_size: str | None = None
    vm_priority: str | None = None
    target: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    image: str | None = None
    custom_image: str | None = None
    auto_storage: bool = False
    setup_task: str | None = None
    setup_task_output: str | None = None
    subnet: str | None = None


@dataclass(frozen=True)
class BuiltCluster:
    """A BatchAICluster, Secrets that must exist before it, and sentences for people."""

    cluster: dict[str, Any]
    secrets: tuple[NewSecret, ...]
    warnings: tuple[str, ...]


def build_cluster(
    document: Document,
    *,
    namespace: str,
    workspace: str,
    name: str,
    flags: ClusterFlags,
    account: StorageAccount,
    mounts: ExtraMounts,
) -> BuiltCluster:
    """Complete a document and make it an object.

    Args:
        document: what the file says; empty without one.
        namespace: of the object.
        workspace: of the cluster.
        name: of the object and the cluster.
        flags: what the command line says about nodes, setup and auto-storage.
        account: storage account from the command line.
        mounts: volumes from the command line.

    Raises:
        InvalidSpecError: the cluster could not be; with field and remedy.
    """
    properties, unknown = drop_unknown(ClusterSpec, copy.deepcopy(document.properties))
    check_shapes(ClusterSpec, properties)
    warnings = [f"Unknown member {path} was dropped." for path in (*document.ignored, *unknown)]
    for member in ("name", "workspace"):
        properties.pop(member, None)
    if properties.pop("userAccountSettings", None):
        warnings.append("userAccountSettings was dropped: nodes have no administrator's account.")
    own_name = cluster_object_name(name)
    warnings += _set_subnet(properties, flags)
    _set_nodes(properties, flags)
    if flags.custom_image:
        warnings.append("--custom-image has no meaning here: jobs bring their own images.")
    if flags.auto_storage:
        properties["autoStorage"] = True
    setup = properties.setdefault("nodeSetup", {})
    given = _without_auto_storage(properties, setup.get("mountVolumes"))
    volumes, secrets, told = complete_volumes(given, account, mounts, namespace=namespace)
    setup.pop("mountVolumes", None)
    if volumes:
        setup["mountVolumes"] = volumes
    _set_setup_task(setup, flags)
    secrets += take_secret_values(setup.get("setupTask") or {}, f"{own_name}-secrets")
    if not setup:
        del properties["nodeSetup"]
    spec = {"name": name, "workspace": workspace, **properties}
    validate(ClusterSpec, spec)
    cluster = {
        "apiVersion": API_VERSION,
        "kind": CLUSTER_KIND,
        "metadata": {"name": own_name, "namespace": namespace, **document.metadata},
        "spec": spec,
    }
    return BuiltCluster(cluster, tuple(secrets), (*warnings, *told))


def scale_from_flags(flags: ClusterFlags) -> dict[str, Any] | None:
    """Return the scale settings that flags ask for, None when they ask for none (spec 6.2).

    Two zeros ask for nothing, as zeros did in az; `-t 0`, which was a text there, does.

    Raises:
        InvalidSpecError: only one of minimum and maximum, or the wrong way round.
    """
    if flags.target is None and not flags.minimum and not flags.maximum:
        return None
    if flags.minimum is None and flags.maximum is None:
        return {"manual": {"targetNodeCount": flags.target}}
    if flags.minimum is None or flags.maximum is None:
        raise InvalidSpecError(
            "You need to either provide both min and max node counts or not provide any of them: "
            "--min, --max."
        )
    if flags.minimum > flags.maximum:
        raise InvalidSpecError(
            f"Maximum nodes count must be greater or equal to minimum nodes count: --max "
            f"{flags.maximum} is less than --min {flags.minimum}."
        )
    if flags.minimum == flags.maximum and flags.target is None:
        return {"manual": {"targetNodeCount": flags.minimum}}
    return {
        "autoScale": {
            "minimumNodeCount": flags.minimum,
            "maximumNodeCount": flags.maximum,
            "initialNodeCount": flags.target or 0,
        }
    }


def _set_nodes(properties: dict[str, Any], flags: ClusterFlags) -> None:
    if flags.vm_size:
        properties["vmSize"] = flags.vm_size
    if flags.vm_priority:
        properties["vmPriority"] = flags.vm_priority
    if not properties.get("vmSize"):
        raise InvalidSpecError("Please provide VM size: --vm-size, or `vmSize` in the file.")
    if flags.custom_image and not flags.image:
        raise InvalidSpecError(
            "You need to specify --image argument with information about the custom image"
        )
    if flags.custom_image and not _RESOURCE_ID.fullmatch(flags.custom_image):
        raise InvalidSpecError("Ill-formed custom image resource id: --custom-image")
    if flags.image:
        reference = _image(flags.image)
        if flags.custom_image:
            reference["virtualMachineImageId"] = flags.custom_image
        properties["virtualMachineConfiguration"] = {"imageReference": reference}
    scale = scale_from_flags(flags)
    if scale is not None:
        properties["scaleSettings"] = scale
    if not properties.get("scaleSettings"):
        raise InvalidSpecError(
            "Please provide scale setting for the cluster via command line or configuration file: "
            "--target, or --min and --max, or `scaleSettings`."
        )


def _set_subnet(properties: dict[str, Any], flags: ClusterFlags) -> list[str]:
    """Keep the subnet of the flag; return what to tell."""
    if not flags.subnet:
        return []
    if not _RESOURCE_ID.fullmatch(flags.subnet):
        raise InvalidSpecError("Ill-formed subnet resource id: --subnet")
    properties["subnet"] = {"id": flags.subnet}
    return ["--subnet has no meaning here: Pods are in the network of the Kubernetes cluster."]


def _set_setup_task(setup: dict[str, Any], flags: ClusterFlags) -> None:
    """Put the setup task of the flags in the place of the file's (spec 6.2)."""
    if flags.setup_task is None:
        return
    if flags.setup_task_output is None:
        raise InvalidSpecError("--setup-task requires providing of --setup-task-output")
    setup["setupTask"] = {
        "commandLine": flags.setup_task,
        "stdOutErrPathPrefix": flags.setup_task_output,
    }


def _without_auto_storage(
    properties: dict[str, Any], volumes: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return volumes without those of auto-storage, which `cluster show` prints among them."""
    if not properties.get("autoStorage") or not volumes:
        return volumes
    paths = (AUTO_SHARE_PATH, AUTO_CONTAINER_PATH)
    own = {
        kind: [volume for volume in found if volume.get("relativeMountPath") not in paths]
        for kind, found in volumes.items()
    }
    return {kind: found for kind, found in own.items() if found} or None


def _image(text: str) -> dict[str, str]:
    """Return the image of a short name or of its four parts, the last of which may be empty."""
    parts = IMAGE_ALIASES.get(text.lower()) or tuple(text.split(":"))
    if len(parts) == 1:
        raise InvalidSpecError(
            f'Unsupported image alias "{text}", supported aliases are UbuntuLTS, UbuntuDSVM'
        )
    names = ("publisher", "offer", "sku", "version")
    if len(parts) != len(names):
        raise InvalidSpecError(
            '--image must have format "publisher:offer:sku:version" or "publisher:offer:sku:"'
        )
    for name, part in zip(names[:3], parts, strict=False):
        if not part:
            raise InvalidSpecError(f"Image {name} must be provided in --image argument")
    return {name: part for name, part in zip(names, parts, strict=True) if part}
