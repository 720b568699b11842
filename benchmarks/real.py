"""Jobs on a real node, and bare Pods of the same image and volumes to compare them with.

Used by the benchmarks that need a kubelet. Files on the share are looked at where the stand-in
keeps them, on this machine; so the clock of programs and of the benchmark is one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import objects
from benchmarks.api import Raw
from benchmarks.process import Operator
from benchmarks.stage import Stage
from benchmarks.waiting import until

FINAL = ("succeeded", "failed")


class Place:
    """A namespace on a real node with an operator that serves it."""

    def __init__(self, stage: Stage, namespace: str, operator: Operator) -> None:
        self._stage = stage
        self.namespace = namespace
        self.operator = operator
        self.share = stage.paths.storage / "shares" / objects.ACCOUNT / objects.SHARE
        self._jobs = f"{objects.GROUP}/{namespace}/batchaijobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    async def create_job(self, name: str, command: str) -> None:
        """Create a job of one node."""
        body = objects.a_job(self.namespace, name, command)
        await self._stage.api.send("POST", self._jobs, body)

    async def status(self, name: str) -> Raw:
        """Return a job's status as it is now."""
        found: Raw = (await self._stage.api.get(f"{self._jobs}/{name}")).get("status") or {}
        return found

    async def reach(self, name: str, *states: str, seconds: float = 180) -> Raw:
        """Wait until a job is in one of the states; return its status.

        Raises:
            RuntimeError: it has ended otherwise.
        """

        async def look() -> Raw | None:
            status = await self.status(name)
            state = status.get("executionState")
            if state in states:
                return status
            if state in FINAL:
                raise RuntimeError(f"job {name} is {state}: {status.get('message')}")
            return None

        found = await until(look, seconds, f"job {name} to be {states}")
        assert found is not None
        return found

    async def log_of(self, name: str) -> Path:
        """Return the file of a job's standard output, which may not be there yet."""

        async def look() -> str:
            return str((await self.status(name)).get("jobOutputDirectoryPathSegment") or "")

        segment = await until(look, 60, f"the folder of {name}")
        return self.share / segment / "stdouterr" / "stdout.txt"

    async def pod_of(self, name: str) -> Raw:
        """Return the Pod of a job's node."""
        selector = f"labelSelector=batchai.dev%2Fjob%3D{name}"
        found: Raw = (await self._stage.api.get(f"{self._pods}?{selector}"))["items"][0]
        return found

    async def create_pod(self, like: Raw, name: str, script: str) -> None:
        """Create a Pod that runs a script in the image and with the volumes of a job's Pod.

        The share is at /share.
        """
        volumes = like["spec"]["volumes"]
        (container,) = like["spec"]["containers"]
        share = next(volume["name"] for volume in volumes if "csi" in volume)
        mounts = [
            {"name": volume["name"], "mountPath": f"/volumes/{volume['name']}"}
            for volume in volumes
            if volume["name"] != share
        ]
        body = {
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "volumes": volumes,
                "containers": [
                    {
                        "name": "job",
                        "image": container["image"],
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["/bin/bash", "-c", script],
                        "resources": container.get("resources") or {},
                        "volumeMounts": [{"name": share, "mountPath": "/share"}, *mounts],
                    }
                ],
            },
        }
        await self._stage.api.send("POST", self._pods, body)

    async def until_pod_ended(self, name: str, seconds: float = 180) -> None:
        """Wait until a Pod has ended; it must have succeeded."""

        async def has_ended() -> bool:
            phase = (await self._stage.api.get(f"{self._pods}/{name}"))["status"].get("phase")
            if phase == "Failed":
                raise RuntimeError(f"Pod {name} failed")
            return bool(phase == "Succeeded")

        await until(has_ended, seconds, f"Pod {name} to end")


@asynccontextmanager
async def place(stage: Stage) -> AsyncIterator[Place]:
    """Have a namespace and an operator, until the end of the block; one job has run already."""
    async with stage.operator() as operator, stage.namespace() as space:
        pool = objects.a_cluster(space)
        await stage.api.send("POST", f"{objects.GROUP}/{space}/batchaiclusters", pool)
        made = Place(stage, space, operator)
        # So that no image is unpacked and no node is looked up for the first time while we measure.
        await made.create_job("warm", "true")
        await made.reach("warm", "succeeded")
        yield made
