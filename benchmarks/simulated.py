"""Kubernetes nodes that are not there: KWOK says what kubelets would say.

Used by the benchmarks that need a thousand running Pods. The nodes carry an instance type and a
taint of their own, so that only Pods that ask for them come; a Pod's annotations say how long its
program runs and with which code it ends. Nothing else of a node is simulated: no logs, no volumes.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from batchai_devcluster import pins, toolchain
from batchai_devcluster.cgroups import Cgroups
from benchmarks import objects
from benchmarks.stage import Stage
from benchmarks.waiting import until

_LABEL = "batchai-simulated"
_MARK = {"kwok.x-k8s.io/node": "fake"}
_STAGES = Path(__file__).with_name("stages.yaml")


@asynccontextmanager
async def nodes(stage: Stage, count: int = 10) -> AsyncIterator[None]:
    """Have simulated nodes until the end of the block; each takes 110 Pods, as a real one does."""
    title = f"Compiling KWOK {pins.KWOK_MODULE.partition('@')[2]} (2 minutes, once)"
    program = await asyncio.to_thread(
        toolchain.ensure_program,
        stage.paths,
        Cgroups(stage.paths.instance),
        pins.KWOK_MODULE,
        title,
    )
    command = [
        program,
        f"--kubeconfig={stage.paths.kubeconfig}",
        f"--config={_STAGES}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        "--server-address=",
    ]
    with (stage.folder / "kwok.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    names = [f"simulated-{number}" for number in range(count)]
    try:
        await remove(stage)
        for name in names:
            await stage.api.send("POST", "/api/v1/nodes", _node(name))

        async def are_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"KWOK ended: {(stage.folder / 'kwok.log').read_text()}")
            return all([await _is_ready(stage, name) for name in names])

        await until(are_ready, 60, "the simulated nodes")
        yield
    finally:
        await remove(stage)
        process.terminate()
        process.wait()


async def remove(stage: Stage) -> None:
    """Delete all simulated nodes, an earlier run's too."""
    await stage.api.send("DELETE", f"/api/v1/nodes?labelSelector=type%3D{_LABEL}")


def _node(name: str) -> objects.Raw:
    room = {"cpu": "1k", "memory": "1Ti", "pods": "110"}
    labels = {
        "type": _LABEL,
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": objects.SIZE,
    }
    return {
        "metadata": {"name": name, "labels": labels, "annotations": _MARK},
        "spec": {"taints": [{"key": "batchai.dev/simulated", "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    }


async def _is_ready(stage: Stage, name: str) -> bool:
    node = await stage.api.get(f"/api/v1/nodes/{name}")
    conditions = node["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
