"""Starts a job that has not all its Pods: waits for cluster, nodes and Secrets, then makes them.

Used by job.py. What can never work is refused before the job queues; what may come (cluster, its
auto-storage, free nodes, a VM size, a Secret) is waited for, and the status says for what.

Decisions where the spec is silent: a missing Secret is waited for 15 s, because people apply jobs
and Secrets together, and then ends the job as the mount error that it would become; a VM size that
nobody knows keeps the job waiting, because nodes of that size or a setting may still come. A job
whose file server is not ready, or whose volume an earlier job has not let go, lets the others of
its cluster go first (admission.py) until that has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.facts import JobFacts, Object
from batchai_operator.planner.jobs import rejections
from batchai_operator.planner.jobs.failures import Failure
from batchai_operator.planner.jobs.observed import Observed, attempt_of
from batchai_operator.planner.jobs.secrets import check_secrets
from batchai_operator.planner.jobs.status import Report
from batchai_operator.planner.jobs.waiting import STORAGE_READY, Obstacle, seconds_since
from batchai_operator.planner.plan import JobPlan
from batchai_operator.planner.pods import paths
from batchai_operator.planner.pods.build import (
    Build,
    check_cluster_reference,
    check_supported,
    make_build,
    storage_notes,
)
from batchai_operator.planner.pods.children import meeting_children, node_pod
from batchai_operator.planner.pods.sizes import node_share
from batchai_operator.planner.reasons import (
    NODE_REFUSED,
    SERVER_MISSING,
    VOLUME_ENDING,
    explain,
    last_reason,
)
from batchai_operator.planner.specs import job_spec
from batchai_operator.planner.volumes import autostorage
from batchai_operator.planner.volumes.claims import shared_claims
from batchai_operator.planner.volumes.forms import Place
from batchai_operator.planner.volumes.mounting import Volumes, claims_of, plan_volumes

SECRET_PATIENCE_SECONDS = 15.0
"""How long a Secret may come later than the job."""

SCHEDULING = "Waiting for the scheduler."
"""Said from the making of Pods until Kubernetes says something better."""

_LOOK_AGAIN_SECONDS = 2.0
_SERVER_SECONDS = 60.0
_NEW_SIZE_SECONDS = 60.0


@dataclass(frozen=True)
class Start:
    """What became of an attempt to start.

    Attributes:
        report: what to say.
        plan: what to create, and when to look again.
        failure: the job cannot start, now or ever; then the rest does not count.
    """

    report: Report
    plan: JobPlan = field(default_factory=JobPlan)
    failure: Failure | None = None


def start(facts: JobFacts, spec: JobSpec, observed: Observed, missing: Sequence[int]) -> Start:
    """Make the Pods that are missing, or say what the job waits for.

    Args:
        facts: of the job.
        spec: its spec.
        observed: the Pods that there are.
        missing: indices of nodes without a Pod.

    Raises:
        InvalidSpecError: the job asks for what cannot be done.
    """
    attempt = attempt_of(facts.job)
    basic = Report(
        "queued",
        facts.admission.reason,
        facts.admission.message,
        attempt,
        segment=paths.segment(facts.job, spec, facts.settings, facts.namespace_annotations),
        tool_type=spec.tool_type,
    )
    try:
        cluster = _cluster(facts)
    except ValidationError as error:
        text = f"Waiting: cluster {spec.cluster.name} is not valid: {explain(error)}"
        return Start(_waiting(basic, "InvalidCluster", text))
    check_cluster_reference(facts.job, spec, basic.segment or "")
    if facts.cluster and cluster and autostorage.is_missing(facts.cluster, cluster):
        text = (
            f"Waiting for the auto-storage of cluster {spec.cluster.name}: "
            f"{autostorage.why_missing(facts.cluster)}"
        )
        return Start(_waiting(basic, "AutoStorageNotReady", text))
    check_supported(facts.job, spec, cluster, facts.settings, _place(facts))
    if cluster is None:
        text = (
            f"Cluster {spec.cluster.name} does not exist in namespace "
            f"{facts.job['metadata']['namespace']}; the job starts when it is created."
        )
        return Start(_waiting(basic, "ClusterNotFound", text))
    if not facts.admission.admitted and not observed.current:
        return _not_its_turn(facts, spec, cluster, basic)
    pause = 0.0 if observed.current else rejections.seconds_left(observed, facts.now)
    if pause > 0:
        text = rejections.describe(observed)
        return Start(_waiting(basic, NODE_REFUSED, text), JobPlan(requeue_after=pause))
    share = node_share(spec, cluster.vm_size, facts.capacity, facts.settings)
    if share is None:
        text = (
            f"Waiting: nobody knows VM size {cluster.vm_size} of cluster {spec.cluster.name}; add "
            "it to vmSizes of the chart, or label Kubernetes nodes with that instance type."
        )
        return Start(
            _waiting(basic, "UnknownVmSize", text), JobPlan(requeue_after=_NEW_SIZE_SECONDS)
        )
    build = make_build(
        facts.job,
        spec,
        cluster,
        share,
        attempt=attempt,
        settings=facts.settings,
        namespace_annotations=facts.namespace_annotations,
        place=_place(facts),
        vm_size=_written_size(facts),
        selects_size=facts.capacity is not None,
    )
    if build.volumes.awaited:
        return _without_server(build.volumes.awaited, basic)
    return _with_secrets(facts, build, basic, missing)


def job_volumes_of(facts: JobFacts, spec: JobSpec) -> Volumes:
    """Return the volumes of a job whose Pods exist; as far as its cluster still tells."""
    root = paths.job_root(facts.job, spec)
    try:
        return plan_volumes(spec, _cluster(facts), root, facts.settings, _place(facts))
    except (ValidationError, InvalidSpecError):
        return Volumes((), (), ())


def _not_its_turn(facts: JobFacts, spec: JobSpec, cluster: ClusterSpec, basic: Report) -> Start:
    """Say what a job waits for; what it gave up its turn for, as long as that is so.

    By that reason it stands behind the others; without it, it would be first again at once. Whether
    a volume has ended is known by making it anew.
    """
    before = last_reason(facts.job)
    if not facts.admission.position or before not in {SERVER_MISSING, VOLUME_ENDING}:
        return Start(basic)
    root = paths.job_root(facts.job, spec)
    volumes = plan_volumes(spec, cluster, root, facts.settings, _place(facts))
    if before == VOLUME_ENDING:
        return Start(basic, JobPlan(shared=volumes.shared))
    return _without_server(volumes.awaited, basic) if volumes.awaited else Start(basic)


def _without_server(awaited: Mapping[str, str], basic: Report) -> Start:
    """A file server may take minutes to start, and may be made after the job; it is waited for."""
    where, server = next(iter(awaited.items()))
    text = (
        f"Waiting for file server {server} of {where}; the job starts when it is ready. `kubectl "
        "get batchaifileservers` shows its state."
    )
    obstacle = Obstacle(STORAGE_READY, SERVER_MISSING, text)
    report = _waiting(basic, SERVER_MISSING, text, obstacle)
    return Start(report, JobPlan(requeue_after=_SERVER_SECONDS))


def _place(facts: JobFacts) -> Place:
    return Place(facts.job["metadata"]["namespace"], facts.file_servers)


def unwritten_claims(facts: JobFacts) -> list[Object] | None:
    """Return the claims of a job's Pods by field, if its status does not tell them.

    That is so after a crash between the Pods and the first status.
    """
    pods = [pod for pod in facts.pods if shared_claims(pod)]
    if not pods or (facts.job.get("status") or {}).get("volumeClaims"):
        return None
    try:
        mounts = job_volumes_of(facts, job_spec(facts.job)).mounts
    except ValidationError:
        return None
    mounted = {name for pod in pods for name in shared_claims(pod)}
    return [claim for claim in claims_of(mounts) if claim["claimName"] in mounted] or None


def _with_secrets(facts: JobFacts, build: Build, basic: Report, missing: Sequence[int]) -> Start:
    notes = storage_notes(build)
    problem = check_secrets(build, facts.secrets)
    if problem is not None:
        status = facts.job.get("status") or {}
        waited = seconds_since(status, STORAGE_READY, facts.now)
        left = SECRET_PATIENCE_SECONDS - waited if problem.may_come else 0.0
        if left <= 0:
            return Start(basic, failure=problem.failure)
        obstacle = Obstacle(STORAGE_READY, "SecretNotFound", problem.message, problem.failure, left)
        report = _waiting(basic, "SecretNotFound", problem.message, obstacle)
        return Start(report, JobPlan(requeue_after=min(left, _LOOK_AGAIN_SECONDS)))
    pods = tuple(node_pod(build, index) for index in missing)
    volumes = build.volumes
    waiting = _waiting(basic, "Scheduling", SCHEDULING)
    report = replace(waiting, notes=notes, claims=claims_of(volumes.mounts))
    children = (*meeting_children(build, facts.new_key), *pods)
    return Start(report, JobPlan(shared=volumes.shared, create=children))


def _cluster(facts: JobFacts) -> ClusterSpec | None:
    if facts.cluster is None:
        return None
    return autostorage.with_auto_storage(facts.cluster)


def _written_size(facts: JobFacts) -> str:
    """The VM size in the letter case of the nodes' label, or of the cluster."""
    if facts.capacity is not None and facts.capacity.vm_size:
        return facts.capacity.vm_size
    return str(((facts.cluster or {}).get("spec") or {}).get("vmSize") or "")


def _waiting(basic: Report, reason: str, message: str, obstacle: Obstacle | None = None) -> Report:
    return replace(basic, reason=reason, message=message, obstacle=obstacle)
