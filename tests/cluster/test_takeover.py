"""Two operators, of which the leader is killed and does not come back: the other goes on.

The chart's own Deployment with two replicas. The leader's processes get SIGKILL, so that it gives
nothing back, and its Pod is removed at once; a container that is only started again keeps its name
and takes its own Lease up again, which test_operator.py looks at.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from support.api import Api, Raw
from support.crash_ground import operator_pods, scale
from support.explaining import RELEASE_NAMESPACE
from support.objects import LOGS, a_job
from support.processes import kill_container
from support.scene import Scene

BOUND_SECONDS = 20
"""How long a takeover may take."""


@pytest.fixture(scope="module", autouse=True)
def _two(api: Api, scene: Scene) -> Iterator[None]:
    scale(api, 2)
    yield
    scale(api, 1)


def lease(api: Api) -> Raw:
    """Return the content of the Lease by which one of the two works."""
    found: Raw = api.list("leases", RELEASE_NAMESPACE)[0]["spec"]
    return found


def kill_leader(api: Api) -> tuple[str, datetime]:
    """Kill the leader for good and return its name and the time."""
    name = lease(api)["holderIdentity"]
    pod = next(pod for pod in operator_pods(api) if pod["metadata"]["name"] == name)
    killed_at = datetime.now(UTC)
    kill_container(pod, "operator")
    api.delete("pods", name, RELEASE_NAMESPACE, gracePeriodSeconds=0)
    return name, killed_at


def test_the_other_takes_over(api: Api, scene: Scene, tell: Callable[[object], None]) -> None:
    flag = f"{LOGS}/flag-{scene.namespace}"
    wait = f"echo begun; while ! test -e {flag}; do sleep 0.2; done; echo ended"
    names = ("one", "two", "failing", "stopped")
    scene.submit(a_job("one", scene.namespace, wait))
    scene.submit(a_job("two", scene.namespace, wait, nodeCount=2))
    scene.submit(a_job("failing", scene.namespace, f"{wait}; exit 7"))
    scene.submit(a_job("stopped", scene.namespace, "sleep 3600"))
    before = {}
    for name in names:
        scene.wait(name, "running", seconds=300)
        pods = scene.wait_until_job_runs(name, 300)
        before[name] = [pod["metadata"]["uid"] for pod in pods]

    leader, killed_at = kill_leader(api)
    scene.api.patch("batchaijobs", "stopped", scene.namespace, {"spec": {"terminate": True}})
    scene.submit(a_job("meanwhile", scene.namespace, "echo patient"))
    scene.onlooker.run("touch", f"/share/flag-{scene.namespace}")

    def taken_over() -> Raw | None:
        found = lease(api)
        return found if found["holderIdentity"] not in {leader, "", None} else None

    taken = scene.until(taken_over, 120, "somebody else to lead")
    assert taken is not None
    took = (datetime.fromisoformat(taken["acquireTime"]) - killed_at).total_seconds()
    tell(f"\ntakeover after {took:.1f} s")
    assert took < BOUND_SECONDS

    for name in ("one", "two", "meanwhile"):
        scene.succeed(name, 300)
    assert scene.fail("failing", "JobFailed", 300)["exitCode"] == 7
    scene.fail("stopped", "JobTerminated", 300)
    for name in ("one", "two", "failing"):
        assert [pod["metadata"]["uid"] for pod in scene.pods(name)] == before[name]
    assert scene.text("one", "stdout.txt") == "begun\nended\n"
    scene.onlooker.remove(f"flag-{scene.namespace}")
