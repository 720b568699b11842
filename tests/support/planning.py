"""Facts for the planner's tests: jobs, clusters, Pods in any state, and plans carried out on paper.

Used by tests/unit/planner. Builders return fresh dicts; times are fixed.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from batchai_operator.planner.clusters import admission
from batchai_operator.planner.endpoints import FileServerEndpoint
from batchai_operator.planner.facts import (
    Admission,
    JobFacts,
    MountFailure,
    NodeCapacity,
    Refusal,
    SecretFacts,
)
from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.plan import JobPlan
from batchai_operator.settings import Settings

NOW = datetime(2026, 11, 24, 4, 0, 0, tzinfo=UTC)
CREATED = "2026-11-24T03:59:00Z"
SETTINGS = Settings(
    launcher_image="registry.test/launcher:1", node_images={"default": "registry.test/node:1"}
)
ADMITTED = Admission(True, 0, "Admitted", "The job has its nodes.")
ACCOUNT_SECRET = "azure-storage-account-acct-secret"
ACCOUNT = SecretFacts(
    ACCOUNT_SECRET, frozenset({"azurestorageaccountname", "azurestorageaccountkey"}), "acct"
)
SHARE = {"azureFileUrl": "https://acct.file.core.windows.net/logs", "relativeMountPath": "logs"}


def a_job(
    name: str = "j", *, status: Mapping[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A job of the custom toolkit on one node with its logs on a share; `spec` replaces fields."""
    whole = {
        "cluster": {"id": "c"},
        "nodeCount": 1,
        "customToolkitSettings": {"commandLine": "echo hi"},
        "stdOutErrPathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs",
        "mountVolumes": {"azureFileShares": [dict(SHARE)]},
        **spec,
    }
    return {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAIJob",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"3f2a91c4-0000-4000-8000-{abs(hash_of(name)):012x}",
            "generation": 1,
            "creationTimestamp": CREATED,
        },
        "spec": {key: value for key, value in whole.items() if value is not None},
        **({"status": dict(status)} if status else {}),
    }


def hash_of(name: str) -> int:
    return sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 2**40


def a_cluster(nodes: int = 2, vm_size: str = "STANDARD_D2", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batchai.dev/v1",
        "kind": "BatchAICluster",
        "metadata": {
            "name": "c",
            "namespace": "ns",
            "uid": "c-uid",
            "generation": 1,
            "creationTimestamp": CREATED,
        },
        "spec": {
            "vmSize": vm_size,
            "scaleSettings": {"manual": {"targetNodeCount": nodes}},
            **spec,
        },
    }


def facts(job: dict[str, Any] | None = None, **changes: Any) -> JobFacts:
    """Facts of an admitted job whose cluster and Secret are there."""
    start = JobFacts(
        job=job or a_job(),
        cluster=a_cluster(),
        pods=(),
        secrets={ACCOUNT_SECRET: ACCOUNT},
        mount_failures=(),
        admission=ADMITTED,
        capacity=None,
        namespace_annotations={},
        new_key="0" * 64,
        settings=SETTINGS,
        now=NOW,
    )
    return replace(start, **changes)


def carry_out(now: JobFacts, plan: JobPlan | None = None) -> JobFacts:
    """Return the facts after a plan: children made, Pods marked as deleted, status written."""
    plan = plan or plan_job(now)
    job = copy.deepcopy(now.job)
    if plan.status is not None:
        job["status"] = copy.deepcopy(plan.status)
    pods = [copy.deepcopy(pod) for pod in now.pods]
    doomed = {pod.uid for pod in plan.delete}
    for pod in pods:
        if pod["metadata"]["uid"] in doomed:
            deadline = now.now + timedelta(seconds=30)
            pod["metadata"]["deletionTimestamp"] = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
    for child in plan.create:
        if child["kind"] == "Pod":
            made = copy.deepcopy(child)
            made["metadata"]["uid"] = f"uid-of-{made['metadata']['name']}"
            made["status"] = {"phase": "Pending"}
            pods.append(made)
    return replace(now, job=job, pods=tuple(pods))


def later(before: JobFacts, seconds: float) -> JobFacts:
    return replace(before, now=before.now + timedelta(seconds=seconds))


def with_pods(before: JobFacts, **by_node: Mapping[str, Any]) -> JobFacts:
    """Return the facts with the status of some Pods replaced: `n0=running()`, `n1=ended(...)`."""
    pods = []
    for pod in before.pods:
        index = pod["metadata"]["labels"]["batchai.dev/node-index"]
        status = by_node.get(f"n{index}", by_node.get("all"))
        pods.append({**pod, "status": dict(status)} if status is not None else pod)
    return replace(before, pods=tuple(pods))


def without_pod(before: JobFacts, index: int) -> JobFacts:
    label = "batchai.dev/node-index"
    kept = [pod for pod in before.pods if pod["metadata"]["labels"][label] != str(index)]
    return replace(before, pods=tuple(kept))


def scheduled(at: str = "2026-11-24T03:59:30Z", **more: Any) -> dict[str, Any]:
    return {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": at}],
        **more,
    }


def unschedulable(message: str) -> dict[str, Any]:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
    }
    return {"phase": "Pending", "conditions": [condition]}


def waiting(reason: str, message: str = "", container: str = "job", **more: Any) -> dict[str, Any]:
    state = {
        "name": container,
        "state": {"waiting": {"reason": reason, "message": message}},
        **more,
    }
    kind = "containerStatuses" if container == "job" else "initContainerStatuses"
    return scheduled(**{kind: [state]})


def running(ip: str = "10.244.0.7") -> dict[str, Any]:
    state = {"name": "job", "state": {"running": {"startedAt": "2026-11-24T03:59:40Z"}}}
    return scheduled(containerStatuses=[state]) | {"phase": "Running", "podIP": ip}


def ended(
    record: Mapping[str, Any] | str | None = None,
    *,
    code: int = 0,
    reason: str = "",
    phase: str = "",
    **more: Any,
) -> dict[str, Any]:
    terminated: dict[str, Any] = {"exitCode": code, "finishedAt": "2026-11-24T03:59:58Z"}
    if reason:
        terminated["reason"] = reason
    if record is not None:
        terminated["message"] = record if isinstance(record, str) else json.dumps(record)
    state = {"name": "job", "state": {"terminated": terminated}}
    whole = scheduled(containerStatuses=[state])
    return whole | {"phase": phase or ("Failed" if code else "Succeeded"), **more}


def a_record(
    outcome: str, *, code: int = 0, node: int = 0, task: str = "", own: str = "", **more: Any
) -> dict[str, Any]:
    """Record of node 0 with a verdict on the job."""
    return {
        "version": 1,
        "node": 0,
        "startedAt": "2026-11-24T03:59:41.000Z",
        "endedAt": "2026-11-24T03:59:57.250Z",
        "tasks": [],
        "outcome": own or outcome,
        "message": f"it {outcome}",
        "job": {"outcome": outcome, "exitCode": code, "task": task, "node": node},
        **more,
    }


def a_mount_failure(
    before: JobFacts, message: str, *, count: int = 1, age: float = 0, index: int = 0
) -> MountFailure:
    metadata = before.pods[index]["metadata"]
    first = before.now - timedelta(seconds=age)
    return MountFailure(metadata["uid"], metadata["name"], message, count, first, before.now)


def started(job: dict[str, Any] | None = None, **changes: Any) -> JobFacts:
    """Facts of a job whose Pods run."""
    return carry_out(with_pods(carry_out(facts(job, **changes)), all=running()))


def launcher_plan(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the launcher's plan in a Pod, as Kubernetes hands it over."""
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    texts = {e["value"] for c in containers for e in c["env"] if e["name"] == "BATCHAI_PLAN"}
    assert len(texts) == 1, "the containers of a Pod have different plans"
    (text,) = texts
    assert "$" not in text.replace("$$", ""), "a lone $ would be rewritten"
    plan: dict[str, Any] = json.loads(text.replace("$$", "$"))
    return plan


def facts_from(raw: Mapping[str, Any]) -> JobFacts:
    """Read the facts of a golden case."""
    secrets = {
        name: None
        if entry is None
        else SecretFacts(name, frozenset(entry["keys"]), entry["account"])
        for name, entry in raw.get("secrets", {}).items()
    }
    job, cluster = raw["job"], raw.get("cluster")
    given = raw.get("admission")
    answer = (
        Admission(**given) if given else admission.admit(cluster, [job], {})[job["metadata"]["uid"]]
    )
    capacity, refusal = raw.get("capacity"), raw.get("refusal")
    return JobFacts(
        job=job,
        cluster=cluster,
        pods=tuple(raw.get("pods", ())),
        secrets=secrets,
        mount_failures=(),
        admission=answer,
        capacity=NodeCapacity(**capacity) if capacity else None,
        namespace_annotations=raw.get("namespaceAnnotations", {}),
        new_key="0" * 64,
        settings=SETTINGS.model_copy(update=raw.get("settings", {})),
        now=NOW,
        file_servers={
            name: FileServerEndpoint(**found) for name, found in raw.get("fileServers", {}).items()
        },
        refusal=Refusal(**refusal) if refusal else None,
    )


def plan_as_data(plan: JobPlan) -> dict[str, Any]:
    """Render a plan for a golden file, the launcher's plan readable in its Pod."""
    created = []
    for child in copy.deepcopy(list(plan.create)):
        if child["kind"] == "Pod":
            shown = launcher_plan(child)
            for container in [*child["spec"]["initContainers"], *child["spec"]["containers"]]:
                for entry in container["env"]:
                    if entry["name"] == "BATCHAI_PLAN":
                        is_job = container["name"] == "job"
                        entry["value"] = shown if is_job else "(as in container job)"
        created.append(child)
    data = {
        "shared": [[made.volume, made.claim] for made in plan.shared],
        "create": created,
        "delete": [{"name": pod.name, "uid": pod.uid} for pod in plan.delete],
        "status": plan.status,
        "events": [{"type": e.type, "reason": e.reason, "message": e.message} for e in plan.events],
        "requeueAfter": plan.requeue_after,
    }
    return {key: value for key, value in data.items() if value not in (None, [])}
