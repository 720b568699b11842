"""The spec of a BatchAIJob: the `properties` of a job of 2018-05-01 and our additions (spec 2.5).

Used by the planner (`JobSpec.model_validate(obj["spec"])`), the command line, and the generator.
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from batchai_operator.model.base import Model
from batchai_operator.model.container import ContainerSettings
from batchai_operator.model.credentials import EnvironmentSecret
from batchai_operator.model.duration import Duration
from batchai_operator.model.environment import (
    BY_ID,
    BY_NAME,
    EnvironmentVariable,
    InputDirectory,
    OutputDirectory,
)
from batchai_operator.model.jobrules import JOB_RULES, TOOLKITS
from batchai_operator.model.kubernetes import KubernetesSettings
from batchai_operator.model.rules import Rule
from batchai_operator.model.text import (
    BatchAIName,
    Choice,
    CommandLine,
    Count,
    Flag,
    RootedPath,
    Text,
    any_case,
)
from batchai_operator.model.toolkits import (
    Caffe2Settings,
    CaffeSettings,
    ChainerSettings,
    CNTKSettings,
    CustomMpiSettings,
    CustomToolkitSettings,
    HorovodSettings,
    PyTorchSettings,
    TensorFlowSettings,
    Toolkit,
)
from batchai_operator.model.volumes import MountVolumes
from batchai_operator.names import DEFAULT_EXPERIMENT, DEFAULT_WORKSPACE


class ClusterReference(Model):
    """Reference to the cluster of a job."""

    id: Annotated[
        str,
        Text(
            1024,
            rf"[-\w.]{{1,64}}|{any_case('/subscriptions/')}[^/]+{any_case('/resourceGroups/')}[^/]+"
            rf"{any_case('/providers/Microsoft.BatchAI/workspaces/')}[^/]+"
            rf"{any_case('/clusters/')}[-\w.]{{1,64}}",
            "must be the name of a cluster in this namespace, or a resource id /subscriptions/…"
            "/resourceGroups/…/providers/Microsoft.BatchAI/workspaces/…/clusters/NAME",
        ),
    ]
    """Name of a cluster in the job's namespace, or the service's resource id, which ends in it."""

    @property
    def name(self) -> str:
        """The cluster's name, which is the last segment of a resource id."""
        return self.id.rsplit("/", maxsplit=1)[-1]


class JobPreparation(Model):
    """A command that runs on every node before the job (spec 3.7)."""

    command_line: CommandLine
    """Line for bash, run in the job's own container. It must end with code 0 on every node."""


class Constraints(Model):
    """Limits of a job (spec 2.5)."""

    max_wall_clock_time: Annotated[timedelta, Duration()] = timedelta(days=7)
    """Longest running time, as ISO 8601 (`P7D`, `PT1H30M`) or `d.hh:mm:ss` (`7.00:00:00`)."""


class JobSpec(Model):
    """The `properties` of a Batch AI job, as a job.json has them, and what Kubernetes needs beside.

    A job cannot be changed after creation, except for `terminate`, `suspend` and
    `kubernetes.ttlSecondsAfterFinished`.
    """

    name: BatchAIName | None = None
    """Batch AI name of the job, which may hold capitals and `_`; `metadata.name` when absent."""

    workspace: BatchAIName = DEFAULT_WORKSPACE
    """Workspace of the job."""

    experiment: BatchAIName = DEFAULT_EXPERIMENT
    """Experiment of the job."""

    scheduling_priority: Annotated[
        Literal["low", "normal", "high"], Choice("low", "normal", "high")
    ] = "normal"
    """Place in the cluster's queue: `low`, `normal` or `high`; equals go by time of creation."""

    cluster: ClusterReference
    """The cluster that runs the job, for the whole life of the job."""

    node_count: Annotated[Count, Field(ge=1, le=256)]
    """Number of nodes; the job starts when that many are free."""

    mount_volumes: MountVolumes | None = None
    """Volumes mounted for this job, below `$AZ_BATCHAI_JOB_MOUNT_ROOT`."""

    container_settings: ContainerSettings | None = None
    """The container that the job runs in; the operator's image for the cluster's
    `virtualMachineConfiguration` when absent."""

    tensor_flow_settings: TensorFlowSettings | None = None
    """Toolkit TensorFlow."""

    cntk_settings: CNTKSettings | None = None
    """Toolkit CNTK."""

    py_torch_settings: PyTorchSettings | None = None
    """Toolkit PyTorch."""

    caffe_settings: CaffeSettings | None = None
    """Toolkit Caffe."""

    caffe2_settings: Caffe2Settings | None = None
    """Toolkit Caffe2."""

    chainer_settings: ChainerSettings | None = None
    """Toolkit Chainer."""

    horovod_settings: HorovodSettings | None = None
    """Toolkit Horovod."""

    custom_mpi_settings: CustomMpiSettings | None = None
    """A program of one's own under MPI."""

    custom_toolkit_settings: CustomToolkitSettings | None = None
    """Any command line."""

    job_preparation: JobPreparation | None = None
    """Command that runs on every node before the job."""

    std_out_err_path_prefix: RootedPath
    """Where the folder with standard output, error and logs is made, absolute or beginning with a
    variable, such as `$AZ_BATCHAI_JOB_MOUNT_ROOT/logs` (spec 4.3)."""

    input_directories: tuple[InputDirectory, ...] = Field(
        (), max_length=64, json_schema_extra=BY_ID
    )
    """Directories that the job reads."""

    output_directories: tuple[OutputDirectory, ...] = Field(
        (), max_length=64, json_schema_extra=BY_ID
    )
    """Directories made for what the job writes."""

    environment_variables: tuple[EnvironmentVariable, ...] = Field(
        (), max_length=256, json_schema_extra=BY_NAME
    )
    """Environment variables of job and preparation."""

    secrets: tuple[EnvironmentSecret, ...] = Field((), max_length=128, json_schema_extra=BY_NAME)
    """Environment variables with secret values."""

    constraints: Constraints = Constraints()
    """Limits of the job."""

    terminate: Flag = False
    """Set to true to stop the job for good; it ends as failed with code JobTerminated. Once true it
    stays true."""

    suspend: Flag = False
    """While true, the job does not start; a running one is stopped and waits in the queue again."""

    kubernetes: KubernetesSettings = KubernetesSettings()
    """Settings of the job's Pods beyond Batch AI."""

    rules: ClassVar[tuple[Rule, ...]] = JOB_RULES

    @property
    def toolkit(self) -> Toolkit:
        """The one toolkit of the job."""
        (settings,) = (value for value in self._toolkits() if value is not None)
        return settings

    @property
    def toolkit_field(self) -> str:
        """Field of the toolkit, as on the wire."""
        given = zip(TOOLKITS, self._toolkits(), strict=True)
        return next(name for name, value in given if value is not None)

    @property
    def tool_type(self) -> str:
        """The service's word for the toolkit (spec 2.9)."""
        return self.toolkit.tool_type

    def _toolkits(self) -> tuple[Toolkit | None, ...]:
        return (
            self.tensor_flow_settings,
            self.cntk_settings,
            self.py_torch_settings,
            self.caffe_settings,
            self.caffe2_settings,
            self.chainer_settings,
            self.horovod_settings,
            self.custom_mpi_settings,
            self.custom_toolkit_settings,
        )
