"""What a node of a VM size has, and what a job's Pod asks for (design 3, spec 8).

Used by build.py and children.py.

Decisions where the spec is silent:
- Nodes that carry the size as their instance type win over the table; of these nine tenths of CPU
  and memory are asked for, because every node runs Pods of the system too, and all GPUs: as many as
  the table says where nodes have fewer, because a driver may not have announced them yet and a
  training that silently runs without is worse than one that waits.
- A size that neither nodes nor settings nor the table of spec 8 know keeps the job waiting: whoever
  runs the operator can add it.
- `spec.kubernetes.resources` replaces all that the size has, GPUs included.
"""

import math
import re
from dataclasses import dataclass

from batchai_operator.model.job import JobSpec
from batchai_operator.planner.facts import NodeCapacity
from batchai_operator.settings import Settings

_SHARE = 0.9
_UNITS = {
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|Ki|Mi|Gi|Ti|k|M|G|)")

# (CPUs, GiB of memory, GPUs)
_TABLE: dict[str, tuple[int, str, int]] = {
    "STANDARD_NC6": (6, "56", 1),
    "STANDARD_NC12": (12, "112", 2),
    "STANDARD_NC24": (24, "224", 4),
    "STANDARD_NC24R": (24, "224", 4),
    "STANDARD_NC6S_V2": (6, "112", 1),
    "STANDARD_NC12S_V2": (12, "224", 2),
    "STANDARD_NC24S_V2": (24, "448", 4),
    "STANDARD_NC24RS_V2": (24, "448", 4),
    "STANDARD_NC6S_V3": (6, "112", 1),
    "STANDARD_NC12S_V3": (12, "224", 2),
    "STANDARD_NC24S_V3": (24, "448", 4),
    "STANDARD_NC24RS_V3": (24, "448", 4),
    "STANDARD_ND6S": (6, "112", 1),
    "STANDARD_ND12S": (12, "224", 2),
    "STANDARD_ND24S": (24, "448", 4),
    "STANDARD_ND24RS": (24, "448", 4),
    "STANDARD_NV6": (6, "56", 1),
    "STANDARD_NV12": (12, "112", 2),
    "STANDARD_NV24": (24, "224", 4),
    "STANDARD_D1": (1, "3.5", 0),
    "STANDARD_D2": (2, "7", 0),
    "STANDARD_D3": (4, "14", 0),
    "STANDARD_D4": (8, "28", 0),
    "STANDARD_D11": (2, "14", 0),
    "STANDARD_D12": (4, "28", 0),
    "STANDARD_D13": (8, "56", 0),
    "STANDARD_D14": (16, "112", 0),
    "STANDARD_D1_V2": (1, "3.5", 0),
    "STANDARD_D2_V2": (2, "7", 0),
    "STANDARD_D3_V2": (4, "14", 0),
    "STANDARD_D4_V2": (8, "28", 0),
    "STANDARD_D5_V2": (16, "56", 0),
    "STANDARD_D11_V2": (2, "14", 0),
    "STANDARD_D12_V2": (4, "28", 0),
    "STANDARD_D13_V2": (8, "56", 0),
    "STANDARD_D14_V2": (16, "112", 0),
    "STANDARD_D15_V2": (20, "140", 0),
}


@dataclass(frozen=True)
class NodeShare:
    """What one node of a job asks for, as Kubernetes resources.

    Attributes:
        requests: of the job container.
        limits: likewise; GPUs stand here only (platform guide 8).
        gpus: number of GPUs among them.
    """

    requests: dict[str, str]
    limits: dict[str, str]
    gpus: int


def node_share(
    spec: JobSpec, vm_size: str, capacity: NodeCapacity | None, settings: Settings
) -> NodeShare | None:
    """Return what each node of a job asks for, None when nobody knows the VM size."""
    given = spec.kubernetes.resources
    resource = settings.gpu_resource
    if given is not None:
        gpus = given.limits.get(resource, given.requests.get(resource, "0"))
        count = int(gpus) if gpus.isdecimal() else 0
        return NodeShare(dict(given.requests), dict(given.limits), count)
    found = _capacity(vm_size.upper(), capacity, settings)
    if found is None:
        return None
    limits = {resource: str(found.gpus)} if found.gpus else {}
    return NodeShare({"cpu": found.cpu, "memory": found.memory}, limits, found.gpus)


def gpus_of(vm_size: str, settings: Settings) -> int | None:
    """Return the GPUs of a VM size as settings or table say; None when they do not know it."""
    found = _capacity(vm_size.upper(), None, settings)
    return None if found is None else found.gpus


def _capacity(size: str, capacity: NodeCapacity | None, settings: Settings) -> NodeCapacity | None:
    if capacity is not None:
        cpu = math.floor(_number(capacity.cpu) * 1000 * _SHARE)
        memory = math.floor(_number(capacity.memory) * _SHARE / 2**20)
        usual = _capacity(size, None, settings)
        gpus = max(capacity.gpus, usual.gpus if usual else 0)
        return NodeCapacity(f"{cpu}m", f"{memory}Mi", gpus)
    for name, extra in settings.vm_sizes.items():
        if name.upper() == size:
            return NodeCapacity(extra.cpu, extra.memory, extra.gpus)
    if size in _TABLE:
        cpus, memory_gib, gpus = _TABLE[size]
        return NodeCapacity(str(cpus), f"{int(float(memory_gib) * 1024)}Mi", gpus)
    return None


def _number(quantity: str) -> float:
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        return 0.0
    number, unit = float(found.group(1)), found.group(2)
    return number / 1000 if unit == "m" else number * _UNITS[unit]
