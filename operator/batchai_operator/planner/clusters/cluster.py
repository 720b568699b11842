"""The plan of a cluster: for now its status only (design 4, spec 2.4).

Called by the engine's cluster pass. Nodes are counted, not made: a manual cluster has its target,
one that scales by itself has what its running jobs need, its minimum at least. Node Pods, setup
tasks and autoscale hook in where `_current_nodes` decides.

Decisions where the spec is silent: a cluster that shrinks below what its jobs hold lets them end
(`waitforjobcompletion`) and is `resizing` until then, the surplus being `leaving`; settings without
an effect are told in a condition.
"""

from dataclasses import replace
from typing import Literal

from pydantic import ValidationError

from batchai_operator import names
from batchai_operator.model.cluster import ClusterSpec
from batchai_operator.planner.clusters.admission import nodes_held
from batchai_operator.planner.clusters.setupfiles import setup_suffix
from batchai_operator.planner.conditions import Condition, merge_conditions
from batchai_operator.planner.facts import AutoStorageFacts, ClusterFacts, Object
from batchai_operator.planner.plan import ClusterPlan, Event
from batchai_operator.planner.reasons import explain
from batchai_operator.planner.specs import cluster_spec
from batchai_operator.planner.times import parse, render
from batchai_operator.planner.volumes import autostorage


def plan_cluster(facts: ClusterFacts) -> ClusterPlan:
    """Return the new status of a cluster.

    Args:
        facts: the cluster and its unfinished jobs.

    Returns:
        The plan; its status is None when nothing has changed.
    """
    cluster, now = facts.cluster, facts.now
    old: Object = cluster.get("status") or {}
    try:
        spec = cluster_spec(cluster)
    except ValidationError as error:
        return _invalid(facts, explain(error))
    held = sum(nodes_held(job, 0) for job in facts.jobs)
    current, target = _current_nodes(spec, held)
    leaving = max(current - target, 0)
    running = max(held - leaving, 0)
    allocation = "resizing" if leaving else "steady"
    message = f"{running} of {current} nodes run jobs"
    if leaving:
        message += f"; {leaving} leave when their jobs have ended"
    conditions = [
        Condition("Ready", "False" if leaving else "True", allocation.capitalize(), message)
    ]
    place, storage = _auto_storage(facts, spec)
    if storage is not None:
        conditions.append(storage)
        if place is None:
            # Helm and others wait for Ready, and no job can start before.
            message += f"; no job can start: {storage.message}"
            conditions[0] = Condition("Ready", "False", "AutoStorageNotReady", message)
        if autostorage.obstacle(cluster["metadata"]["namespace"], facts.settings) is not None:
            conditions.append(Condition("Stalled", "True", storage.reason, storage.message))
    if spec.node_setup is not None and spec.node_setup.setup_task is not None:
        text = "nodeSetup.setupTask is not run yet: this version of the operator does not have it."
        conditions.append(Condition("SetupTaskSkipped", "True", "NotSupported", text))
    if idle := _without_effect(spec, shrinks=leaving > 0):
        text = f"{', '.join(idle)}: without effect in this version of the operator."
        conditions.append(Condition("SettingsIgnored", "True", "NotSupported", text))
    counts = {
        "idleNodeCount": max(current - held, 0),
        "runningNodeCount": running,
        "preparingNodeCount": 0,
        "unusableNodeCount": 0,
        "leavingNodeCount": leaving,
    }
    status = _basics(facts) | {
        "provisioningState": "succeeded",
        "allocationState": allocation,
        "allocationStateTransitionTime": (
            old.get("allocationState") == allocation and old.get("allocationStateTransitionTime")
        )
        or render(now),
        "targetNodeCount": target,
        "currentNodeCount": current,
        "nodeStateCounts": counts,
        "autoStorage": place,
        "stdOutErrPathSuffix": setup_suffix(
            cluster, spec, facts.settings, facts.namespace_annotations
        ),
        "message": message,
    }
    plan = _plan(facts, status, conditions)
    return replace(plan, events=_storage_events(old, storage) if plan.status else ())


def _auto_storage(facts: ClusterFacts, spec: ClusterSpec) -> tuple[Object | None, Condition | None]:
    """Return where auto-storage is, as far as it is there, and its condition."""
    if not spec.auto_storage:
        return None, None
    status: Object = facts.cluster.get("status") or {}
    before = status.get("autoStorage")
    hindered = autostorage.obstacle(facts.cluster["metadata"]["namespace"], facts.settings)
    found = hindered or facts.auto_storage
    if found is None and before:
        # Nobody has looked since the operator started; what was true stays said.
        for known in status.get("conditions") or ():
            if known.get("type") == names.AUTO_STORAGE_READY and known.get("status") == "True":
                found = AutoStorageFacts(before, str(known["reason"]), str(known["message"]))
    found = found or autostorage.PREPARING
    # What was made stays mounted while storage cannot be reached; not what was taken away.
    place = found.place or (None if hindered else before)
    ready: Literal["True", "False"] = "True" if found.place else "False"
    return place, Condition(names.AUTO_STORAGE_READY, ready, found.reason, found.message)


def _storage_events(old: Object, storage: Condition | None) -> tuple[Event, ...]:
    """Tell that auto-storage has come, or why it does not; once for each reason."""
    if storage is None or storage.reason == autostorage.PREPARING.reason:
        return ()
    for known in old.get("conditions") or ():
        same = (known.get("type"), known.get("status"), known.get("reason"))
        if same == (storage.type, storage.status, storage.reason):
            return ()
    if storage.status == "True":
        return (Event("Normal", names.AUTO_STORAGE_READY, storage.message),)
    return (Event("Warning", storage.reason, storage.message),)


def _current_nodes(spec: ClusterSpec, held: int) -> tuple[int, int]:
    """Return how many nodes there are, those that leave included, and how many are wanted."""
    scale = spec.scale_settings
    if scale is not None and scale.auto_scale is not None:
        auto = scale.auto_scale
        wanted = min(max(held, auto.minimum_node_count), auto.maximum_node_count)
    else:
        wanted = spec.node_limit
    return max(wanted, held), wanted


def _without_effect(spec: ClusterSpec, *, shrinks: bool) -> list[str]:
    """Return the settings that ask for something else than what happens anyway.

    `requeue` is what every cluster has that says nothing, so it is told only when it would matter.
    """
    found = []
    if spec.vm_priority == "lowpriority":
        found.append("vmPriority lowpriority")
    manual = spec.scale_settings.manual if spec.scale_settings else None
    option = manual.node_deallocation_option if manual else None
    if option == "terminate" or (option == "requeue" and shrinks):
        found.append(f"scaleSettings.manual.nodeDeallocationOption {option}")
    if spec.node_setup is not None and spec.node_setup.performance_counters_settings is not None:
        found.append("nodeSetup.performanceCountersSettings")
    return found


def _invalid(facts: ClusterFacts, explanation: str) -> ClusterPlan:
    status = _basics(facts) | {"provisioningState": "failed", "message": explanation}
    conditions = [
        Condition("Ready", "False", "InvalidCluster", explanation),
        Condition("Stalled", "True", "InvalidCluster", explanation),
    ]
    plan = _plan(facts, status, conditions)
    if plan.status is None:
        return plan
    return ClusterPlan(plan.status, (Event("Warning", "InvalidCluster", explanation),))


def _basics(facts: ClusterFacts) -> Object:
    metadata, old = facts.cluster["metadata"], facts.cluster.get("status") or {}
    created = parse(metadata.get("creationTimestamp")) or facts.now
    return {
        "observedGeneration": metadata.get("generation"),
        "creationTime": render(created),
        "provisioningStateTransitionTime": old.get("provisioningStateTransitionTime")
        or render(facts.now),
    }


def _plan(facts: ClusterFacts, status: Object, conditions: list[Condition]) -> ClusterPlan:
    old: Object = facts.cluster.get("status") or {}
    status["conditions"] = merge_conditions(
        old.get("conditions") or (),
        conditions,
        generation=facts.cluster["metadata"].get("generation"),
        at=facts.now,
    )
    complete = {name: value for name, value in status.items() if value is not None}
    return ClusterPlan(None if complete == old else complete)
