"""Makes the launcher's plan of one node: `BATCHAI_PLAN`, as JSON (design 3).

Used by children.py and files/reader.py. The launcher's own docs describe the fields. User text
stands in it as data; every `$` is doubled, because Kubernetes rewrites `$$` and `$(X)` in the value
of a variable.
"""

import json
from typing import Any, Literal

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.planner.naming import node_id, service_name
from batchai_operator.planner.pods.build import Build
from batchai_operator.planner.pods.environment import job_environment
from batchai_operator.planner.pods.paths import is_below, job_name
from batchai_operator.planner.toolkits.tasks import Task, Variable

MAX_PLAN_BYTES = 120_000
"""Linux takes one environment variable of 128 KiB at most; the rest is for names and growth."""

_FIELDS = {
    "preparation": "jobPreparation.commandLine",
    "environment": "inputDirectories",
    "directories": "outputDirectories",
    "folders": "outputDirectories",
    "userEnvironment": "environmentVariables",
    "secretEnvironment": "secrets",
}
"""Where the parts of a plan that may be long come from; the rest is the toolkit's."""

RESERVED_BY_LAUNCHER = frozenset(
    {"BATCHAI_ROOT", "BATCHAI_TIMING", "BATCHAI_TERMINATION_LOG", "BATCHAI_POD_IP"}
)
"""Variables that tell the launcher itself something; a user's of these names are left out."""


def node_plan(build: Build, index: int) -> str:
    """Return the launcher's plan of a node as JSON, not yet doubled.

    Args:
        build: of the job.
        index: of the node, from 0.

    Raises:
        InvalidSpecError: command lines and names are too long together for one variable.
    """
    parts = _plan(build, index)
    plan = _as_json(parts)
    size = len(plan.encode())
    if size > MAX_PLAN_BYTES:
        longest = max(parts, key=lambda name: len(_as_json(parts[name])))
        field = _FIELDS.get(longest) or build.spec.toolkit_field
        if longest == "environment" and len(build.paths.outputs) > len(build.paths.inputs):
            field = "outputDirectories"
        raise InvalidSpecError(
            f"{field}: what a node has to do takes {size} bytes, most of them from here, but may "
            f"have {MAX_PLAN_BYTES} at most; move long command lines into a script on a volume",
            field=field,
        )
    return plan


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def doubled(text: str) -> str:
    """Return a text whose `$` survive Kubernetes' rewriting of variables."""
    return text.replace("$", "$$")


def _plan(build: Build, index: int) -> dict[str, Any]:
    job, spec, paths, count = build.job, build.spec, build.paths, build.spec.node_count
    id_ = node_id(job, build.attempt, index)
    suffix = f"-{id_}" if count > 1 else ""
    environment = job_environment(
        paths,
        job=job_name(job, spec),
        cluster=build.cluster_name,
        subscription=build.settings.subscription_id,
        node_id=id_,
        index=index,
        count=count,
        gpus=build.share.gpus,
        toolkit=build.arrangement.environment,
    )
    host = f"n0.{service_name(job, build.attempt)}"
    preparation = None
    if spec.job_preparation is not None:
        preparation = {
            "commandLine": spec.job_preparation.command_line,
            "stdout": f"stdout-job_prep{suffix}.txt",
            "stderr": f"stderr-job_prep{suffix}.txt",
        }
    return {
        "version": 1,
        "job": {
            "workspace": spec.workspace,
            "experiment": spec.experiment,
            "name": job_name(job, spec),
            "uid": job["metadata"]["uid"],
        },
        "node": {"index": index, "count": count, "id": id_},
        "meeting": {"host": host, "port": names.MEETING_PORT} if count > 1 else None,
        "environment": [_variable(variable) for variable in environment],
        "userEnvironment": user_variables(build),
        "secretEnvironment": [s.name for s in spec.secrets if s.name not in RESERVED_BY_LAUNCHER],
        "folders": _folders(build),
        "links": _links(build),
        "workingDirectory": paths.working_directory,
        "hostfile": {"path": paths.hostfile, "slots": list(build.arrangement.slots)},
        "logs": {
            "directory": paths.stdouterr.path,
            "kind": _log_kind(build),
            "executionLog": f"execution{suffix}.log",
            "patienceSeconds": build.settings.log_patience_seconds,
        },
        "directories": {o.id: o.path for o in (paths.stdouterr, *paths.outputs)},
        "maxSeconds": int(spec.constraints.max_wall_clock_time.total_seconds()),
        "preparation": preparation,
        "tasks": [_task(task) for task in build.arrangement.tasks[index]],
    }


def user_variables(build: Build) -> list[str]:
    """Return the names of the user's variables that reach the container, in order."""
    return [
        variable.name
        for variable in build.spec.environment_variables
        if variable.name not in RESERVED_BY_LAUNCHER
    ]


def _folders(build: Build) -> list[str]:
    """Folders that the sidecar makes; it sees volumes and the Pod's own emptyDirs, nothing else."""
    paths = build.paths
    folders = [f"{paths.root}/mounts", paths.working_directory, paths.stdouterr.path]
    folders += [output.path for output in paths.outputs]
    folders.append(_shared_target(build) or paths.shared)
    return list(dict.fromkeys(folders))


def _links(build: Build) -> list[dict[str, str]]:
    target = _shared_target(build)
    return [{"path": build.paths.shared, "target": target}] if target else []


def _shared_target(build: Build) -> str | None:
    """The folder on the stdouterr volume that nodes share; a job of one node needs none."""
    stdouterr = build.paths.stdouterr
    if build.spec.node_count == 1 or stdouterr.mount is None:
        return None
    target = f"{stdouterr.base}/shared"
    return None if is_below(target, build.paths.shared) else target


def _log_kind(build: Build) -> Literal["share", "blob", "local"]:
    mount = build.paths.stdouterr.mount
    if mount is None:
        return "local"
    # A claim shows writes at once, as a share does.
    return "blob" if mount.kind == "blob" else "share"


def _variable(variable: Variable) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": variable.name, "value": variable.value}
    return {**entry, "addresses": True} if variable.has_addresses else entry


def _task(task: Task) -> dict[str, Any]:
    return {
        "name": task.name,
        "decisive": task.is_decisive,
        "commandLine": task.command_line,
        "environment": [_variable(variable) for variable in task.environment],
        "stdout": f"stdout{task.suffix}.txt",
        "stderr": f"stderr{task.suffix}.txt",
    }
