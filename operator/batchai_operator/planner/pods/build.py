"""Puts together all that a job's Pods are made of: volumes, paths, tasks, image, identity.

Used by job.py and reader.py. A `Build` is made from specs and settings alone, so the same one comes
out for every node, for a second pass and for a reader afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.container import ImageSourceRegistry
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.facts import Object
from batchai_operator.planner.pods import paths as job_paths
from batchai_operator.planner.pods.paths import Paths
from batchai_operator.planner.pods.sizes import NodeShare
from batchai_operator.planner.toolkits.arrangement import arrange
from batchai_operator.planner.toolkits.tasks import Arrangement
from batchai_operator.planner.volumes.forms import Place, place_of
from batchai_operator.planner.volumes.mounting import Volumes, plan_volumes
from batchai_operator.settings import Settings

_PUBLIC = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com"})
"""Names of Docker Hub, where an image without a host comes from."""


@dataclass(frozen=True)
class Build:
    """What all Pods of one attempt of a job have in common.

    Attributes:
        job: the BatchAIJob.
        spec: its spec.
        cluster_name: name of its cluster.
        vm_size: of the cluster, as written there.
        attempt: which run this is, from 1.
        settings: of the operator.
        volumes: of job and cluster.
        paths: of the job.
        share: what each node asks for.
        arrangement: tasks by node.
        image: of the job container.
        selects_size: Kubernetes nodes carry the VM size, and the Pods are to run on those.
    """

    job: Object
    spec: JobSpec
    cluster_name: str
    vm_size: str
    attempt: int
    settings: Settings
    volumes: Volumes
    paths: Paths
    share: NodeShare
    arrangement: Arrangement
    image: str
    selects_size: bool = False


def make_build(
    job: Object,
    spec: JobSpec,
    cluster: ClusterSpec | None,
    share: NodeShare,
    *,
    attempt: int,
    settings: Settings,
    namespace_annotations: Mapping[str, str],
    place: Place | None = None,
    vm_size: str = "",
    selects_size: bool = False,
) -> Build:
    """Put together what the Pods of a job are made of.

    Without a place, the volumes are those that the job's Pods had.

    Raises:
        InvalidSpecError: something is asked for that cannot be done; names the field.
    """
    root = job_paths.job_root(job, spec)
    volumes = plan_volumes(spec, cluster, root, settings, place or place_of(job))
    segment = job_paths.segment(job, spec, settings, namespace_annotations)
    return Build(
        job=job,
        spec=spec,
        cluster_name=spec.cluster.name,
        vm_size=vm_size,
        attempt=attempt,
        settings=settings,
        volumes=volumes,
        paths=job_paths.job_paths(job, spec, segment, volumes.mounts),
        share=share,
        arrangement=arrange(spec, share.gpus),
        image=job_image(spec, cluster, settings),
        selects_size=selects_size,
    )


def check_cluster_reference(job: Object, spec: JobSpec, segment: str) -> None:
    """Refuse a resource id that points to another resource group (design 2).

    Args:
        job: the BatchAIJob.
        spec: its spec.
        segment: its path segment, whose second part is the resource group.

    Raises:
        InvalidSpecError: the cluster is not one of this namespace.
    """
    parts = spec.cluster.id.split("/")
    if len(parts) == 1:
        return
    namespace, group = job["metadata"]["namespace"], parts[4]
    here = {namespace.lower(), *segment.lower().split("/")[1:2]}
    if group.lower() not in here:
        raise InvalidSpecError(
            f"cluster.id points to resource group {group}, but a job runs on a cluster of its own "
            f"namespace {namespace}; name the cluster alone, or create the job in that namespace",
            field="cluster.id",
        )


def check_supported(
    job: Object,
    spec: JobSpec,
    cluster: ClusterSpec | None,
    settings: Settings,
    place: Place | None = None,
) -> None:
    """Refuse what no cluster and no waiting will make possible.

    Called before a job queues, so that it does not wait for hours to be refused.

    Raises:
        InvalidSpecError: an unsupported toolkit, volume or credential; names the field.
    """
    arrange(spec, gpus=0)
    root = job_paths.job_root(job, spec)
    mounts = plan_volumes(spec, cluster, root, settings, place or place_of(job)).mounts
    job_paths.job_paths(job, spec, "segment", mounts)
    for index, secret in enumerate(spec.secrets):
        if secret.value_secret_reference is not None:
            raise _no_key_vault(f"secrets[{index}].valueSecretReference", "secretKeyRef")
    registry = spec.container_settings.image_source_registry if spec.container_settings else None
    credentials = registry.credentials if registry else None
    where = "containerSettings.imageSourceRegistry.credentials"
    if credentials is not None and credentials.password_secret_reference is not None:
        raise _no_key_vault(f"{where}.passwordSecretReference", "secretRef")
    if credentials is not None and credentials.secret_ref is None:
        raise InvalidSpecError(
            f"{where}.secretRef is missing: a user name alone does not log in; name a Secret of "
            "type kubernetes.io/dockerconfigjson",
            field=f"{where}.secretRef",
        )
    if registry is not None:
        _check_registry(registry)


def job_image(spec: JobSpec, cluster: ClusterSpec | None, settings: Settings) -> str:
    """Return the image of the job container: the user's, else the operator's for the cluster's VMs.

    Raises:
        InvalidSpecError: the operator has no image for jobs without container settings.
    """
    if spec.container_settings is not None:
        return spec.container_settings.image_source_registry.image
    machine = cluster.virtual_machine_configuration if cluster else None
    reference = machine.image_reference if machine else None
    images = {key.lower(): image for key, image in settings.node_images.items()}
    wanted = f"{reference.publisher}:{reference.offer}:{reference.sku}".lower() if reference else ""
    image = images.get(wanted) or images.get("default")
    if not image:
        raise InvalidSpecError(
            "containerSettings is missing, and the operator has no image for jobs without it; set "
            "nodeImages.default of the chart, or give containerSettings",
            field="containerSettings",
        )
    return image


def registry_secret(spec: JobSpec) -> str | None:
    """Return the name of the Secret with the job's own registry credentials."""
    registry = spec.container_settings.image_source_registry if spec.container_settings else None
    credentials = registry.credentials if registry else None
    return credentials.secret_ref.name if credentials and credentials.secret_ref else None


def storage_notes(build: Build) -> dict[str, str]:
    """Return what people should know about the job's storage, by type of condition."""
    notes: dict[str, str] = {}
    paths, prefix = build.paths, build.spec.std_out_err_path_prefix
    if build.volumes.notes:
        notes["StorageTranslated"] = " ".join(build.volumes.notes)
    if paths.stdouterr.mount is None:
        notes["LogsNotKept"] = (
            f"stdOutErrPathPrefix {prefix} is on no mounted volume: logs are gone with the job's "
            "Pods. Point it to a volume of mountVolumes to keep them."
        )
        if build.spec.node_count > 1:
            notes["SharedTempNotShared"] = (
                "AZ_BATCHAI_SHARED_JOB_TEMP is a folder of each node, because stdOutErrPathPrefix "
                "is on no mounted volume."
            )
    lost = [output.id for output in paths.outputs if output.mount is None]
    if lost:
        notes["OutputsNotKept"] = (
            f"Output directories {', '.join(lost)} are on no mounted volume: their files are gone "
            "with the job's Pods."
        )
    return notes


def owner_reference(job: Object) -> Object:
    """Return the reference by which Kubernetes deletes a child with its job.

    `blockOwnerDeletion` is false: nothing waits for the children, and no right is needed for it.
    """
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.JOB_KIND,
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _check_registry(registry: ImageSourceRegistry) -> None:
    """Refuse an image that would come from another registry than the one named (spec 2.7).

    Kubernetes takes the registry from the image alone; `mine` would be somebody's on Docker Hub.
    """
    url = (registry.server_url or "").lower()
    server = url.removeprefix("https://").removeprefix("http://").split("/", maxsplit=1)[0]
    host = registry.image.lower().partition("/")[0] if "/" in registry.image else ""
    # In a reference without a host, the first part is a folder of the public registry.
    found = host if "." in host or ":" in host or host == "localhost" else "docker.io"
    if not server or found == server or {found, server} <= _PUBLIC:
        return
    where = "containerSettings.imageSourceRegistry"
    path = registry.image.partition("/")[2] if found == host else registry.image
    raise InvalidSpecError(
        f"{where}.image {registry.image} is one of {found}, not of {where}.serverUrl "
        f"{registry.server_url}: write {server}/{path}, or remove serverUrl",
        field=f"{where}.image",
    )


def _no_key_vault(field: str, instead: str) -> InvalidSpecError:
    return InvalidSpecError(
        f"{field}: Azure Key Vault is not supported; keep the value in a Kubernetes Secret and "
        f"name it in {instead}",
        code="UnsupportedKeyVault",
        field=field,
    )
