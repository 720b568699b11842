"""Our kinds: their names, what names their objects may have, printer columns, subresources.

Made into CustomResourceDefinitions by definitions.py.
"""

from dataclasses import dataclass

from batchai_operator.model.base import Model
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.fileserver import FileServerSpec, FileServerStatus
from batchai_operator.model.job import JobSpec
from batchai_operator.model.status import ClusterStatus, JobStatus
from batchai_operator.names import (
    CLUSTER_KIND,
    CLUSTER_PLURAL,
    FILE_SERVER_KIND,
    FILE_SERVER_PLURAL,
    JOB_KIND,
    JOB_PLURAL,
)

MAX_OBJECT_NAME = 52
"""Longest object name; a Service's name derived from it has 63 characters at most."""


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`.

    Attributes:
        name: head of the column.
        path: JSON path of the value.
        type: `string`, `integer` or `date`.
        wide: shown with `-o wide` only.
        description: what the column shows.
    """

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        kind: name of the kind.
        plural: name in URLs.
        short: short names for kubectl.
        about: what such an object is.
        spec: model of `spec`.
        status: model of `status`.
        name_shape: regular expression of `metadata.name`.
        name_remedy: words for another name.
        columns: columns of `kubectl get`.
        selectable: fields for `kubectl get --field-selector`.
        scale: the scale subresource, when the kind has one.
    """

    kind: str
    plural: str
    short: tuple[str, ...]
    about: str
    spec: type[Model]
    status: type[Model]
    name_shape: str
    name_remedy: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    scale: dict[str, str] | None = None


JOB = Kind(
    kind=JOB_KIND,
    plural=JOB_PLURAL,
    short=("baij",),
    about="A Batch AI job: a program that runs once, on one or several nodes of a cluster.",
    spec=JobSpec,
    status=JobStatus,
    name_shape="[a-z](?:[-a-z0-9]*[a-z0-9])?",
    name_remedy=(
        f"metadata.name of a job must consist of at most {MAX_OBJECT_NAME} small letters, digits "
        "and '-', and begin with a letter, because its Service is named after it; put the Batch "
        "AI name into spec.name"
    ),
    columns=(
        Column("Cluster", ".spec.cluster.id", "Cluster of the job"),
        Column("Tool", ".status.toolType", "Toolkit of the job"),
        Column("Nodes", ".spec.nodeCount", "Number of nodes", "integer"),
        Column("State", ".status.executionState", "State of the job"),
        Column("Exit code", ".status.executionInfo.exitCode", "Exit code of the job", "integer"),
        Column("Age", ".metadata.creationTimestamp", "Time since creation", "date"),
        Column("Message", ".status.message", "What is going on and why"),
        Column("Workspace", ".spec.workspace", "Workspace of the job", wide=True),
        Column("Experiment", ".spec.experiment", "Experiment of the job", wide=True),
        Column("Priority", ".spec.schedulingPriority", "Place in the queue", wide=True),
        Column(
            "Segment",
            ".status.jobOutputDirectoryPathSegment",
            "Path between the prefix of an output and its folder",
            wide=True,
        ),
    ),
    selectable=(
        ".status.executionState",
        ".spec.cluster.id",
        ".spec.workspace",
        ".spec.experiment",
    ),
)

CLUSTER = Kind(
    kind=CLUSTER_KIND,
    plural=CLUSTER_PLURAL,
    short=("baic",),
    about="A Batch AI cluster: a number of nodes of one size, on which jobs run in order.",
    spec=ClusterSpec,
    status=ClusterStatus,
    name_shape="[a-z0-9](?:[-a-z0-9]*[a-z0-9])?",
    name_remedy=(
        f"metadata.name of a cluster must consist of at most {MAX_OBJECT_NAME} small letters, "
        "digits and '-'; put the Batch AI name into spec.name"
    ),
    columns=(
        Column("VM size", ".spec.vmSize", "Size of the nodes"),
        Column("State", ".status.allocationState", "Whether nodes are being added or removed"),
        Column("Target", ".status.targetNodeCount", "Number of nodes wanted", "integer"),
        Column("Current", ".status.currentNodeCount", "Number of nodes", "integer"),
        Column("Idle", ".status.nodeStateCounts.idleNodeCount", "Nodes ready for work", "integer"),
        Column("Running", ".status.nodeStateCounts.runningNodeCount", "Nodes at work", "integer"),
        Column("Age", ".metadata.creationTimestamp", "Time since creation", "date"),
        Column("Message", ".status.message", "What is going on and why", wide=True),
        Column("Workspace", ".spec.workspace", "Workspace of the cluster", wide=True),
        Column("Priority", ".spec.vmPriority", "dedicated or lowpriority", wide=True),
        Column(
            "Preparing",
            ".status.nodeStateCounts.preparingNodeCount",
            "Nodes being set up",
            "integer",
            wide=True,
        ),
        Column(
            "Unusable",
            ".status.nodeStateCounts.unusableNodeCount",
            "Nodes that failed",
            "integer",
            wide=True,
        ),
        Column(
            "Leaving",
            ".status.nodeStateCounts.leavingNodeCount",
            "Nodes being removed",
            "integer",
            wide=True,
        ),
    ),
    selectable=(".status.allocationState", ".spec.workspace"),
    scale={
        "specReplicasPath": ".spec.scaleSettings.manual.targetNodeCount",
        "statusReplicasPath": ".status.currentNodeCount",
    },
)

FILE_SERVER = Kind(
    kind=FILE_SERVER_KIND,
    plural=FILE_SERVER_PLURAL,
    short=("baifs",),
    about="A Batch AI file server: an NFS server that jobs mount, run by the operator or not.",
    spec=FileServerSpec,
    status=FileServerStatus,
    name_shape="[a-z0-9](?:[-a-z0-9]*[a-z0-9])?",
    name_remedy=(
        f"metadata.name of a file server must consist of at most {MAX_OBJECT_NAME} small letters, "
        "digits and '-', because its Service is named after it; put the Batch AI name into "
        "spec.name"
    ),
    columns=(
        Column("State", ".status.provisioningState", "Whether jobs can mount it"),
        Column("Server", ".status.mountSettings.fileServerInternalIP", "Address of the server"),
        Column("Mount point", ".status.mountSettings.mountPoint", "What the server exports"),
        Column("Age", ".metadata.creationTimestamp", "Time since creation", "date"),
        Column("Message", ".status.message", "What is going on and why", wide=True),
        Column("Workspace", ".spec.workspace", "Workspace of the file server", wide=True),
        Column("Claim", ".spec.storage.claimName", "Claim that holds the files", wide=True),
    ),
    selectable=(".status.provisioningState", ".spec.workspace"),
)

KINDS = (CLUSTER, FILE_SERVER, JOB)
"""All kinds, in the order in which they are installed."""
