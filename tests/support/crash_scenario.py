"""The scenario of the crash tests: five jobs, two acts of a user, and what must come of it.

Called by the tests that disturb an operator. `play` acts on what it observes and knows nothing of
the disturbance; `judge` says what came of it in a form that two runs can be compared by.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from support.api import Raw
from support.faults import Call
from support.objects import a_cluster, a_job
from support.onlooker import Onlooker
from support.scene import Scene

GENEROUS = 400.0
"""Bound of every wait: nothing is measured by it."""

_LABEL = "batchai.dev"
# Standard error is closed because the shell says `Terminated` there, or not, as chance has it.
_UNTIL_TERM = "exec 2>&-; trap 'echo bye; exit 0' TERM; echo begun; while :; do sleep 0.1; done"
_MANAGED = "app.kubernetes.io/managed-by=batchai-operator"
_CHILDREN = ("pods", "services", "secrets")
_NODE_ID = re.compile(r"tvm-\d+_(\d+)-\d+t\d+z")


def jobs(namespace: str) -> Sequence[Raw]:
    """Return the five jobs: one and two nodes that succeed, code 7, one to stop, one to delete."""
    return (
        a_job("alone", namespace, "seq 1 300; sleep 2; echo end"),
        a_job(
            "pair",
            namespace,
            "seq 1 300; sleep 4; echo end",
            nodeCount=2,
            jobPreparation={"commandLine": "echo prepared"},
        ),
        a_job("failing", namespace, "echo so far; echo alas >&2; sleep 1; exit 7"),
        a_job("stopped", namespace, _UNTIL_TERM),
        a_job("deleted", namespace, _UNTIL_TERM),
    )


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        jobs: execution state, exit code, error codes and attempt of each job.
        created: how often each child was created, over the whole run.
        orphans: children whose job is gone, and Pods that nobody was seen to create.
        logs: the text of each log file on the share.
    """

    jobs: Mapping[str, Raw]
    created: Mapping[str, int]
    orphans: Sequence[str]
    logs: Mapping[str, str]

    def differences(self, other: "Outcome") -> list[str]:
        """Say what another run has otherwise."""
        found = []
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, Mapping):
                found += [
                    f"{field.name}: {key}: {mine.get(key)!r}, but {theirs.get(key)!r}"
                    for key in sorted({*mine, *theirs})
                    if mine.get(key) != theirs.get(key)
                ]
            elif mine != theirs:
                found.append(f"{field.name}: {mine!r}, but {theirs!r}")
        return found


_LINES = "".join(f"{number}\n" for number in range(1, 301)) + "end\n"

EXPECTED = Outcome(
    jobs={
        "alone": {"state": "succeeded", "exit": 0, "errors": [], "attempt": 1},
        "pair": {"state": "succeeded", "exit": 0, "errors": [], "attempt": 1},
        "failing": {"state": "failed", "exit": 7, "errors": ["JobFailed"], "attempt": 1},
        "stopped": {"state": "failed", "exit": None, "errors": ["JobTerminated"], "attempt": 1},
    },
    created={
        **{f"pods {name} node 0 attempt 1": 1 for name in ("alone", "failing")},
        **{f"pods {name} node 0 attempt 1": 1 for name in ("stopped", "deleted")},
        **{f"pods pair node {index} attempt 1": 1 for index in (0, 1)},
        "services pair": 1,
        "secrets pair": 1,
    },
    orphans=(),
    logs={
        "alone/stdout.txt": _LINES,
        "failing/stdout.txt": "so far\n",
        "failing/stderr.txt": "alas\n",
        "pair/stdout.txt": _LINES,
        **{f"pair/stdout-job_prep-node{number}.txt": "prepared\n" for number in (1, 2)},
        **{f"{name}/stdout.txt": "begun\nbye\n" for name in ("stopped", "deleted")},
    },
)
"""What must come of every run, disturbed or not."""


def play(scene: Scene, when_half: Callable[[], object] = lambda: None) -> None:
    """Submit the jobs, stop one and delete one while they run, and wait until all is over.

    Args:
        scene: a namespace without jobs.
        when_half: called once, when the two to be stopped and deleted run.
    """
    scene.submit(a_cluster("d2", scene.namespace))
    for job in jobs(scene.namespace):
        scene.submit(job)
    for name in ("stopped", "deleted"):
        _wait_until_begun(scene, name)
    when_half()
    scene.api.patch("batchaijobs", "stopped", scene.namespace, {"spec": {"terminate": True}})
    uid = scene.job("deleted")["metadata"]["uid"]
    scene.api.delete("batchaijobs", "deleted", scene.namespace, propagationPolicy="Background")
    for name in ("alone", "pair", "failing", "stopped"):
        scene.finish(name, GENEROUS)
    scene.until(lambda: not _children(scene, f"{_LABEL}/job-uid={uid}"), GENEROUS, "no orphan")
    scene.until(lambda: all(_is_over(pod) for pod in _pods(scene)), GENEROUS, "the Pods to end")


def judge(scene: Scene, writes: Sequence[Call], onlooker: Onlooker) -> Outcome:
    """Say what came of a run.

    Args:
        scene: the namespace of the run.
        writes: all that the operator wrote there.
        onlooker: somebody who sees the share.
    """
    living = {job["metadata"]["uid"]: job for job in scene.api.list("batchaijobs", scene.namespace)}
    made = [call for call in writes if call.method == "POST"]
    witnessed = {(call.metadata or {}).get("uid") for call in made}
    orphans = [
        f"{resource} {child['metadata']['name']}"
        for resource, child in _children(scene, _MANAGED)
        if child["metadata"]["uid"] not in witnessed
        or child["metadata"]["ownerReferences"][0]["uid"] not in living
    ]
    return Outcome(
        jobs={job["metadata"]["name"]: _end_of(job) for job in living.values()},
        created=Counter(_title(call) for call in made),
        orphans=tuple(orphans),
        logs=_logs(scene.namespace, onlooker),
    )


def _wait_until_begun(scene: Scene, name: str) -> None:
    """Wait until a job's state is `running` and its program has said so."""
    scene.wait(name, "running", seconds=GENEROUS)
    scene.wait_until_job_runs(name, GENEROUS)
    scene.until(lambda: b"begun" in scene.logs(name), GENEROUS, f"{name} to have begun", name)


def _children(scene: Scene, labels: str) -> list[tuple[str, Raw]]:
    return [
        (resource, child)
        for resource in _CHILDREN
        for child in scene.api.list(resource, scene.namespace, labels=labels)
    ]


def _pods(scene: Scene) -> Sequence[Raw]:
    return scene.api.list("pods", scene.namespace, labels=_MANAGED)


def _is_over(pod: Raw) -> bool:
    return pod["status"]["phase"] in {"Succeeded", "Failed"}


def _end_of(job: Raw) -> Raw:
    status = job.get("status") or {}
    info = status.get("executionInfo") or {}
    return {
        "state": status.get("executionState"),
        "exit": info.get("exitCode"),
        "errors": [error["code"] for error in info.get("errors") or ()],
        "attempt": status.get("attempt"),
    }


def _title(call: Call) -> str:
    labels = (call.metadata or {}).get("labels") or {}
    title = f"{call.resource} {labels.get(f'{_LABEL}/job')}"
    if call.resource == "pods":
        index, attempt = labels[f"{_LABEL}/node-index"], labels[f"{_LABEL}/attempt"]
        title += f" node {index} attempt {attempt}"
    return title


def _logs(namespace: str, onlooker: Onlooker) -> dict[str, str]:
    """Read the log files of a namespace that hold anything, by job and file."""
    command = f"cd /share && grep -r '' */{namespace} --include='std*.txt' || true"
    texts: dict[str, str] = {}
    for line in onlooker.run("sh", "-c", command).decode().splitlines(keepends=True):
        path, _, text = line.partition(":")
        parts = path.split("/")
        # .../jobs/NAME/UID/stdouterr/FILE; ids of nodes differ from run to run.
        key = f"{parts[-4]}/" + _NODE_ID.sub(r"node\1", parts[-1])
        texts[key] = texts.get(key, "") + text
    return texts
