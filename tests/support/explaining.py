"""What a person would look at when a job does not do what it should: objects, events, logs."""

import json

import yaml

from support.api import Api, ApiError, Raw

RELEASE_NAMESPACE = "batchai-system"


def explain(api: Api, namespace: str, job: str | None = None) -> str:
    """Describe a namespace's jobs and Pods, their events, and the end of all logs."""
    parts = []
    for raw in api.list("batchaijobs", namespace):
        if job in (None, raw["metadata"]["name"]):
            shown = {"name": raw["metadata"]["name"], "status": raw.get("status")}
            parts.append("JOB\n" + yaml.safe_dump(shown, sort_keys=False))
    pods = [pod for pod in api.list("pods", namespace) if job is None or _is_of(pod, job)]
    for pod in pods:
        status = {key: pod["status"].get(key) for key in ("phase", "reason", "message")}
        states = {
            each["name"]: each["state"]
            for kind in ("initContainerStatuses", "containerStatuses")
            for each in pod["status"].get(kind, ())
        }
        parts.append(f"POD {pod['metadata']['name']} {json.dumps({**status, **states})}")
    for event in api.list("events", namespace):
        about = event["involvedObject"]["name"]
        if job is None or job in about:
            parts.append(
                f"EVENT {about} {event['reason']} x{event.get('count', 1)}: {event.get('message')}"
            )
    tails = [(pod, namespace, each) for pod in pods for each in ("job", "batchai-sidecar")]
    tails += [(pod, RELEASE_NAMESPACE, "") for pod in api.list("pods", RELEASE_NAMESPACE)]
    parts += [_tail(api, pod["metadata"]["name"], place, each) for pod, place, each in tails]
    return "\n".join(parts)


def _is_of(pod: Raw, job: str) -> bool:
    return job in (pod["metadata"].get("labels") or {}).get(
        "batchai.dev/job", pod["metadata"]["name"]
    )


def _tail(api: Api, pod: str, namespace: str, container: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    query = {"tailLines": "40", **({"container": container} if container else {})}
    try:
        text = api.request("GET", path, query=query).decode(errors="replace")
    except ApiError as error:
        text = f"(no log: {error})"
    return f"LOG {pod} {container}\n{text[-6000:]}"
