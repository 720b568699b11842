"""Variables and directories of a job or setup task (spec 2.5). Used by job.py and cluster.py."""

from typing import ClassVar

from pydantic.config import JsonDict

from batchai_operator.model.base import Model
from batchai_operator.model.rules import NOT_OURS, Rule
from batchai_operator.model.text import (
    DirectoryId,
    FilePath,
    RelativeFolder,
    RootedPath,
    VariableName,
    VariableValue,
)
from batchai_operator.names import STDOUTERR_ID

BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
"""List whose entries are told apart by `name`."""

BY_ID: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]}
"""List whose entries are told apart by `id`."""


class EnvironmentVariable(Model):
    """An environment variable (spec 2.5)."""

    name: VariableName
    """Name of the variable; the AZ_BATCHAI_ variables of the service win over one of their name."""

    value: VariableValue
    """Value; references to other variables in it are replaced."""

    rules: ClassVar[tuple[Rule, ...]] = (NOT_OURS,)


class InputDirectory(Model):
    """A directory or file that a job reads (spec 2.5)."""

    id: DirectoryId
    """Part of the name of variable `AZ_BATCHAI_INPUT_<id>`."""

    path: FilePath
    """Value of that variable; variables in it are replaced. It need not exist."""


class OutputDirectory(Model):
    """A directory that is made for what a job writes (spec 2.5, 4.3)."""

    id: DirectoryId
    """Part of the name of variable `AZ_BATCHAI_OUTPUT_<id>`, and the name in listings of files."""

    path_prefix: RootedPath
    """Where the directory is made, such as `$AZ_BATCHAI_JOB_MOUNT_ROOT/logs`."""

    path_suffix: RelativeFolder | None = None
    """Path below the job's own output folder, such as `Models`."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"self.id.lowerAscii() != '{STDOUTERR_ID}'",
            message="id {id} is taken by the folder of standard output and error; choose another",
            check=lambda it: it.id.lower() != STDOUTERR_ID,
        ),
    )
