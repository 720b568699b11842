"""etcd, API server, controller manager, scheduler, kube-proxy and name server.

Called by devcluster.py. The flags are the few that upstream's defaults do not fit; who may do
what (RBAC, Node authorizer, NodeRestriction, certificates everywhere) is as on any real cluster.
"""

import socket
from pathlib import Path

import yaml

from batchai_devcluster.certificates import Authority, write_service_account_keys
from batchai_devcluster.network import Network
from batchai_devcluster.paths import Paths
from batchai_devcluster.processes import Processes, enter

#: Names of the processes, in the order of their start.
NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "coredns",
)
_ETCD = "https://127.0.0.1:2379"


class ControlPlane:
    """Starts the control plane's processes in the cluster's network namespace."""

    def __init__(
        self, paths: Paths, program: Path, network: Network, processes: Processes, holder: int
    ) -> None:
        """Remember where things are; `holder` is the process that holds the namespace."""
        self.paths = paths
        self.program = program
        self.network = network
        self.processes = processes
        self.within = enter(holder, network=True)
        self.server = f"https://{network.control}:6443"

    def start_api(self, authority: Authority) -> None:
        """Start etcd and the API server."""
        self._start_etcd(authority)
        self._start_api_server(authority)

    def start_clients(self, authority: Authority) -> None:
        """Start the rest, once the API server is ready (they end when it refuses them)."""
        self._start_controllers(authority)
        self._start_proxy(authority)
        self._start_name_server(authority)

    def _start(self, name: str, *arguments: str) -> None:
        self.processes.start(name, [self.program / name, *arguments], within=self.within)

    def _kubeconfig(self, authority: Authority, name: str, user: str, *groups: str) -> str:
        pair = authority.issue(name, user, groups)
        return str(authority.kubeconfig(authority.folder / f"{name}.conf", self.server, pair))

    def _start_etcd(self, authority: Authority) -> None:
        pair = authority.issue("etcd", "etcd", names=["127.0.0.1", "localhost"])
        self._start(
            "etcd",
            f"--data-dir={self.paths.cluster / 'etcd'}",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--client-cert-auth",
            f"--trusted-ca-file={authority.certificate}",
            f"--cert-file={pair.certificate}",
            f"--key-file={pair.key}",
            # The data lives as long as the cluster; syncing each write to disk protects nothing.
            "--unsafe-no-fsync",
        )

    def _start_api_server(self, authority: Authority) -> None:
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names += ["kubernetes.default.svc.cluster.local", "localhost", "127.0.0.1"]
        names += [self.network.control, self.network.kubernetes_service, socket.gethostname()]
        serving = authority.issue("kube-apiserver", "kube-apiserver", names=names)
        client = authority.issue("kube-apiserver-client", "kube-apiserver", ["system:masters"])
        tokens = write_service_account_keys(authority.folder)
        self._start(
            "kube-apiserver",
            f"--etcd-servers={_ETCD}",
            f"--etcd-cafile={authority.certificate}",
            f"--etcd-certfile={client.certificate}",
            f"--etcd-keyfile={client.key}",
            f"--bind-address={self.network.control}",
            f"--advertise-address={self.network.control}",
            "--secure-port=6443",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={authority.certificate}",
            f"--kubelet-client-certificate={client.certificate}",
            f"--kubelet-client-key={client.key}",
            f"--kubelet-certificate-authority={authority.certificate}",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={tokens.certificate}",
            f"--service-account-signing-key-file={tokens.key}",
            f"--service-cluster-ip-range={self.network.services}",
            "--authorization-mode=Node,RBAC",
            # The second is off by default and on in hardened clusters: who makes a child that holds
            # up its owner's deletion must have the right to update the owner. Ours needs none.
            "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
            "--allow-privileged=true",
            f"--audit-policy-file={self._audit_policy()}",
            f"--audit-log-path={self.paths.logs / 'audit.log'}",
            "--audit-log-maxsize=50",
            "--audit-log-maxbackup=1",
        )

    def _audit_policy(self) -> Path:
        """Write a policy that logs who wrote what, without contents (they may be secret).

        Of the operator everything is logged, so that a test can hold its rights against its use.
        """
        file = self.paths.cluster / "audit-policy.yaml"
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [
                {
                    "level": "Metadata",
                    # Where release.py installs the chart.
                    "userGroups": ["system:serviceaccounts:batchai-system"],
                },
                {"level": "None", "resources": [{"group": "coordination.k8s.io"}]},
                {
                    "level": "Metadata",
                    "verbs": ["create", "update", "patch", "delete", "deletecollection"],
                },
                {"level": "None"},
            ],
        }
        file.write_text(yaml.safe_dump(policy, sort_keys=False))
        return file

    def _start_controllers(self, authority: Authority) -> None:
        for name in ("kube-controller-manager", "kube-scheduler"):
            config = self._kubeconfig(authority, name, f"system:{name}")
            arguments = [
                f"--kubeconfig={config}",
                f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}",
                "--leader-elect=false",
            ]
            if name == "kube-controller-manager":
                arguments += [
                    f"--service-account-private-key-file={authority.folder}/service-account.key",
                    f"--root-ca-file={authority.certificate}",
                    f"--cluster-signing-cert-file={authority.certificate}",
                    f"--cluster-signing-key-file={authority.folder}/ca.key",
                    "--use-service-account-credentials=true",
                ]
            self._start(name, *arguments)

    def _start_proxy(self, authority: Authority) -> None:
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": self.network.pods,
            "hostnameOverride": "node-0",
            "clientConnection": {
                "kubeconfig": self._kubeconfig(authority, "kube-proxy", "system:kube-proxy")
            },
            # The table of connections belongs to the machine; leave its size alone.
            "conntrack": {"maxPerCore": 0, "min": 0},
        }
        file = self.paths.cluster / "kube-proxy.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        self._start("kube-proxy", f"--config={file}")

    def _start_name_server(self, authority: Authority) -> None:
        config = self._kubeconfig(authority, "coredns", "system:coredns")
        file = self.paths.cluster / "Corefile"
        file.write_text(
            f""".:53 {{
    bind {self.network.control}
    errors
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
    cache 5
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {config}
        pods insecure
        ttl 5
    }}
    forward . {_resolver_file()}
}}
"""
        )
        self._start("coredns", f"-conf={file}")


def _resolver_file() -> Path:
    """Return the file that names the machine's real name servers.

    systemd-resolved's own address 127.0.0.53 does not answer in another network namespace; the
    servers behind it stand in a second file.
    """
    real = Path("/run/systemd/resolve/resolv.conf")
    return real if real.exists() else Path("/etc/resolv.conf")
