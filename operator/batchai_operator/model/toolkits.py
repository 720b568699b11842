"""The nine toolkits of Batch AI (spec 2.8). A job has exactly one.

Used by job.py; the planner matches on these classes.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from batchai_operator.model.base import Model
from batchai_operator.model.rules import Rule, exactly_one
from batchai_operator.model.text import Arguments, Choice, CommandLine, Count, FilePath

ProcessCount = Annotated[Count, Field(ge=1, le=1024)]
"""Number of processes over all nodes."""


class PythonToolkit(Model):
    """What the toolkits that run a Python script have."""

    python_script_file_path: FilePath
    """Script to run; variables such as `$AZ_BATCHAI_JOB_MOUNT_ROOT` may be referenced."""

    python_interpreter_path: FilePath | None = None
    """Python interpreter; `python` on the PATH when absent."""


class TensorFlowSettings(PythonToolkit):
    """TensorFlow with parameter servers (spec 2.8, 3.4)."""

    tool_type: ClassVar[str] = "tensorflow"

    master_command_line_args: Arguments | None = None
    """Arguments of the script in the master, which is worker 0."""

    worker_command_line_args: Arguments | None = None
    """Arguments of the script in workers 1 and up."""

    parameter_server_command_line_args: Arguments | None = None
    """Arguments of the script in the parameter servers."""

    worker_count: Annotated[Count, Field(ge=1, le=1024)] | None = None
    """Number of workers with the master, at most nodeCount times the GPUs of a node; nodeCount when
    absent."""

    parameter_server_count: Annotated[Count, Field(ge=0, le=256)] | None = None
    """Number of parameter servers, at most nodeCount; 1 when absent and there are several nodes."""


class CNTKSettings(Model):
    """Microsoft Cognitive Toolkit (spec 2.8)."""

    tool_type: ClassVar[str] = "cntk"

    language_type: (
        Annotated[Literal["BrainScript", "Python"], Choice("BrainScript", "Python")] | None
    ) = None
    """`BrainScript` (with `configFilePath`) or `Python` (with `pythonScriptFilePath`); taken from
    the file given when absent."""

    config_file_path: FilePath | None = None
    """BrainScript configuration."""

    python_script_file_path: FilePath | None = None
    """Python script to run."""

    python_interpreter_path: FilePath | None = None
    """Python interpreter; `python` on the PATH when absent."""

    command_line_args: Arguments | None = None
    """Arguments of the script or of CNTK."""

    process_count: ProcessCount | None = None
    """Number of processes over all nodes; nodeCount when absent."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one(
            ("configFilePath", "pythonScriptFilePath"),
            "exactly one of configFilePath (BrainScript) and pythonScriptFilePath (Python) must be "
            "given",
        ),
        Rule(
            cel="!has(self.languageType) || "
            "has(self.configFilePath) == (self.languageType.lowerAscii() == 'brainscript')",
            message="languageType {languageType} does not fit: BrainScript needs configFilePath, "
            "Python needs pythonScriptFilePath",
            check=lambda it: (
                it.language_type is None
                or (it.config_file_path is not None) == (it.language_type == "BrainScript")
            ),
        ),
        Rule(
            cel="!has(self.pythonInterpreterPath) || has(self.pythonScriptFilePath)",
            message="pythonInterpreterPath needs pythonScriptFilePath; remove it",
            check=lambda it: (
                it.python_interpreter_path is None or it.python_script_file_path is not None
            ),
        ),
    )


class PyTorchSettings(PythonToolkit):
    """PyTorch (spec 2.8)."""

    tool_type: ClassVar[str] = "pytorch"

    command_line_args: Arguments | None = None
    """Arguments of the script."""

    process_count: ProcessCount | None = None
    """Number of processes over all nodes; nodeCount when absent."""

    communication_backend: (
        Annotated[Literal["TCP", "Gloo", "MPI"], Choice("TCP", "Gloo", "MPI")] | None
    ) = None
    """How the processes talk: `TCP`, `Gloo` or `MPI`; not needed on one node."""


class CaffeSettings(Model):
    """Caffe (spec 2.8)."""

    tool_type: ClassVar[str] = "caffe"

    config_file_path: FilePath | None = None
    """Solver configuration."""

    python_script_file_path: FilePath | None = None
    """Python script to run instead."""

    python_interpreter_path: FilePath | None = None
    """Python interpreter, only with a script; `python` on the PATH when absent."""

    command_line_args: Arguments | None = None
    """Arguments of the script or of Caffe."""

    process_count: ProcessCount | None = None
    """Number of processes over all nodes; nodeCount when absent."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one(
            ("configFilePath", "pythonScriptFilePath"),
            "exactly one of configFilePath and pythonScriptFilePath must be given",
        ),
        Rule(
            cel="!has(self.pythonInterpreterPath) || has(self.pythonScriptFilePath)",
            message="pythonInterpreterPath needs pythonScriptFilePath; remove it",
            check=lambda it: (
                it.python_interpreter_path is None or it.python_script_file_path is not None
            ),
        ),
    )


class Caffe2Settings(PythonToolkit):
    """Caffe2, one task per node (spec 2.8)."""

    tool_type: ClassVar[str] = "caffe2"

    command_line_args: Arguments | None = None
    """Arguments of the script."""


class ChainerSettings(PythonToolkit):
    """ChainerMN, started by MPI (spec 2.8)."""

    tool_type: ClassVar[str] = "chainer"

    command_line_args: Arguments | None = None
    """Arguments of the script."""

    process_count: ProcessCount | None = None
    """Number of processes over all nodes; nodeCount when absent."""


class HorovodSettings(PythonToolkit):
    """Horovod, started by MPI (spec 2.8)."""

    tool_type: ClassVar[str] = "horovod"

    command_line_args: Arguments | None = None
    """Arguments of the script."""

    process_count: ProcessCount | None = None
    """Number of processes over all nodes; nodeCount when absent."""


class CustomMpiSettings(Model):
    """A program of one's own, started by MPI (spec 2.8)."""

    tool_type: ClassVar[str] = "custommpi"

    command_line: CommandLine
    """Program and its arguments, without mpirun."""

    process_count: ProcessCount | None = None
    """Number of processes over all nodes; nodeCount when absent."""


class CustomToolkitSettings(Model):
    """Any command line, run on the first node only (spec 2.8)."""

    tool_type: ClassVar[str] = "custom"

    command_line: Arguments | None = None
    """Line for bash; references to variables are left to the shell."""


Toolkit = (
    TensorFlowSettings
    | CNTKSettings
    | PyTorchSettings
    | CaffeSettings
    | Caffe2Settings
    | ChainerSettings
    | HorovodSettings
    | CustomMpiSettings
    | CustomToolkitSettings
)
"""The toolkit of a job."""
