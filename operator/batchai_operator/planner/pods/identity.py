"""Under which user and with which rights the containers of a Pod run (design 3, 7).

Used by children.py and reader.py.

Decisions where the spec is silent:
- The job runs as its image's user, with the runtime's usual rights, because recipes need root;
  where `spec.kubernetes.securityContext.runAsNonRoot` is true, everything else that Pod Security
  `restricted` asks for is filled in unless it is given.
- The sidecar never has more rights than `restricted` allows except to be root: it runs as the job's
  user when that is named, else as root, or as 65532 when the job must not be root.
"""

from typing import Any

from batchai_operator.model.base import to_wire
from batchai_operator.model.job import JobSpec
from batchai_operator.model.kubernetes import SecurityContext

SOMEBODY = 65532
"""User of the sidecar when the job must not be root but names no user."""

_RUNTIME_DEFAULT = {"type": "RuntimeDefault"}


def job_security(spec: JobSpec) -> dict[str, Any]:
    """Return the security context of the job container."""
    context = _context(spec)
    wire = to_wire(context)
    for pod_level in ("fsGroup", "supplementalGroups"):
        wire.pop(pod_level, None)
    capabilities = {name: list(v) for name, v in wire.pop("capabilities", {}).items() if v}
    if context.run_as_non_root:
        capabilities.setdefault("drop", ["ALL"])
        wire.setdefault("allowPrivilegeEscalation", False)
        wire.setdefault("seccompProfile", _RUNTIME_DEFAULT)
    return {**wire, "capabilities": capabilities} if capabilities else wire


def sidecar_security(spec: JobSpec) -> dict[str, Any]:
    """Return the security context of the sidecar and of readers."""
    context = _context(spec)
    user = context.run_as_user
    if user is None:
        user = SOMEBODY if context.run_as_non_root else 0
    security: dict[str, Any] = {"runAsUser": user, "runAsNonRoot": user != 0}
    if context.run_as_group is not None:
        security["runAsGroup"] = context.run_as_group
    return security | {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": _RUNTIME_DEFAULT,
    }


def pod_security(spec: JobSpec) -> dict[str, Any]:
    """Return the security context of the Pod: what only a Pod can say."""
    context = _context(spec)
    security: dict[str, Any] = {}
    if context.fs_group is not None:
        security["fsGroup"] = context.fs_group
    if context.supplemental_groups:
        security["supplementalGroups"] = list(context.supplemental_groups)
    return security


def _context(spec: JobSpec) -> SecurityContext:
    return spec.kubernetes.security_context or SecurityContext()
