"""What the planner is told: everything a decision may depend on, frozen.

The engine fills these from its cache and lookups; the planner reads nothing else. Objects are plain
dicts as the API server sends them and are never changed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from batchai_operator.planner.endpoints import FileServers

if TYPE_CHECKING:  # The command line knows Pods by these facts, and needs no settings for that.
    from batchai_operator.settings import Settings

Object = dict[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True)
class SecretFacts:
    """What may be known of a Secret; never the values of its keys.

    Attributes:
        name: name of the Secret.
        keys: names of the keys that it holds.
        account: the storage account that it is for, when it says so.
        sizes: bytes of the values by key, as far as they are known.
        no_text: keys whose values cannot be variables: not UTF-8, or with NUL in them.
    """

    name: str
    keys: frozenset[str]
    account: str | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    no_text: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MountFailure:
    """A series of Events with reason `FailedMount` about one Pod.

    Attributes:
        pod_uid: `metadata.uid` of the Pod.
        pod_name: its name.
        message: what kubelet or the driver said.
        count: how often it was said.
        first_seen: when it was said first.
        last_seen: when it was said last.
    """

    pod_uid: str
    pod_name: str
    message: str
    count: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class NodeCapacity:
    """What the Kubernetes nodes of a VM size can give, as quantities.

    Attributes:
        cpu: processors.
        memory: memory.
        gpus: number of GPUs.
        vm_size: the size as the nodes' label spells it; empty when it is not of nodes.
    """

    cpu: str
    memory: str
    gpus: int
    vm_size: str = ""


@dataclass(frozen=True)
class Admission:
    """Whether a job may have its nodes now.

    Attributes:
        admitted: the nodes are there for it.
        position: place in the queue of its cluster from 1; 0 when it is admitted or not in a queue.
        reason: CamelCase word for conditions.
        message: sentence for people.
    """

    admitted: bool
    position: int
    reason: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """The API server refused a child of the plan.

    Attributes:
        definite: trying again cannot help, because the content is wrong; otherwise a quota, a
            policy or a missing right stands in the way.
        message: the API server's words.
        is_name: a name is taken by somebody else's object, which is to be removed.
        is_ending: a volume of an earlier job has to go first, which it does by itself.
    """

    definite: bool
    message: str
    is_name: bool = False
    is_ending: bool = False


@dataclass(frozen=True)
class JobFacts:
    """All that the plan of a job depends on.

    Attributes:
        job: the BatchAIJob.
        cluster: its BatchAICluster, None when there is none of that name.
        pods: the job's Pods of all attempts, readers included or not.
        secrets: the Secrets of `secrets_needed` by name; absent or None = not found. Empty when no
            Pod is to be made.
        mount_failures: what kubelet says about the job's Pods.
        admission: whether the job may have its nodes.
        capacity: of Kubernetes nodes of the cluster's VM size, None when there are none.
        namespace_annotations: of the job's namespace; needed until the path segment is written.
        new_key: random text for a Secret that is made now.
        settings: of the operator.
        now: the time.
        gone: Pods of the job that do not exist any more and were seen to end.
        refusal: set when children of this very plan have just been refused.
        file_servers: endpoints of the file servers that job and cluster name, if they are ready.
    """

    job: Object
    cluster: Object | None
    pods: tuple[Object, ...]
    secrets: Mapping[str, SecretFacts | None]
    mount_failures: tuple[MountFailure, ...]
    admission: Admission
    capacity: NodeCapacity | None
    namespace_annotations: Mapping[str, str]
    new_key: str = field(repr=False)
    settings: "Settings"
    now: datetime
    gone: tuple[Object, ...] = ()
    refusal: Refusal | None = None
    file_servers: FileServers = field(default_factory=dict)


@dataclass(frozen=True)
class AutoStorageFacts:
    """What became of making a cluster's auto-storage.

    Attributes:
        place: `status.autoStorage`: where it is; None when it could not be made or reached.
        reason: CamelCase word.
        message: sentence for people.
    """

    place: Object | None
    reason: str
    message: str


@dataclass(frozen=True)
class ClusterFacts:
    """All that the plan of a cluster depends on.

    Attributes:
        cluster: the BatchAICluster.
        jobs: the unfinished jobs that name it.
        settings: of the operator.
        now: the time.
        auto_storage: what was found last; None when nobody has looked since the operator started.
        namespace_annotations: of its namespace; needed until a setup task's folder is written.
    """

    cluster: Object
    jobs: tuple[Object, ...]
    settings: "Settings"
    now: datetime
    auto_storage: AutoStorageFacts | None = None
    namespace_annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileServerFacts:
    """All that the plan of a file server depends on; what runs it is None when it is not there.

    Attributes:
        server: the BatchAIFileServer.
        claim: the claim that holds its files.
        service: the Service before its Pod.
        deployment: the Deployment of its Pod.
        settings: of the operator.
        now: the time.
        refusal: why the API server has just refused what the plan would make; empty otherwise.
    """

    server: Object
    claim: Object | None
    service: Object | None
    deployment: Object | None
    settings: "Settings"
    now: datetime
    refusal: str = ""
