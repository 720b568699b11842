"""A small world for the controller: API server, users, kubelets, and an operator that may die.

Time stands still except for `clock.advance`; delayed and failed keys are brought forward, so that a
test says what is true in the end and not after how many seconds. The planner is the real one.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from batchai_operator.engine.ports import CLUSTERS, JOBS, PODS, Object
from batchai_operator.engine.reconcile.controller import Controller
from batchai_operator.engine.reconcile.inbox import Task
from batchai_operator.settings import Settings
from unit.engine.fakes import FakeAccount, FakeClock, FakeStore

SETTINGS = Settings(launcher_image="launcher:1", node_images={"default": "node:1"})


class World:
    """Everything a test touches."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.clock = FakeClock()
        self.settings = settings
        self.account = FakeAccount()
        self.store = FakeStore()
        self.controller = self._operator()

    def _operator(self) -> Controller:
        controller = Controller(self.store, self.settings, self.clock, self.account)
        self.store.watchers = [controller.deliver]
        return controller

    # Users.

    def cluster(self, name: str = "c", nodes: int = 4, **spec: Any) -> Object:
        scale = {"manual": {"targetNodeCount": nodes}}
        body = {"vmSize": "STANDARD_D2", "scaleSettings": scale, **spec}
        return self.store.put(CLUSTERS, {"metadata": {"name": name}, "spec": body})

    def job(self, name: str = "j", nodes: int = 1, **spec: Any) -> Object:
        body = {
            "cluster": {"id": "c"},
            "nodeCount": nodes,
            "stdOutErrPathPrefix": "$AZ_BATCHAI_JOB_TEMP",
            "customToolkitSettings": {"commandLine": "true"},
            **spec,
        }
        return self.store.put(JOBS, {"metadata": {"name": name}, "spec": body})

    def edit(self, name: str, **spec: Any) -> Object:
        job = self.store.one(JOBS, name)
        job["spec"].update(spec)
        job["metadata"]["generation"] += 1
        return self.store.put(JOBS, job)

    # The operator.

    async def start(self) -> None:
        await self.controller.first_sync()

    async def restart(self) -> None:
        """Replace the operator by a new one that knows nothing."""
        self.controller = self._operator()
        await self.controller.first_sync()

    async def settle(self, rounds: int = 12) -> None:
        """Let the operator work until it has nothing to do, failed keys included."""
        queue = self.controller.queue
        for _ in range(rounds):
            await queue.drain()
            await self.controller.auto_storage.queue.drain()
            # Keys that are due at once come through the timer of the loop.
            await asyncio.sleep(0.001)
            if queue.depth:
                continue
            if not queue.retrying:
                return
            for key in list(queue._tries):
                queue.add(key)
        raise AssertionError(f"still failing: {list(queue._tries)}")

    async def look_again(self) -> None:
        """Have everything looked at once more, as the resync does."""
        for table, kind in ((self.controller.cache.jobs, "job"),
                            (self.controller.cache.clusters, "cluster")):  # fmt: skip
            for obj in table:
                metadata = obj["metadata"]
                self.controller.queue.add(Task(kind, metadata["namespace"], metadata["name"]))
        await self.settle()

    # Kubelets.

    def pods(self, job: str | None = None) -> list[Object]:
        uid = self.store.one(JOBS, job)["metadata"]["uid"] if job else None
        found = [
            pod
            for pod in self.store.all(PODS)
            if uid in (None, pod["metadata"]["ownerReferences"][0]["uid"])
        ]
        return sorted(found, key=lambda pod: pod["metadata"]["name"])

    def run_pods(self, job: str | None = None) -> None:
        """Have all Pods scheduled and running."""
        for index, pod in enumerate(self.pods(job)):
            if (pod.get("status") or {}).get("phase") in {"Running", "Succeeded", "Failed"}:
                continue
            running = {"running": {"startedAt": "2026-11-24T04:00:05Z"}}
            pod["spec"]["nodeName"] = f"node-{index}"
            pod["status"] = {
                "phase": "Running",
                "podIP": f"10.0.0.{index + 1}",
                "conditions": [{"type": "PodScheduled", "status": "True"}],
                "initContainerStatuses": [{"name": "batchai-sidecar", "state": running}],
                "containerStatuses": [{"name": "job", "state": running}],
            }
            self.store.put(PODS, pod)

    def end_pods(self, code: int = 0, job: str | None = None) -> None:
        """Have all running Pods end as the launcher would end them."""
        outcome = "succeeded" if code == 0 else "taskFailed"
        for index, pod in enumerate(self.pods(job)):
            record = {
                "version": 1,
                "node": index,
                "startedAt": "2026-11-24T04:00:05.000Z",
                "endedAt": "2026-11-24T04:01:00.000Z",
                "tasks": [{"name": "", "exitCode": code}],
                "outcome": outcome,
                "message": "",
                "job": {"outcome": outcome, "exitCode": code, "task": "", "node": 0},
            }
            terminated = {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "startedAt": "2026-11-24T04:00:05Z",
                "finishedAt": "2026-11-24T04:01:00Z",
                "message": json.dumps(record),
            }
            pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
            pod["status"]["containerStatuses"] = [
                {"name": "job", "state": {"terminated": terminated}}
            ]
            self.store.put(PODS, pod)

    def bury_pods(self) -> None:
        """Remove Pods that were asked to go, as the kubelet does after the grace period."""
        for pod in self.pods():
            if pod["metadata"].get("deletionTimestamp"):
                self.store.remove(PODS, pod["metadata"]["name"])

    # What is asserted.

    def status(self, name: str = "j") -> dict[str, Any]:
        found: dict[str, Any] = self.store.one(JOBS, name).get("status") or {}
        return found

    def state(self, name: str = "j") -> str | None:
        return self.status(name).get("executionState")

    async def live(self, job: str = "j", step: Callable[[], object] = lambda: None) -> None:
        """Lead a job from its creation to its end; `step` comes before each settling."""
        for happen in (lambda: None, lambda: self.run_pods(job), lambda: self.end_pods(0, job)):
            happen()
            step()
            await self.settle()
