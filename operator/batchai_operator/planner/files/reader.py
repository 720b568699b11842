"""Makes the Pod that reads the files of a job when no Pod of it runs any more (design 5).

Called by the fronts that read files, with the rights of their user. It mounts what the job mounted,
read-only, runs the launcher alone, asks for no GPU and ends by itself after five minutes. It may go
where the job's Pods went: with all nodes tainted or the volumes on some only, no other would do.
"""

from typing import Any

from batchai_operator import names
from batchai_operator.model.base import to_wire
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.facts import Object
from batchai_operator.planner.naming import pod_name
from batchai_operator.planner.pods import identity
from batchai_operator.planner.pods.basics import (
    child_labels,
    job_mounts,
    job_volumes,
    pod_basics,
)
from batchai_operator.planner.pods.build import Build, make_build, owner_reference
from batchai_operator.planner.pods.launch import doubled, node_plan
from batchai_operator.planner.pods.paths import is_below, job_name
from batchai_operator.planner.pods.sizes import NodeShare
from batchai_operator.planner.volumes.autostorage import with_auto_storage
from batchai_operator.settings import Settings

DEADLINE_SECONDS = 300
"""Life of a reader; whoever reads longer makes another."""

READER_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}
"""What a reader needs, whatever it reads."""


def reader_pod(job: Object, cluster: Object | None, settings: Settings) -> Object:
    """Return a reader of a job's files.

    Args:
        job: the BatchAIJob, with its path segment in the status.
        cluster: its BatchAICluster, whose volumes may hold the files; None when it is gone.
        settings: launcher image and blob endpoint, as the job's Pods had them.

    Returns:
        A Pod with `generateName`, so that several people can read at a time.

    Raises:
        InvalidSpecError: the job's volumes cannot be mounted; names the field.
        pydantic.ValidationError: the job's or cluster's spec makes no sense.
    """
    return pod_of(reader_build(job, cluster, settings))


def pod_of(build: Build) -> Object:
    """Return the reader of a build; see `reader_pod`."""
    job = build.job
    prefix = pod_name(job, build.attempt, 0).rsplit("-", maxsplit=2)[0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{prefix[:50].rstrip('-')}-reader-",
            "namespace": job["metadata"]["namespace"],
            "labels": {**child_labels(build), names.COMPONENT_LABEL: "reader"},
            "ownerReferences": [owner_reference(job)],
        },
        "spec": {
            **pod_basics(build),
            **_placement(build),
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "terminationGracePeriodSeconds": 5,
            "containers": [_container(build)],
            "volumes": [{"name": names.SPOOL_VOLUME, "emptyDir": {}}, *job_volumes(build)],
        },
    }


def reader_build(job: Object, cluster: Object | None, settings: Settings) -> Build:
    """Return what the Pods of a job are made of, as far as a reader needs it; see `reader_pod`."""
    spec = JobSpec.model_validate(job["spec"])
    setup = with_auto_storage(cluster) if cluster else None
    return make_build(
        job,
        spec,
        setup,
        NodeShare({}, {}, 0),
        attempt=int((job.get("status") or {}).get("attempt") or 1),
        settings=settings,
        namespace_annotations={},
    )


def lost_volume(build: Build, directory_id: str) -> str:
    """Return why a reader would find an empty folder where the job's files were, if it would.

    Args:
        build: of `reader_build`.
        directory_id: of an output directory, or `stdouterr`.
    """
    outputs = (build.paths.stdouterr, *build.paths.outputs)
    output = next((each for each in outputs if each.id == directory_id), None)
    if output is None:
        return ""
    where = f"{output.path} of job {job_name(build.job, build.spec)}"
    by_path = "what a volume still has can be read by path: batchai file list, batchai file stream"
    if output.mount is not None and output.mount.field in build.volumes.awaited:
        server = build.volumes.awaited[output.mount.field]
        return f"{where} lies on file server {server}, which is gone or not ready; {by_path}."
    if output.mount is None and is_below(output.path, names.MOUNT_ROOT):
        return (
            f"{where} lies on a volume of cluster {build.cluster_name}, which is gone or does not "
            f"mount it any more; {by_path}."
        )
    return ""


def _placement(build: Build) -> dict[str, Any]:
    kubernetes = build.spec.kubernetes
    # How many GPUs the job had does not matter: nodes that have some may be the only ones.
    gpus = {"key": build.settings.gpu_resource, "operator": "Exists"}
    placement: dict[str, Any] = {
        "tolerations": [*map(to_wire, kubernetes.tolerations), gpus],
    }
    if kubernetes.node_selector:
        placement["nodeSelector"] = dict(kubernetes.node_selector)
    return placement


def _container(build: Build) -> dict[str, Any]:
    own = {names.SPOOL_VOLUME, names.TEMP_VOLUME}
    return {
        "name": names.SIDECAR_CONTAINER,
        "image": build.settings.launcher_image,
        "imagePullPolicy": build.settings.image_pull_policy,
        "command": ["/launcher", "reader"],
        "env": [{"name": names.PLAN_VARIABLE, "value": doubled(node_plan(build, 0))}],
        "resources": READER_RESOURCES,
        "securityContext": identity.sidecar_security(build.spec),
        "volumeMounts": [
            mount if mount["name"] in own else {**mount, "readOnly": True}
            for mount in job_mounts(build)
        ],
    }
