"""One namespace of the cluster with what happens in it: jobs are submitted, watched and judged."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from support.api import Api, Raw
from support.explaining import explain
from support.kubectl import Kubectl
from support.onlooker import Onlooker
from support.waiting import wait_until

FINAL = frozenset({"succeeded", "failed"})
T = TypeVar("T")


class Scene:
    """A namespace with the storage account's Secret in it."""

    def __init__(
        self, api: Api, kubectl: Kubectl, namespace: str, node_image: str, blob_endpoint: str
    ) -> None:
        self.api, self.kubectl, self.namespace = api, kubectl, namespace
        self.node_image, self.blob_endpoint = node_image, blob_endpoint
        self._onlooker: Onlooker | None = None
        self.shares: Sequence[str] = ()
        """Shares besides `logs` that the onlooker sees, if set before it is first asked for."""

    @property
    def onlooker(self) -> Onlooker:
        """The third Pod; started when it is first asked for."""
        if self._onlooker is None:
            self._onlooker = Onlooker(
                self.api,
                self.kubectl,
                self.namespace,
                self.node_image,
                self.blob_endpoint,
                shares=self.shares,
            )
        return self._onlooker

    def submit(self, job: Raw) -> Raw:
        """Create a job (or any other of our objects) and return it."""
        plural = {"BatchAIJob": "batchaijobs", "BatchAICluster": "batchaiclusters"}
        return self.api.create(plural[job["kind"]], job)

    def job(self, name: str) -> Raw:
        """Return a job as it is now."""
        return self.api.get("batchaijobs", name, self.namespace)

    def status(self, name: str) -> Raw:
        """Return a job's status as it is now, empty when it has none yet."""
        found: Raw = self.job(name).get("status") or {}
        return found

    def wait(self, name: str, *states: str, seconds: float = 90) -> Raw:
        """Wait until a job is in one of the states, and return its status."""

        def look() -> Raw | None:
            status = self.status(name)
            state = status.get("executionState")
            if state in FINAL and state not in states:
                raise AssertionError(
                    f"job {name} is {state}, expected {states}\n" + self.explain(name)
                )
            return status if state in states else None

        found = wait_until(look, seconds, f"job {name} to be {states}", lambda: self.explain(name))
        assert found is not None
        return found

    def finish(self, name: str, seconds: float = 120) -> Raw:
        """Wait until a job is over, however it ended, and return its status."""
        return self.wait(name, *FINAL, seconds=seconds)

    def succeed(self, name: str, seconds: float = 120) -> Raw:
        """Wait until a job has succeeded and return its status."""
        return self.wait(name, "succeeded", seconds=seconds)

    def fail(self, name: str, code: str, seconds: float = 120) -> Raw:
        """Wait until a job has failed with an error code, and return its `executionInfo`."""
        status = self.wait(name, "failed", seconds=seconds)
        info: Raw = status["executionInfo"]
        codes = [error["code"] for error in info["errors"]]
        assert codes == [code], f"job {name} failed with {info}\n" + self.explain(name)
        return info

    def message(self, name: str, *words: str, seconds: float = 60) -> str:
        """Wait until a job's message has all the words, and return it."""

        def look() -> str | None:
            message = self.status(name).get("message", "")
            return message if all(word in message for word in words) else None

        what = f"the message of {name} to have {words}"
        return str(wait_until(look, seconds, what, lambda: self.explain(name)))

    def until(self, check: Callable[[], T], seconds: float, what: str, job: str | None = None) -> T:
        """Wait for anything else in this namespace."""
        return wait_until(check, seconds, what, lambda: self.explain(job))

    def pods(self, name: str) -> Sequence[Raw]:
        """Return the Pods of a job's nodes, in the order of the nodes."""
        labels = f"batchai.dev/job={name},batchai.dev/component=node"
        found = self.api.list("pods", self.namespace, labels=labels)
        return sorted(
            found, key=lambda pod: int(pod["metadata"]["labels"]["batchai.dev/node-index"])
        )

    def wait_until_job_runs(self, name: str, seconds: float = 90) -> Sequence[Raw]:
        """Wait until the job container runs on every node, and return the Pods."""

        def look() -> Sequence[Raw] | None:
            nodes, pods = self.job(name)["spec"]["nodeCount"], self.pods(name)
            runs = [_job_state(pod).get("running") is not None for pod in pods]
            return pods if len(pods) == nodes and all(runs) else None

        found = self.until(look, seconds, f"the containers of {name} to run", name)
        assert found is not None
        return found

    def folder(self, name: str) -> str:
        """Return the folder of a job's logs on the share."""
        return f"{self.status(name)['jobOutputDirectoryPathSegment']}/stdouterr"

    def files(self, name: str) -> list[str]:
        """Return the names of a job's log files, as a third Pod sees them."""
        return self.onlooker.names(self.folder(name))

    def text(self, name: str, file: str) -> str:
        """Return a log file's text, as a third Pod reads it."""
        return self.onlooker.read(f"{self.folder(name)}/{file}").decode()

    def logs(self, name: str, node: int = 0) -> bytes:
        """Return what `kubectl logs` shows of a node of a job."""
        return self.api.logs(self.pods(name)[node]["metadata"]["name"], self.namespace, "job")

    def explain(self, job: str | None = None) -> str:
        """Return what a person would look at."""
        return explain(self.api, self.namespace, job)


def _job_state(pod: Raw) -> Raw:
    for each in pod["status"].get("containerStatuses", ()):
        if each["name"] == "job":
            state: Raw = each["state"]
            return state
    return {}
