"""Reads the specs of jobs, clusters and file servers, each version once.

Used wherever the planner needs a spec. A pass asks several times, a cluster is asked about by every
one of its jobs, and reading costs more than most decisions. What is remembered is compared with
what is asked, so the answer depends on the argument alone.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from batchai_operator.model.base import Model
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.fileserver import FileServerSpec
from batchai_operator.model.job import JobSpec

S = TypeVar("S", bound=Model)

_REMEMBERED = 64
"""Specs of each kind; few, because a read spec is larger than the object."""


class _Reader(Generic[S]):
    def __init__(self, model: type[S]) -> None:
        self._model = model
        self._read: OrderedDict[str, tuple[Mapping[str, Any], S]] = OrderedDict()

    def read(self, obj: Mapping[str, Any]) -> S:
        raw, uid = obj.get("spec") or {}, str((obj.get("metadata") or {}).get("uid", ""))
        known = self._read.get(uid)
        if known is not None and known[0] == raw:
            return known[1]
        spec = self._model.model_validate(raw)
        self._read[uid] = (raw, spec)
        self._read.move_to_end(uid)
        if len(self._read) > _REMEMBERED:
            self._read.popitem(last=False)
        return spec


_JOBS, _CLUSTERS = _Reader(JobSpec), _Reader(ClusterSpec)
_FILE_SERVERS = _Reader(FileServerSpec)


def job_spec(job: Mapping[str, Any]) -> JobSpec:
    """Return the spec of a BatchAIJob.

    Raises:
        pydantic.ValidationError: it is not one.
    """
    return _JOBS.read(job)


def cluster_spec(cluster: Mapping[str, Any]) -> ClusterSpec:
    """Return the spec of a BatchAICluster.

    Raises:
        pydantic.ValidationError: it is not one.
    """
    return _CLUSTERS.read(cluster)


def file_server_spec(server: Mapping[str, Any]) -> FileServerSpec:
    """Return the spec of a BatchAIFileServer.

    Raises:
        pydantic.ValidationError: it is not one.
    """
    return _FILE_SERVERS.read(server)
