"""The plan of a file server: its status, and what runs it (spec 2.11, design 5).

Called by the engine's pass over one BatchAIFileServer. One with `nfs` stands for a server that
exists and needs nothing made. One with `storage` gets a claim (unless the user names one), a
Service with an address of the cluster, by which nodes mount it, and a Deployment of one Pod.

Decisions where the spec is silent: the claim that was made goes with the file server, as the
service's disks did, and one that the user named stays. A server that has worked once stays
`succeeded` while its Pod is made anew, because mounts wait for it; `Ready` says that it is away.
"""

from pydantic import ValidationError

from batchai_operator.model.fileserver import FileServerSpec
from batchai_operator.planner.conditions import Condition, merge_conditions
from batchai_operator.planner.facts import FileServerFacts, Object
from batchai_operator.planner.fileservers.children import (
    EXPORT,
    claim,
    claim_name,
    deployment,
    is_made,
    is_same,
    service,
)
from batchai_operator.planner.plan import Event, FileServerPlan
from batchai_operator.planner.reasons import explain, last_reason
from batchai_operator.planner.specs import file_server_spec
from batchai_operator.planner.times import parse, render

LOOK_AGAIN_SECONDS = 15.0
"""Pause between two looks at a claim, of which no watch tells."""


def plan_file_server(facts: FileServerFacts) -> FileServerPlan:
    """Return what to do about a file server.

    Args:
        facts: the file server and what runs it.

    Returns:
        The plan; its status is None when nothing has changed.
    """
    try:
        spec = file_server_spec(facts.server)
    except ValidationError as error:
        text = explain(error)
        return _told(facts, "failed", "InvalidFileServer", text, is_stalled=True)
    if spec.nfs is not None:
        where = (spec.nfs.server, spec.nfs.path)
        text = f"{spec.nfs.server}:{spec.nfs.path} is not run by the operator."
        return _told(facts, "succeeded", "Endpoint", text, where=where, is_ready=True)
    return _run(facts, spec)


def _run(facts: FileServerFacts, spec: FileServerSpec) -> FileServerPlan:
    """Plan what runs a server, and tell how far it is."""
    if not facts.settings.file_server_image:
        text = (
            "The operator may not run file servers here (fileServer.enabled of the chart); give "
            "`nfs` with a server that exists, or ask the administrator."
        )
        return _told(facts, _state(facts), "NotPermitted", text, is_stalled=True)
    if facts.refusal:
        return _told(facts, _state(facts), "Forbidden", facts.refusal, is_stalled=True, again=True)
    create: list[Object] = []
    if facts.claim is None and is_made(spec):
        create.append(claim(facts.server, spec))
    if facts.service is None:
        create.append(service(facts.server))
    wanted = deployment(facts.server, spec, facts.settings)
    apply = () if is_same(facts.deployment, wanted) else (wanted,)
    plan = _progress(facts, spec)
    return FileServerPlan(tuple(create), apply, plan.status, plan.events, plan.requeue_after)


def _progress(facts: FileServerFacts, spec: FileServerSpec) -> FileServerPlan:
    name = claim_name(facts.server, spec)
    address = ((facts.service or {}).get("spec") or {}).get("clusterIP") or ""
    where = (address, EXPORT) if address else None
    found: Object = (facts.deployment or {}).get("status") or {}
    if where and found.get("readyReplicas"):
        text = f"{address}:{EXPORT} serves claim {name}."
        return _told(facts, "succeeded", "Serving", text, where=where, is_ready=True)
    if facts.claim is None and not is_made(spec):
        text = f"Waiting: claim {name} does not exist in this namespace."
        return _told(facts, _state(facts), "ClaimNotFound", text, where=where, again=True)
    told = {entry.get("type"): entry for entry in found.get("conditions") or ()}
    refused = told.get("ReplicaFailure") or {}
    if refused.get("status") == "True":
        text = f"The server's Pod is refused: {refused.get('message', '')}"
        return _told(facts, _state(facts), "Forbidden", text, where=where, is_stalled=True)
    progress = told.get("Progressing") or {}
    if progress.get("reason") == "ProgressDeadlineExceeded":
        text = (
            "The server does not start; `kubectl describe pods -l batchai.dev/file-server="
            f"{facts.server['metadata']['name']}` shows why."
        )
        state = "succeeded" if _state(facts) == "succeeded" else "failed"
        return _told(facts, state, "NotStarting", text, where=where, is_stalled=True)
    phase = ((facts.claim or {}).get("status") or {}).get("phase")
    if _state(facts) == "succeeded":
        text = "The server is being started again; mounts of it wait."
        return _told(facts, "succeeded", "Restarting", text, where=where)
    text = "The server is being started."
    if facts.claim is not None and phase != "Bound":
        text = f"The server is being started; claim {name} is {str(phase or 'new').lower()}."
    return _told(facts, "creating", "Starting", text, where=where, again=phase != "Bound")


def _state(facts: FileServerFacts) -> str:
    return str((facts.server.get("status") or {}).get("provisioningState") or "creating")


def _told(
    facts: FileServerFacts,
    state: str,
    reason: str,
    message: str,
    *,
    where: tuple[str, str] | None = None,
    is_ready: bool = False,
    is_stalled: bool = False,
    again: bool = False,
) -> FileServerPlan:
    metadata, old = facts.server["metadata"], facts.server.get("status") or {}
    created = parse(metadata.get("creationTimestamp")) or facts.now
    conditions = [Condition("Ready", "True" if is_ready else "False", reason, message)]
    if is_stalled:
        conditions.append(Condition("Stalled", "True", reason, message))
    status: Object = {
        "observedGeneration": metadata.get("generation"),
        "creationTime": render(created),
        "provisioningState": state,
        "provisioningStateTransitionTime": (
            old.get("provisioningState") == state and old.get("provisioningStateTransitionTime")
        )
        or render(facts.now),
        "message": message,
    }
    if where is not None:
        status["mountSettings"] = {"fileServerInternalIP": where[0], "mountPoint": where[1]}
    elif old.get("mountSettings"):
        status["mountSettings"] = old["mountSettings"]
    status["conditions"] = merge_conditions(
        old.get("conditions") or (), conditions, generation=metadata.get("generation"), at=facts.now
    )
    events: tuple[Event, ...] = ()
    if last_reason(facts.server) != reason:
        events = (Event("Warning" if is_stalled else "Normal", reason, message),)
    return FileServerPlan(
        status=None if status == old else status,
        events=events,
        requeue_after=LOOK_AGAIN_SECONDS if again else None,
    )
