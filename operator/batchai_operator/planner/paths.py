"""Where a job's files are: its folder on the node, its path segment, its outputs (spec 4).

Used by environment.py, launch.py, pods.py and reader.py. It expands the static references in paths
(spec 3.8) and decides which volume a path lies on; it mounts nothing.

Decisions where the spec is silent:
- A prefix or input that refers to an unknown variable: inputs keep the text as it is, a prefix must
  become an absolute path, so it fails the job and names the field.
- A prefix that is on no mounted volume, `$AZ_BATCHAI_MOUNT_ROOT/external` of a recipe included, is
  a folder of the Pod: the job runs as it did on the service, and a condition says what is not kept.
- An annotation that is no valid resource group name (spec 1.3) is ignored.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.expansion import expand
from batchai_operator.planner.facts import Object
from batchai_operator.planner.volumes import Mount
from batchai_operator.settings import Settings

_RESOURCE_GROUP = re.compile(r"[-\w.]*[-\w][-\w.]*", re.ASCII)


@dataclass(frozen=True)
class Output:
    """A folder that is made for the job's output.

    Attributes:
        id: `stdouterr`, or the id of an output directory.
        base: prefix and segment; everything the job owns under that prefix is below it.
        path: the folder itself.
        mount: the volume that it lies on; None for a folder of the Pod.
    """

    id: str
    base: str
    path: str
    mount: Mount | None


@dataclass(frozen=True)
class Paths:
    """All paths of a job, expanded.

    Attributes:
        root: the job's folder on a node, `{J}` of spec 3.2.
        segment: `jobOutputDirectoryPathSegment`.
        stdouterr: folder of logs.
        outputs: output directories, in order.
        inputs: (id, path) of input directories, in order.
    """

    root: str
    segment: str
    stdouterr: Output
    outputs: tuple[Output, ...]
    inputs: tuple[tuple[str, str], ...]

    @property
    def shared(self) -> str:
        """`AZ_BATCHAI_SHARED_JOB_TEMP`."""
        return f"{self.root}/shared"

    @property
    def working_directory(self) -> str:
        """`AZ_BATCHAI_JOB_WORK_DIR` (spec 11, 6)."""
        return f"{self.root}/wd"

    @property
    def hostfile(self) -> str:
        """`AZ_BATCHAI_MPI_HOST_FILE`."""
        return f"{self.root}/hostfile"

    @property
    def local_bases(self) -> tuple[str, ...]:
        """Bases of outputs that need an emptyDir of their own, outside of the job's folder."""
        bases = dict.fromkeys(
            output.base
            for output in (self.stdouterr, *self.outputs)
            if output.mount is None and not is_below(output.base, self.root)
        )
        return tuple(bases)


def job_name(job: Object, spec: JobSpec) -> str:
    """Return the Batch AI name of a job."""
    return spec.name or str(job["metadata"]["name"])


def job_root(job: Object, spec: JobSpec) -> str:
    """Return the job's folder on a node, `{J}` of spec 3.2."""
    return f"{names.JOBS_ROOT}/{spec.workspace}/{spec.experiment}/{job_name(job, spec)}"


def segment(
    job: Object, spec: JobSpec, settings: Settings, namespace_annotations: Mapping[str, str]
) -> str:
    """Return `jobOutputDirectoryPathSegment` (spec 4.2); what the status says already, stays."""
    written = (job.get("status") or {}).get("jobOutputDirectoryPathSegment")
    if written:
        return str(written)
    metadata = job["metadata"]
    group = namespace_annotations.get(names.RESOURCE_GROUP_ANNOTATION, "")
    if not _RESOURCE_GROUP.fullmatch(group) or group in {".", ".."}:
        group = metadata["namespace"]
    return (
        f"{settings.subscription_id}/{group}/workspaces/{spec.workspace}"
        f"/experiments/{spec.experiment}/jobs/{job_name(job, spec)}/{metadata['uid']}"
    )


def job_paths(job: Object, spec: JobSpec, path_segment: str, mounts: Sequence[Mount]) -> Paths:
    """Return all paths of a job.

    Args:
        job: the BatchAIJob.
        spec: its spec.
        path_segment: of `segment`.
        mounts: volumes of job and cluster.

    Raises:
        InvalidSpecError: a prefix does not become an absolute path; names the field.
    """
    root = job_root(job, spec)
    known = static_variables(root, spec)

    def output(id_: str, field: str, prefix: str, tail: str) -> Output:
        base = posixpath.join(_absolute(field, prefix, known), path_segment)
        path = posixpath.normpath(posixpath.join(base, tail))
        return Output(id=id_, base=base, path=path, mount=mount_of(path, mounts))

    stdouterr = output(
        names.STDOUTERR_ID, "stdOutErrPathPrefix", spec.std_out_err_path_prefix, "stdouterr"
    )
    known["AZ_BATCHAI_STDOUTERR_DIR"] = stdouterr.path
    inputs = []
    for index, entry in enumerate(spec.input_directories):
        path = expand(entry.path, known, f"inputDirectories[{index}].path")
        known[f"AZ_BATCHAI_INPUT_{entry.id}"] = path
        inputs.append((entry.id, path))
    outputs = []
    for index, directory in enumerate(spec.output_directories):
        field = f"outputDirectories[{index}].pathPrefix"
        suffix = expand(
            directory.path_suffix or "", known, f"outputDirectories[{index}].pathSuffix"
        )
        tail = posixpath.join("outputs", suffix.lstrip("/"))
        made = output(directory.id, field, directory.path_prefix, tail)
        if not is_below(made.path, f"{made.base}/outputs"):
            raise InvalidSpecError(
                f"outputDirectories[{index}].pathSuffix leaves the job's folder; remove '..'",
                field=f"outputDirectories[{index}].pathSuffix",
            )
        known[f"AZ_BATCHAI_OUTPUT_{directory.id}"] = made.path
        outputs.append(made)
    return Paths(root, path_segment, stdouterr, tuple(outputs), tuple(inputs))


def static_variables(root: str, spec: JobSpec) -> dict[str, str]:
    """Return the variables that paths may refer to: the roots, and the user's own literals.

    A user's variable sees the roots and the user's earlier ones, and never replaces a root.
    """
    roots = root_variables(root)
    known = dict(roots)
    for index, variable in enumerate(spec.environment_variables):
        if variable.name not in roots:
            field = f"environmentVariables[{index}].value"
            known[variable.name] = expand(variable.value, known, field)
    return known


def root_variables(root: str) -> dict[str, str]:
    """Return the variables that name folders of the node (spec 3.2).

    `AZ_BATCHAI_JOB_TEMP_DIR` is the job's own folder, so that it can be used as a prefix
    (spec 11, 4).
    """
    return {
        "AZ_BATCHAI_ROOT": names.LS_ROOT,
        "AZ_BATCHAI_MOUNT_ROOT": names.MOUNT_ROOT,
        "AZ_BATCHAI_JOB_MOUNT_ROOT": f"{root}/mounts",
        "AZ_BATCHAI_JOB_TEMP": root,
        "AZ_BATCHAI_JOB_TEMP_DIR": root,
        "AZ_BATCHAI_JOB_WORK_DIR": f"{root}/wd",
        "AZ_BATCHAI_SHARED_JOB_TEMP": f"{root}/shared",
        "AZ_BATCHAI_MPI_HOST_FILE": f"{root}/hostfile",
    }


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """Return the innermost volume that a path lies on."""
    holding = [mount for mount in mounts if is_below(path, mount.path)]
    return max(holding, key=lambda mount: len(mount.path), default=None)


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _absolute(field: str, prefix: str, known: Mapping[str, str]) -> str:
    path = expand(prefix, known, field)
    if not path.startswith("/") or "$" in path:
        raise InvalidSpecError(
            f"{field} {prefix} refers to a variable that the job does not have; use an absolute "
            "path, $AZ_BATCHAI_JOB_MOUNT_ROOT/… or $AZ_BATCHAI_MOUNT_ROOT/…",
            field=field,
        )
    return posixpath.normpath(path)
