"""Where a job's files are: its folder on the node, its path segment, its outputs (spec 4).

Used by environment.py, launch.py, children.py and files/reader.py. It puts together the paths of
spec 4.3, whose variables references.py resolves, and decides which volume a path lies on; it mounts
nothing.

Decisions where the spec is silent:
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
from batchai_operator.planner.facts import Object
from batchai_operator.planner.pods.references import INPUT, References
from batchai_operator.planner.volumes.mounting import Mount
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
    return (
        f"{home(job, settings, namespace_annotations)}/workspaces/{spec.workspace}"
        f"/experiments/{spec.experiment}/jobs/{job_name(job, spec)}/{job['metadata']['uid']}"
    )


def home(obj: Object, settings: Settings, namespace_annotations: Mapping[str, str]) -> str:
    """Return subscription and resource group of a namespace's objects, with a slash between."""
    group = namespace_annotations.get(names.RESOURCE_GROUP_ANNOTATION, "")
    if not _RESOURCE_GROUP.fullmatch(group) or group in {".", ".."}:
        group = obj["metadata"]["namespace"]
    return f"{settings.subscription_id}/{group}"


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
    references = References(spec, job_root(job, spec), path_segment)

    def output(id_: str, field: str, prefix: str, tail: str) -> Output:
        base = references.base(field, prefix)
        path = posixpath.normpath(posixpath.join(base, tail))
        return Output(id=id_, base=base, path=path, mount=mount_of(path, mounts))

    field = "stdOutErrPathPrefix"
    stdouterr = output(names.STDOUTERR_ID, field, spec.std_out_err_path_prefix, names.STDOUTERR_ID)
    inputs = [(entry.id, references[f"{INPUT}{entry.id}"]) for entry in spec.input_directories]
    outputs = []
    for index, directory in enumerate(spec.output_directories):
        field = f"outputDirectories[{index}]"
        tail = references.tail(f"{field}.pathSuffix", directory.path_suffix)
        made = output(directory.id, f"{field}.pathPrefix", directory.path_prefix, tail)
        if not is_below(made.path, f"{made.base}/outputs"):
            raise InvalidSpecError(
                f"{field}.pathSuffix leaves the job's folder; remove '..'",
                field=f"{field}.pathSuffix",
            )
        outputs.append(made)
    return Paths(references.root, path_segment, stdouterr, tuple(outputs), tuple(inputs))


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """Return the innermost volume that a path lies on."""
    holding = [mount for mount in mounts if is_below(path, mount.path)]
    return max(holding, key=lambda mount: len(mount.path), default=None)


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
