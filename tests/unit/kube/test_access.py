"""How the API server is reached: a proxy of kubeconfig or environment, asked for once."""

import json

import aiohttp
import pytest

from batchai_operator.engine.ports import PODS
from batchai_operator.errors import UnavailableError
from batchai_operator.kube import access
from batchai_operator.kube.access import load_access
from batchai_operator.kube.client import KubeClient

SERVER = "https://api.example.invalid:6443"


@pytest.fixture
def kubeconfig(tmp_path):
    def write(**cluster):
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": SERVER, **cluster}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        }))  # fmt: skip
        return str(file)

    return write


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


async def test_the_proxy_of_the_environment_counts(kubeconfig, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    found = await load_access(kubeconfig())
    assert found.configuration.proxy == "http://proxy.invalid:3128"


async def test_no_proxy_is_used_for_hosts_that_the_environment_excepts(kubeconfig, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", ".example.invalid")
    assert (await load_access(kubeconfig())).configuration.proxy is None


async def test_the_proxy_of_the_kubeconfig_wins(kubeconfig, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    found = await load_access(kubeconfig(**{"proxy-url": "http://own.invalid:1"}))
    assert found.configuration.proxy == "http://own.invalid:1"


async def test_requests_ask_neither_environment_nor_netrc(server, monkeypatch):
    asked = []
    monkeypatch.setattr("aiohttp.client.get_env_proxy_for_url", lambda _: asked.append("proxy"))
    monkeypatch.setattr(aiohttp.ClientSession, "_get_netrc_auth", lambda *_: asked.append("netrc"))
    found = server.access()
    access._settle_proxy(found.configuration)
    server.answer({"items": [], "metadata": {}})
    async with KubeClient(found) as client:
        assert await client.list(PODS) == []
    assert asked == []


@pytest.mark.parametrize("by", ["argument", "environment", "default"])
async def test_a_kubeconfig_that_is_not_there_is_said_to_be_missing(by, tmp_path, monkeypatch):
    missing = str(tmp_path / "none")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    if by == "environment":
        monkeypatch.setenv("KUBECONFIG", f"{missing}:")
    monkeypatch.setattr(access, "_DEFAULT_KUBECONFIG", missing)
    with pytest.raises(UnavailableError, match=r"none.*: there is no such file\. Set KUBECONFIG"):
        await load_access(missing if by == "argument" else None)


async def test_one_of_several_kubeconfigs_may_be_missing(kubeconfig, tmp_path):
    paths = f"{tmp_path / 'none'}:{kubeconfig()}"
    assert (await load_access(paths)).configuration.host == SERVER
