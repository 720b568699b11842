"""Which jobs of a cluster may start now, kept as long as nothing about the cluster has changed.

Asked by the job reconciler, told of changes by the inbox. The order itself is the planner's
(`admission.admit`); this only gathers its facts and remembers its answer, because a queue of
thousands asks the same question thousands of times.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from batchai_operator.engine.cache import Cache, Key
from batchai_operator.engine.ports import Object
from batchai_operator.planner import admission
from batchai_operator.planner.facts import Admission


class Admissions:
    """Answers of `admission.admit` by cluster.

    Args:
        cache: jobs, clusters and Pods as they are known now.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._answers: dict[Key, Mapping[str, Admission]] = {}
        self._told: dict[Key, Mapping[str, Admission]] = {}
        self._starting: dict[str, int] = {}

    def touch(self, cluster: Key) -> None:
        """Take note that the cluster, one of its jobs or of their Pods has changed."""
        self._answers.pop(cluster, None)

    def of_cluster(self, cluster: Key) -> Mapping[str, Admission]:
        """Return the answers for all unfinished jobs of a cluster by uid."""
        answers = self._answers.get(cluster)
        if answers is None:
            jobs = self._cache.jobs.in_group(cluster)
            pods = {job["metadata"]["uid"]: self._pods(job) for job in jobs}
            answers = admission.admit(self._cache.clusters.by_name(cluster), jobs, pods)
            self._answers[cluster] = answers
        return answers

    def news(self, cluster: Key) -> list[str]:
        """Return the uids of jobs whose answer differs from that at the last call."""
        answers = self.of_cluster(cluster)
        told = self._told.get(cluster, {})
        if answers:
            self._told[cluster] = answers
        else:
            self._told.pop(cluster, None)
        return [uid for uid, answer in answers.items() if told.get(uid) != answer]

    @contextmanager
    def starting(self, job_uid: str, cluster: Key, nodes: int) -> Iterator[None]:
        """Count a job's nodes as taken while its Pods are being created.

        Between two requests another worker may look; without this it would give the same nodes
        away. Pods that were created before a crash are found by listing them.
        """
        self._starting[job_uid] = nodes
        self.touch(cluster)
        try:
            yield
        finally:
            del self._starting[job_uid]
            self.touch(cluster)

    def _pods(self, job: Object) -> int:
        """Count the Pods that hold a node, or are about to."""
        holding = sum(
            (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
            for pod in self._cache.pods_of(job)
        )
        return max(holding, self._starting.get(job["metadata"]["uid"], 0))
