"""Which jobs of a cluster may start now, kept as long as nothing about the cluster has changed.

Asked by the job reconciler, told of changes by the inbox. The order itself is the planner's
(`admission.admit`); this only gathers its facts and remembers its answers, because a queue of
thousands asks the same question thousands of times. What a change cannot alter is not asked again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from batchai_operator.engine.ports import Object
from batchai_operator.engine.reconcile.cache import Cache
from batchai_operator.engine.reconcile.table import Key
from batchai_operator.planner.clusters import admission
from batchai_operator.planner.clusters.admission import Claim
from batchai_operator.planner.facts import Admission


@dataclass(frozen=True)
class _Known:
    """What was answered, and what it rests on, by uid of the job."""

    answers: Mapping[str, Admission]
    claims: dict[str, Claim]


class Admissions:
    """Answers of `admission.admit` by cluster.

    Args:
        cache: jobs, clusters and Pods as they are known now.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[Key, _Known] = {}
        self._told: dict[Key, Mapping[str, Admission]] = {}
        self._starting: dict[str, int] = {}

    def touch(self, cluster: Key) -> None:
        """Take note that the cluster itself has changed."""
        self._known.pop(cluster, None)

    def job_changed(self, job: Object, cluster: Key) -> None:
        """Take note that a job of the cluster, or one of its Pods, has come or changed."""
        known, uid = self._known.get(cluster), job["metadata"]["uid"]
        if known is None:
            return
        answer, pods = known.answers.get(uid), self._pods(job)
        if not self._cache.jobs.is_in_group(uid, cluster):
            self.job_left(uid, cluster)
            return
        if answer is not None:
            fresh = admission.claim(job, pods, admitted=answer.admitted)
            if known.claims[uid].allows(fresh):
                known.claims[uid] = fresh
                return
        elif not pods:
            owner = self._cache.clusters.by_name(cluster)
            answer = admission.admit_newcomer(owner, job, known.answers, known.claims)
            if answer is not None:
                fresh = admission.claim(job, pods, admitted=True)
                self._known[cluster] = _Known(
                    {**known.answers, uid: answer}, {**known.claims, uid: fresh}
                )
                return
        self.touch(cluster)

    def job_left(self, uid: str, cluster: Key) -> None:
        """Take note that a job has ended, or is gone, or belongs to another cluster."""
        known = self._known.get(cluster)
        if known is None:
            return
        if admission.has_queue(known.answers):
            self.touch(cluster)
        else:
            # Room that nobody waits for changes no answer.
            answers = {other: each for other, each in known.answers.items() if other != uid}
            known.claims.pop(uid, None)
            self._known[cluster] = _Known(answers, known.claims)

    def of_job(self, job: Object, cluster: Key) -> Admission | None:
        """Return the answer for an unfinished job of a cluster, None when it is not known."""
        answer = admission.settled(job, self._pods(job))
        return answer or self.of_cluster(cluster).get(job["metadata"]["uid"])

    def of_cluster(self, cluster: Key) -> Mapping[str, Admission]:
        """Return the answers for all unfinished jobs of a cluster by uid."""
        known = self._known.get(cluster)
        if known is None:
            jobs = self._cache.jobs.in_group(cluster)
            pods = {job["metadata"]["uid"]: self._pods(job) for job in jobs}
            answers = admission.admit(self._cache.clusters.by_name(cluster), jobs, pods)
            claims = {}
            for job in jobs:
                uid = job["metadata"]["uid"]
                claims[uid] = admission.claim(job, pods[uid], admitted=answers[uid].admitted)
            known = self._known[cluster] = _Known(answers, claims)
        return known.answers

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
    def starting(self, job: Object, cluster: Key) -> Iterator[None]:
        """Count a job's nodes as taken while its Pods are being created.

        Between two requests another worker may look; without this it would give the same nodes
        away. Pods that were created before a crash are found by listing them.
        """
        uid = job["metadata"]["uid"]
        self._starting[uid] = admission.nodes_of(job)
        self.job_changed(job, cluster)
        try:
            yield
        finally:
            del self._starting[uid]
            self.job_changed(job, cluster)

    def _pods(self, job: Object) -> int:
        """Count the Pods that hold a node, or are about to."""
        holding = sum(
            (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
            for pod in self._cache.pods_of(job)
        )
        return max(holding, self._starting.get(job["metadata"]["uid"], 0))
