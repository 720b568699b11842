"""What every Pod that sees a job's files has alike: the nodes', and the readers' afterwards.

Used by children.py and files/reader.py.
"""

from typing import Any

from batchai_operator import names
from batchai_operator.planner.facts import Object
from batchai_operator.planner.naming import label_value
from batchai_operator.planner.pods import identity
from batchai_operator.planner.pods.build import Build, registry_secret


def pod_basics(build: Build) -> dict[str, Any]:
    """Return what every Pod of a job has, readers included."""
    kubernetes = build.spec.kubernetes
    basics: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    if kubernetes.service_account_name:
        basics["serviceAccountName"] = kubernetes.service_account_name
    security = identity.pod_security(build.spec)
    if security:
        basics["securityContext"] = security
    secrets = [registry_secret(build.spec), *(s.name for s in kubernetes.image_pull_secrets)]
    named = list(dict.fromkeys(name for name in secrets if name))
    if named:
        basics["imagePullSecrets"] = [{"name": name} for name in named]
    return basics


def child_labels(build: Build) -> dict[str, str]:
    """Return the labels of every child of a job."""
    return {
        names.MANAGED_BY_LABEL: names.FIELD_MANAGER,
        names.JOB_UID_LABEL: build.job["metadata"]["uid"],
        names.JOB_LABEL: label_value(build.job["metadata"]["name"]),
        names.WORKSPACE_LABEL: label_value(build.spec.workspace),
        names.EXPERIMENT_LABEL: label_value(build.spec.experiment),
        names.CLUSTER_LABEL: label_value(build.cluster_name),
    }


def job_volumes(build: Build) -> list[Object]:
    """Return the volumes that hold a job's files: its folder, its mounts, folders of the Pod."""
    local = [f"batchai-local-{number}" for number, _ in enumerate(build.paths.local_bases)]
    return [
        {"name": names.TEMP_VOLUME, "emptyDir": {}},
        *build.volumes.entries,
        *({"name": name, "emptyDir": {}} for name in local),
    ]


def job_mounts(build: Build) -> list[Object]:
    """Return where the volumes that hold a job's files are mounted."""
    mounts: list[Object] = [
        {"name": names.SPOOL_VOLUME, "mountPath": names.SPOOL_PATH},
        {"name": names.TEMP_VOLUME, "mountPath": build.paths.root},
    ]
    for mount in build.volumes.mounts:
        entry: Object = {"name": mount.volume, "mountPath": mount.path}
        if mount.sub_path:
            entry["subPath"] = mount.sub_path
        if mount.read_only:
            entry["readOnly"] = True
        mounts.append(entry)
    for number, base in enumerate(build.paths.local_bases):
        mounts.append({"name": f"batchai-local-{number}", "mountPath": base})
    return mounts
