"""What every benchmark stands on: a cluster that runs, the installed chart, and no operator in it.

Used by __main__.py and churn.py. It starts a cluster when none runs and ends what it started; the
chart's own operator is scaled to nothing meanwhile, so that the one under test (process.py) is the
only one.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from batchai_devcluster import provider
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.paths import Paths
from benchmarks import objects
from benchmarks.api import Api
from benchmarks.process import Operator, cpu_seconds
from benchmarks.waiting import until

SYSTEM = "batchai-system"
RELEASE = "batchai-batchai-operator"
_DEPLOYMENT = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{RELEASE}"
_ACCOUNT = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{RELEASE}"
_SECRET = f"azure-storage-account-{objects.ACCOUNT}-secret"


@dataclass
class Stage:
    """A cluster to measure on.

    Attributes:
        paths: of the development cluster.
        api: the API server.
        folder: for files of this run.
        settings: of the operator, as the chart made them.
    """

    paths: Paths
    api: Api
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def operator(self, **settings: str) -> AsyncIterator[Operator]:
        """Run the operator of this checkout until the end of the block."""
        log = self.folder / "operator.log"
        changed = {f"BATCHAI_OPERATOR_{name.upper()}": value for name, value in settings.items()}
        made = Operator({**self.settings, **changed}, log)
        made.start()
        try:
            await made.until_ready()
            yield made
        finally:
            await asyncio.to_thread(made.stop)

    @asynccontextmanager
    async def namespace(self) -> AsyncIterator[str]:
        """Make a namespace with the storage account's Secret; it is deleted at the end."""
        name = objects.a_namespace()
        await self.api.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        secret = await self.api.get(f"/api/v1/namespaces/default/secrets/{_SECRET}")
        copy = {"metadata": {"name": _SECRET}, "type": secret["type"], "data": secret["data"]}
        await self.api.send("POST", f"/api/v1/namespaces/{name}/secrets", copy)
        try:
            # Pods need the account, which a controller makes.
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            await until(lambda: self.api.find(account), 60, "the namespace's account")
            yield name
        finally:
            await self.clear(name)
            await self.api.send("DELETE", f"/api/v1/namespaces/{name}")

    async def clear(self, namespace: str) -> None:
        """Delete all jobs and Pods of a namespace at once, and wait until they are gone."""
        core, ours = f"/api/v1/namespaces/{namespace}", f"{objects.GROUP}/{namespace}"
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        await self.api.send("DELETE", f"{ours}/batchaijobs")
        await self.api.send("DELETE", f"{jobs}?propagationPolicy=Orphan")
        await self.api.until_empty(f"{ours}/batchaijobs")
        await self.api.until_empty(jobs)
        pods = await self.api.get(f"{core}/pods")
        held = [pod for pod in pods["items"] if pod["metadata"].get("finalizers")]
        # Of the Job controller, which would take them off at 20 a second.
        free = json.dumps({"metadata": {"finalizers": None}}).encode()
        await self.api.all(
            "PATCH", [(f"{core}/pods/{pod['metadata']['name']}", free) for pod in held]
        )
        await self.api.send("DELETE", f"{core}/pods", {"gracePeriodSeconds": 0})
        await self.api.until_empty(f"{core}/pods")

    def server_cpu(self) -> float:
        """Return the processor time of API server and etcd; 0 where they are not ours."""
        groups = Cgroups(self.paths.instance)
        names = ("kube-apiserver", "etcd")
        return sum(cpu_seconds(pid) for name in names for pid in groups.processes(name))


@asynccontextmanager
async def prepared() -> AsyncIterator[Stage]:
    """Have a cluster with the chart and without its operator, until the end of the block."""
    paths = Paths.from_environment()
    started = provider.choose(paths).problem() is not None
    if started:
        _tool("up", "--nodes=1", "--gpus=0")
    try:
        _tool("storage", "up")
        _tool("storage", "share", "create", objects.SHARE)
        _tool("install", "--blob-endpoint", _tool("storage", "endpoint").strip())
        with tempfile.TemporaryDirectory(prefix="batchai-bench-") as folder:
            async with Api(paths.kubeconfig) as api:
                stage = Stage(paths, api, Path(folder))
                stage.settings = await _settings(stage)
                await _scale(api, 0)
                try:
                    yield stage
                finally:
                    await _scale(api, 1)
    finally:
        if started:
            _tool("down")


def _tool(*words: str) -> str:
    command = [sys.executable, "-m", "batchai_devcluster", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ)
    return done.stdout


async def _settings(stage: Stage) -> dict[str, str]:
    """Return the settings of the chart's Deployment, with its ServiceAccount as a kubeconfig."""
    deployment = await stage.api.get(_DEPLOYMENT)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    found = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    request = {"spec": {"expirationSeconds": 24 * 3600}}
    answer = json.loads(await stage.api.send("POST", f"{_ACCOUNT}/token", request))
    kubeconfig = stage.folder / "operator.kubeconfig"
    kubeconfig.write_text(_kubeconfig(stage.api, answer["status"]["token"]))
    return {
        **found,
        "BATCHAI_OPERATOR_KUBECONFIG": str(kubeconfig),
        "BATCHAI_OPERATOR_POD_NAME": "bench",
        "BATCHAI_OPERATOR_LOG_LEVEL": os.environ.get("BENCH_LOG_LEVEL", "INFO"),
    }


def _kubeconfig(api: Api, token: str) -> str:
    authority = api.cluster.get("certificate-authority-data")
    if authority is None:
        content = Path(api.cluster["certificate-authority"]).read_bytes()
        authority = base64.b64encode(content).decode()
    cluster = {"server": api.server, "certificate-authority-data": authority}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "operator",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": "operator", "user": {"token": token}}],
            "contexts": [{"name": "operator", "context": {"cluster": "bench", "user": "operator"}}],
        }
    )


async def _scale(api: Api, replicas: int) -> None:
    """Scale the chart's operator, and wait until its Pods are gone when there are to be none."""
    await api.send("PATCH", f"{_DEPLOYMENT}/scale", {"spec": {"replicas": replicas}})
    if replicas:
        return
    selector = "labelSelector=app.kubernetes.io%2Finstance%3Dbatchai"
    await api.until_empty(f"/api/v1/namespaces/{SYSTEM}/pods?{selector}")
