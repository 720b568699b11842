"""(a) Control plane only: from the acceptance of jobs to their last Pod, and what it costs.

200 jobs of 1 node (narrow) and 1 job of 200 nodes (wide), against a bare client that makes the same
Pods as fast as the API server takes them (the limit), and against the Job controller. The Pods ask
for a node that does not exist, so that no kubelet takes part. The ways take turns within a round.
"""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks import objects
from benchmarks.api import Raw
from benchmarks.process import Operator
from benchmarks.stage import Stage
from benchmarks.tables import Row, show

PODS = 200
ROUNDS = 3
FINISHED = (100, 5000)
PATIENCE = 300


@dataclass
class Way:
    """One way of making Pods, and what it took in each round."""

    rates: list[float] = field(default_factory=list)
    own_cpu: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)


async def run(stage: Stage) -> None:
    """Measure and print."""
    async with stage.operator() as operator:
        for nodes, title, aim in (
            (1, "200 jobs of 1 node", 150),
            (PODS, "1 job of 200 nodes", 600),
        ):
            ways = {name: Way() for name in ("operator", "bare client", "Job controller")}
            pod = await _sample(stage, nodes)
            for _ in range(ROUNDS):
                await _round(stage, operator, ways, pod, nodes)
            _show_ways(title, ways, aim)
        resident = operator.resident()
    show("a. Memory of the operator after these", [Row("resident", [resident], "MB", aim="80")])
    await _flat(stage)


async def _round(
    stage: Stage, operator: Operator, ways: dict[str, Way], pod: Raw, nodes: int
) -> None:
    jobs = PODS // nodes
    async with stage.namespace() as space:
        core, ours = f"/api/v1/namespaces/{space}", f"{objects.GROUP}/{space}"
        await stage.api.send("POST", f"{ours}/batchaiclusters", objects.a_cluster(space))
        bodies = objects.encoded(_job(space, number, nodes) for number in range(jobs))

        async def by_operator() -> None:
            await stage.api.all("POST", [(f"{ours}/batchaijobs", body) for body in bodies])

        async def by_client() -> None:
            made = objects.encoded(objects.bare_pod(pod, f"bare-{n}") for n in range(PODS))
            await stage.api.all("POST", [(f"{core}/pods", body) for body in made])

        async def by_controller() -> None:
            made = objects.encoded(
                objects.kubernetes_job(pod, f"job-{n}", nodes) for n in range(jobs)
            )
            path = f"/apis/batch/v1/namespaces/{space}/jobs"
            await stage.api.all("POST", [(path, body) for body in made])

        makers = {
            "operator": by_operator,
            "bare client": by_client,
            "Job controller": by_controller,
        }
        for name, make in makers.items():
            await _measure(stage, operator, ways[name], space, make)
            await stage.clear(space)
            await operator.until_idle()


async def _measure(
    stage: Stage, operator: Operator, way: Way, space: str, make: Callable[[], Awaitable[None]]
) -> None:
    own, server = operator.cpu_seconds(), stage.server_cpu()
    async with stage.api.arrivals(f"/api/v1/namespaces/{space}/pods") as seen:
        began = time.perf_counter()
        await make()
        ended = await seen.reach(PODS, PATIENCE)
    way.rates.append(PODS / (ended - began))
    await operator.until_idle()
    way.own_cpu.append((operator.cpu_seconds() - own) / PODS * 1000)
    way.server_cpu.append((stage.server_cpu() - server) / PODS * 1000)


async def _sample(stage: Stage, nodes: int) -> Raw:
    """Return a Pod as the operator makes it."""
    async with stage.namespace() as space:
        ours, pods = f"{objects.GROUP}/{space}", f"/api/v1/namespaces/{space}/pods"
        await stage.api.send("POST", f"{ours}/batchaiclusters", objects.a_cluster(space))
        async with stage.api.arrivals(pods) as seen:
            await stage.api.send("POST", f"{ours}/batchaijobs", _job(space, 0, nodes))
            await seen.reach(nodes, PATIENCE)
        listed = await stage.api.get(f"{pods}?limit=1")
    found: Raw = listed["items"][0]
    return found


def _job(space: str, number: int, nodes: int) -> Raw:
    return objects.a_job(space, f"j{number:05}", nodes=nodes, kubernetes=objects.unplaced())


def _show_ways(title: str, ways: dict[str, Way], aim: int) -> None:
    limit = ways["bare client"]
    rows = []
    for name, way in ways.items():
        wanted = str(aim) if name == "operator" else ""
        rows.append(Row(name, way.rates, "Pods/s", limit.rates, wanted))
    for name, way in ways.items():
        text = f"API server and etcd, {name}"
        rows.append(Row(text, way.server_cpu, "CPU ms/Pod", limit.server_cpu))
    rows.append(Row("operator itself", ways["operator"].own_cpu, "CPU ms/Pod"))
    show(f"a. {title}: accepted to last Pod", rows, ratio="of bare client")


async def _flat(stage: Stage) -> None:
    """Measure what a job costs the operator while more and more finished ones are kept."""
    costs: dict[int, list[float]] = {}
    memory: dict[int, list[float]] = {}
    there = 0
    async with stage.namespace() as old:
        await stage.api.send(
            "POST", f"{objects.GROUP}/{old}/batchaiclusters", objects.a_cluster(old)
        )
        for wanted in FINISHED:
            await finished_jobs(stage, old, there, wanted)
            there = wanted
            costs[wanted], memory[wanted] = [], []
            async with stage.operator() as operator:
                await operator.until_idle()
                memory[wanted].append(operator.resident())
                for number in range(ROUNDS):
                    costs[wanted].append(await _cost(stage, operator, old, number))
                    await operator.until_idle()
    rows = [
        Row(f"with {kept} finished jobs", costs[kept], "CPU ms/job", costs[FINISHED[0]])
        for kept in FINISHED
    ]
    rows += [
        Row(f"resident with {kept} finished jobs, idle", memory[kept], "MB") for kept in FINISHED
    ]
    show("a. A job's cost while finished ones are kept", rows, ratio=f"of {FINISHED[0]}")


async def _cost(stage: Stage, operator: Operator, space: str, number: int) -> float:
    """Have jobs made on the cluster that has the finished ones, until their Pods are there."""
    ours, pods = f"{objects.GROUP}/{space}", f"/api/v1/namespaces/{space}/pods"
    names = [f"new{number}-{index}" for index in range(PODS)]
    new = [objects.a_job(space, name, kubernetes=objects.unplaced()) for name in names]
    own = operator.cpu_seconds()
    async with stage.api.arrivals(pods) as seen:
        requests = [(f"{ours}/batchaijobs", body) for body in objects.encoded(new)]
        await stage.api.all("POST", requests)
        await seen.reach(PODS, PATIENCE)
    await operator.until_idle()
    spent = (operator.cpu_seconds() - own) / PODS * 1000
    await stage.api.all("DELETE", [(f"{ours}/batchaijobs/{name}", None) for name in names])
    await stage.api.send("DELETE", pods, {"gracePeriodSeconds": 0})
    await stage.api.until_empty(pods)
    return spent


async def finished_jobs(stage: Stage, space: str, start: int, end: int) -> None:
    """Make jobs that have ended, as the operator would have left them, without running them."""
    path = f"{objects.GROUP}/{space}/batchaijobs"
    names = [f"done-{number:05}" for number in range(start, end)]
    bodies = objects.encoded(objects.a_job(space, name) for name in names)
    await stage.api.all("POST", [(path, body) for body in bodies])
    status = json.dumps({"status": objects.ended_status(space)}).encode()
    await stage.api.all("PATCH", [(f"{path}/{name}/status", status) for name in names])
