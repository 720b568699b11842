"""What Kubernetes can do beyond Batch AI: `spec.kubernetes` of a job (design 2).

Used by job.py and the planner, which puts it into the Pods.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic.config import JsonDict

from batchai_operator.model.base import Model
from batchai_operator.model.credentials import SecretReference
from batchai_operator.model.rules import Rule, frozen_field
from batchai_operator.model.text import Count, Flag, ObjectName, RelativeFolder, Text

_ID = Field(ge=0, le=2**31 - 1)
_QUANTITY_SHAPE = r"[0-9]{1,18}(?:\.[0-9]{1,9})?(?:m|k|[KMGTPE]i?|[eE][0-9]{1,2})?"

UserId = Annotated[Count, _ID]
"""Numeric user or group id."""

ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
"""List that one writer owns as a whole."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    Text(32, _QUANTITY_SHAPE, "must be a quantity, such as 500m, 4 or 16Gi"),
    BeforeValidator(_as_text),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True}),
]
"""Kubernetes quantity."""

_DOMAIN = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
_NAME = r"[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?"

LabelKey = Annotated[
    str,
    Text(
        253,
        rf"(?:{_DOMAIN}/)?{_NAME}",
        "must be a label's or annotation's name, such as team or example.com/team",
    ),
]
"""Name of a label, annotation or taint."""

ResourceName = Annotated[
    str,
    Text(
        253,
        rf"cpu|memory|ephemeral-storage|hugepages-[1-9][0-9]{{0,5}}[KMG]i|{_DOMAIN}/{_NAME}",
        "must be cpu, memory, ephemeral-storage, hugepages-SIZE or a device's name such as "
        "nvidia.com/gpu",
    ),
]
"""Name of something that a container can ask for."""

LabelValue = Annotated[
    str,
    Text(
        63,
        r"(?:[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?)?",
        "must be a label's value: letters, digits, '-', '_', '.', beginning and ending with a "
        "letter or digit",
        min_length=0,
    ),
]
"""Value of a label."""


class SeccompProfile(Model):
    """System calls that the job's processes may make."""

    type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    """`RuntimeDefault`, `Unconfined` or `Localhost`."""

    localhost_profile: RelativeFolder | None = None
    """File on the node, below kubelet's folder of profiles; with `Localhost` only."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.localhostProfile) == (self.type == 'Localhost')",
            message="localhostProfile must be given with type Localhost, and only then; add or "
            "remove it",
            check=lambda it: (it.localhost_profile is not None) == (it.type == "Localhost"),
        ),
    )


class Capabilities(Model):
    """Linux capabilities of the job's processes."""

    add: tuple[Annotated[str, Text(64)], ...] = Field((), max_length=64, json_schema_extra=ATOMIC)
    """Capabilities to add, such as `IPC_LOCK`."""

    drop: tuple[Annotated[str, Text(64)], ...] = Field((), max_length=64, json_schema_extra=ATOMIC)
    """Capabilities to take away; `ALL` for every one."""


class SecurityContext(Model):
    """The identity and rights of the job's processes; the image's own where nothing is said."""

    run_as_user: UserId | None = None
    """Numeric user id."""

    run_as_group: UserId | None = None
    """Numeric primary group id."""

    run_as_non_root: Flag | None = None
    """Refuse to start as root."""

    fs_group: UserId | None = None
    """Numeric group id that volumes are given to."""

    supplemental_groups: tuple[UserId, ...] = Field((), max_length=32, json_schema_extra=ATOMIC)
    """Further numeric group ids."""

    allow_privilege_escalation: Flag | None = None
    """Whether a process may gain more rights than its parent, as sudo does."""

    capabilities: Capabilities | None = None
    """Linux capabilities to add and drop."""

    seccomp_profile: SeccompProfile | None = None
    """System calls that may be made."""


class Toleration(Model):
    """A taint of Kubernetes nodes that the job's Pods put up with."""

    key: LabelKey | None = None
    """Name of the taint; every taint when absent, with operator `Exists`."""

    operator: Literal["Exists", "Equal"] | None = None
    """`Equal` (when absent) compares `value`, `Exists` does not."""

    value: LabelValue | None = None
    """Value of the taint."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; every effect when absent."""

    toleration_seconds: Annotated[Count, Field(ge=0, le=2**31 - 1)] | None = None
    """With `NoExecute`, seconds to stay on a node that gets the taint."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            message="key is missing; every taint is meant by operator Exists only, so add either",
            check=lambda it: it.key is not None or it.operator == "Exists",
        ),
        Rule(
            cel="!has(self.operator) || self.operator != 'Exists' || !has(self.value) || "
            "self.value == ''",
            message="value has no meaning with operator Exists; remove it or use Equal",
            check=lambda it: it.operator != "Exists" or not it.value,
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="tolerationSeconds needs effect NoExecute; remove it or change effect",
            check=lambda it: it.toleration_seconds is None or it.effect == "NoExecute",
        ),
    )


class Resources(Model):
    """What each node of the job asks for, instead of all that its `vmSize` has."""

    requests: dict[ResourceName, Quantity] = Field({}, max_length=16)
    """Requests, such as `cpu: "4"`."""

    limits: dict[ResourceName, Quantity] = Field({}, max_length=16)
    """Limits, such as `nvidia.com/gpu: 1`."""


_FIXED = (
    "serviceAccountName",
    "securityContext",
    "nodeSelector",
    "tolerations",
    "annotations",
    "labels",
    "imagePullSecrets",
    "resources",
    "priorityClassName",
    "volumeMode",
)


class KubernetesSettings(Model):
    """Settings of the job's Pods and volumes."""

    service_account_name: ObjectName | None = None
    """ServiceAccount of the Pods; the namespace's default when absent. No token is mounted."""

    security_context: SecurityContext | None = None
    """Identity and rights of the job's processes."""

    node_selector: dict[LabelKey, LabelValue] = Field({}, max_length=32)
    """Labels that the Kubernetes nodes must have."""

    tolerations: tuple[Toleration, ...] = Field((), max_length=32, json_schema_extra=ATOMIC)
    """Taints of Kubernetes nodes that do not keep the Pods away."""

    annotations: dict[LabelKey, Annotated[str, Text(4096, min_length=0)]] = Field({}, max_length=32)
    """Annotations of the Pods."""

    labels: dict[LabelKey, LabelValue] = Field({}, max_length=32)
    """Labels of the Pods, next to the operator's own."""

    image_pull_secrets: tuple[SecretReference, ...] = Field(
        (),
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    """Secrets with registry credentials."""

    resources: Resources | None = None
    """What each node asks for, instead of all that the cluster's `vmSize` has."""

    priority_class_name: ObjectName | None = None
    """PriorityClass of the Pods."""

    volume_mode: Literal["Inline", "PersistentVolume"] | None = None
    """How shares and containers of the job and its cluster are mounted: as `Inline` volumes (when
    absent), one mount per Pod, or as `PersistentVolume`, one mount per Kubernetes node for all jobs
    of the namespace. NFS and identities of nodes take the second whatever is said here."""

    ttl_seconds_after_finished: Annotated[Count, Field(ge=0, le=2**31 - 1)] | None = None
    """Seconds after the end of the job when its Pods are removed; the job's object and its files
    stay. Never when absent."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.labels) || !self.labels.exists(k, k.startsWith('batchai.dev/'))",
            message="labels that begin with batchai.dev/ are the operator's own; choose others",
            check=lambda it: not any(key.startswith("batchai.dev/") for key in it.labels),
            on="labels",
        ),
        *(frozen_field(name, "job") for name in _FIXED),
    )
