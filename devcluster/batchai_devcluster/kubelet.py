"""The configuration of one node's kubelet. Called by nodes.py; writes files, starts nothing."""

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from batchai_devcluster.certificates import Authority


@dataclass(frozen=True)
class Settings:
    """What one kubelet needs to know.

    Attributes:
        name: the node's name.
        folder: the node's folder.
        address: the node's address.
        name_server: address of the cluster's name server.
        server: URL of the API server.
        cgroup: the group below which it makes those of its Pods.
        on_cgroup_v1: whether the machine has the separate hierarchies.
        labels: labels of the node on top of the kubelet's own.
    """

    name: str
    folder: Path
    address: str
    name_server: str
    server: str
    cgroup: str
    on_cgroup_v1: bool
    labels: dict[str, str] = field(default_factory=dict)


def write(settings: Settings, authority: Authority) -> list[str]:
    """Write configuration, certificate and kubeconfig; return the kubelet's arguments."""
    pair = authority.issue(
        settings.name,
        f"system:node:{settings.name}",
        ["system:nodes"],
        names=[settings.name, settings.address],
    )
    kubeconfig = authority.kubeconfig(
        authority.folder / f"{settings.name}.conf", settings.server, pair
    )
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": settings.address,
        "healthzBindAddress": settings.address,
        "readOnlyPort": 0,
        "tlsCertFile": str(pair.certificate),
        "tlsPrivateKeyFile": str(pair.key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [settings.name_server],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": settings.cgroup,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        # The rules of old firewalls are not wanted; kube-proxy writes its own.
        "makeIPTablesUtilChains": False,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        # The images came without a registry, so none could be pulled again: never collect them.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
    }
    if settings.on_cgroup_v1:
        config["failCgroupV1"] = False
    file = settings.folder / "kubelet.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    arguments = [
        f"--config={file}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={settings.name}",
        f"--node-ip={settings.address}",
        "--root-dir=/var/lib/kubelet",
        "--cert-dir=/var/lib/kubelet/pki",
    ]
    if settings.labels:
        pairs = (f"{key}={value}" for key, value in settings.labels.items())
        arguments.append("--node-labels=" + ",".join(pairs))
    return arguments
