"""What the variables in a job's paths stand for, each in terms of the others (spec 3.8).

Used by paths.py. On the service a shell on the node resolved all of them; here the operator must,
because volumes and folders are made from them.

Decisions where the spec is silent:
- A reference may lead to any other of the job, in whatever order the file has them: an input to an
  output, an output to a user's variable that names an input. A user's variable sees the roots and
  the folders of the job and the user's earlier variables, as on the node, and replaces no root.
- What refers to itself, however far round, and what nobody knows, keeps its text. A prefix must
  become an absolute path, so there it fails the job and names the field.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping

from typing_extensions import override

from batchai_operator import names
from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.pods.expansion import expand, referenced

INPUT, OUTPUT = "AZ_BATCHAI_INPUT_", "AZ_BATCHAI_OUTPUT_"
"""Beginnings of the variables of input and output directories."""

_DEEPEST = 64
"""References that lead on so often are left as they are."""

_STDOUTERR = "AZ_BATCHAI_STDOUTERR_DIR"


class References(Mapping[str, str]):
    """Values of the variables that a job's paths may refer to, found when they are asked for.

    Args:
        spec: of the job.
        root: the job's folder on a node.
        segment: the job's path segment.
    """

    def __init__(self, spec: JobSpec, root: str, segment: str) -> None:
        self.root = root
        self._segment = segment
        self._known = root_variables(root)
        self._asked: set[str] = set()
        self._makers: dict[str, Callable[[], str]] = {}
        for index, variable in enumerate(spec.environment_variables):
            field = f"environmentVariables[{index}].value"
            later = {each.name for each in spec.environment_variables[index:]} - self._known.keys()
            self._add(variable.name, self._variable, field, variable.value, later)
        prefix = spec.std_out_err_path_prefix
        self._add(_STDOUTERR, self._folder, "stdOutErrPathPrefix", prefix, names.STDOUTERR_ID)
        for index, entry in enumerate(spec.input_directories):
            self._add(
                f"{INPUT}{entry.id}", self._text, f"inputDirectories[{index}].path", entry.path
            )
        for index, directory in enumerate(spec.output_directories):
            field = f"outputDirectories[{index}]"
            self._add(
                f"{OUTPUT}{directory.id}",
                self._output,
                field,
                directory.path_prefix,
                directory.path_suffix,
            )
        # In their order, so that a long chain of variables is no deep one.
        for variable in spec.environment_variables:
            self.get(variable.name)

    @override
    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            if name in self._asked or name not in self._makers or len(self._asked) >= _DEEPEST:
                raise KeyError(name)
            self._asked.add(name)
            try:
                self._known[name] = self._makers[name]()
            finally:
                self._asked.discard(name)
        return self._known[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._known, *self._makers]))

    @override
    def __len__(self) -> int:
        return len(list(iter(self)))

    def base(self, field: str, prefix: str) -> str:
        """Return a prefix and the job's segment below it.

        Raises:
            InvalidSpecError: the prefix does not become an absolute path; names the field.
        """
        path = expand(prefix, self, field)
        if not path.startswith("/") or "$" in path:
            raise InvalidSpecError(
                f"{field} {prefix} refers to a variable that the job does not have; use an "
                "absolute path, $AZ_BATCHAI_JOB_MOUNT_ROOT/… or $AZ_BATCHAI_MOUNT_ROOT/…",
                field=field,
            )
        return posixpath.join(posixpath.normpath(path), self._segment)

    def tail(self, field: str, suffix: str | None) -> str:
        """Return where an output directory is below prefix and segment."""
        return posixpath.join("outputs", expand(suffix or "", self, field).lstrip("/"))

    def _add(self, name: str, make: Callable[..., str], *facts: object) -> None:
        self._makers[name] = lambda: make(*facts)

    def _text(self, field: str, text: str) -> str:
        return expand(text, self, field)

    def _variable(self, field: str, text: str, later: set[str]) -> str:
        seen = {name: self.get(name) for name in referenced(text) - later}
        return expand(
            text, {name: value for name, value in seen.items() if value is not None}, field
        )

    def _folder(self, field: str, prefix: str, tail: str) -> str:
        return posixpath.normpath(posixpath.join(self.base(field, prefix), tail))

    def _output(self, field: str, prefix: str, suffix: str | None) -> str:
        tail = self.tail(f"{field}.pathSuffix", suffix)
        return self._folder(f"{field}.pathPrefix", prefix, tail)


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
