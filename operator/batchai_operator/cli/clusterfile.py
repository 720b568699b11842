"""From a cluster.json and flags to a BatchAICluster and the Secrets it needs. Pure.

Called by `cluster create`; the counterpart of submission.py for jobs.
"""

import copy
from dataclasses import dataclass
from typing import Any

from batchai_operator.cli.completion import ExtraMounts, StorageAccount, complete_volumes
from batchai_operator.cli.jobfile import Document
from batchai_operator.cli.secretfields import take_secret_values
from batchai_operator.cli.submission import check_shapes, validate
from batchai_operator.cli.unknown import drop_unknown
from batchai_operator.engine.commands import NewSecret
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.names import API_VERSION, CLUSTER_KIND

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
    """What flags say about nodes; each wins over the file."""

    vm_size: str | None = None
    vm_priority: str | None = None
    target: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    image: str | None = None


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
        flags: what the command line says about nodes.
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
    _set_nodes(properties, flags)
    setup = properties.setdefault("nodeSetup", {})
    volumes, secrets, told = complete_volumes(setup.get("mountVolumes"), account, mounts)
    if volumes:
        setup["mountVolumes"] = volumes
    secrets += take_secret_values(setup.get("setupTask") or {}, f"{name}-secrets")
    if not setup:
        del properties["nodeSetup"]
    spec = {"name": name, "workspace": workspace, **properties}
    validate(ClusterSpec, spec)
    cluster = {
        "apiVersion": API_VERSION,
        "kind": CLUSTER_KIND,
        "metadata": {"name": name, "namespace": namespace, **document.metadata},
        "spec": spec,
    }
    return BuiltCluster(cluster, tuple(secrets), (*warnings, *told))


def scale_from_flags(flags: ClusterFlags) -> dict[str, Any] | None:
    """Return the scale settings that flags ask for, None when they ask for none (spec 6.2).

    Raises:
        InvalidSpecError: only one of minimum and maximum, or the wrong way round.
    """
    if flags.minimum is None and flags.maximum is None:
        return None if flags.target is None else {"manual": {"targetNodeCount": flags.target}}
    if flags.minimum is None or flags.maximum is None:
        raise InvalidSpecError("--min and --max must be given together.")
    if flags.minimum > flags.maximum:
        raise InvalidSpecError(f"--max {flags.maximum} is less than --min {flags.minimum}.")
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
    if flags.image:
        reference = _image(flags.image)
        properties["virtualMachineConfiguration"] = {"imageReference": reference}
    scale = scale_from_flags(flags)
    if scale is not None:
        properties["scaleSettings"] = scale
    if not properties.get("scaleSettings"):
        raise InvalidSpecError(
            "No number of nodes: give --target, or --min and --max, or `scaleSettings` in the file."
        )


def _image(text: str) -> dict[str, str]:
    parts = IMAGE_ALIASES.get(text.lower()) or tuple(text.split(":"))
    if len(parts) != 4 or not all(parts[:3]):
        raise InvalidSpecError(
            f"--image {text}: expected UbuntuLTS, UbuntuDSVM or publisher:offer:sku:version."
        )
    names = ("publisher", "offer", "sku", "version")
    return {name: part for name, part in zip(names, parts, strict=True) if part}
