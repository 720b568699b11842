"""How a volume gets into a Pod: inline, or by a claim (platform guide 1.7).

Used by mounting.py. An inline volume lives as long as its Pod and needs no cluster-wide right; a
PersistentVolume is shared by all jobs of the namespace, where `kubernetes.volumeMode` says so and
where inline cannot (NFS, identities of nodes). Only here stands which may be had.

Decision where the spec is silent: the job's `volumeMode` counts for its cluster's volumes too,
because they are mounted by the job's Pods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.endpoints import FileServers
from batchai_operator.planner.facts import Object
from batchai_operator.planner.volumes.claims import SharedVolume, shared_volume
from batchai_operator.planner.volumes.sources import Source
from batchai_operator.settings import Settings


@dataclass(frozen=True)
class Place:
    """Where a job's volumes are planned for.

    Attributes:
        namespace: of the job.
        file_servers: endpoints of the file servers that are named and ready.
        claims: claims by field, as the job's status has them; for readers, which take what the job
            had, whatever has become of its cluster and its file servers.
    """

    namespace: str = "default"
    file_servers: FileServers = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)


def place_of(job: Object) -> Place:
    """Return the place of a job whose Pods were made before, with the claims that they had."""
    claims = (job.get("status") or {}).get("volumeClaims") or ()
    by_field = {str(claim["field"]): str(claim["claimName"]) for claim in claims}
    return Place(job["metadata"]["namespace"], claims=by_field)


def form_of(
    where: str, source: Source, spec: JobSpec, settings: Settings, place: Place
) -> tuple[dict[str, Any], SharedVolume | None]:
    """Return the Pod's entry without its name, and the volume that must exist for it."""
    if where in place.claims:
        return _by_claim(place.claims[where]), None
    if source.claim:
        return _by_claim(source.claim), None
    if source.awaited:
        # Nothing is made before the server is there; a volume that is never mounted stands for it.
        return {"emptyDir": {}}, None
    _check_identity(source, settings)
    mode = spec.kubernetes.volume_mode
    if not source.no_inline and mode != "PersistentVolume":
        return _inline(source), None
    if not settings.static_volumes:
        raise _no_static_volumes(where, source.no_inline)
    made = shared_volume(source, place.namespace)
    return _by_claim(made.name), made


def _inline(source: Source) -> dict[str, Any]:
    attributes = dict(source.attributes)
    if source.secret:
        attributes["secretName"] = source.secret
    if source.options:
        attributes["mountOptions"] = source.separator.join(source.options)
    return {"csi": {"driver": source.driver, "volumeAttributes": attributes}}


def _by_claim(name: str) -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": name}}


def _check_identity(source: Source, settings: Settings) -> None:
    """Refuse the identity of nodes, which all namespaces share, unless that was permitted."""
    if source.node_identity and not settings.node_identity:
        raise InvalidSpecError(
            f"{source.node_identity}: the driver would act as the Kubernetes node, on behalf of "
            "any namespace, which the administrator has not permitted (nodeIdentity of the chart);"
            " keep a key in a Kubernetes Secret and name it in credentials.secretRef, or use "
            "credentials.workloadIdentity",
            code="UnsupportedCredentials",
            field=source.node_identity,
        )


def _no_static_volumes(where: str, reason: str) -> InvalidSpecError:
    why = reason or "kubernetes.volumeMode is PersistentVolume"
    remedy = "" if reason else "remove kubernetes.volumeMode, or "
    return InvalidSpecError(
        f"{where} needs a PersistentVolume ({why}), which this operator may not make: it serves "
        "one namespace only, or the administrator has set staticVolumes of the chart to false; "
        f"{remedy}have an administrator make a claim and name it in persistentVolumeClaims",
        code="UnsupportedVolume",
        field=where,
    )
