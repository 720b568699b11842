"""The cluster's network: one namespace, one link to the machine, one firewall table.

Everything that Kubernetes does to a machine's network (kube-proxy's rules, the Pods' links,
forwarding) happens inside a namespace of its own and goes when it goes. What the machine
itself sees is one link with three routes, and one table that hides the cluster's addresses
from the world outside.
"""

import ipaddress
import json
from dataclasses import dataclass

from batchai_devcluster.errors import CannotRunHereError
from batchai_devcluster.processes import Processes, enter
from batchai_devcluster.running import run, succeeds

#: Name of the process that holds the namespace.
HOLDER = "network"
#: Second number of the node network to try; services and Pods take the two that follow.
CANDIDATES = (197, 187, 177, 167, 157, 147, 137, 127)


@dataclass(frozen=True)
class Network:
    """The addresses of one cluster: 10.B.0.0/24, 10.(B+1).0.0/16 and 10.(B+2).0.0/16."""

    number: int

    @property
    def services(self) -> str:
        """Addresses of Services."""
        return f"10.{self.number + 1}.0.0/16"

    @property
    def kubernetes_service(self) -> str:
        """Address of the Service `kubernetes`, always the first one."""
        return f"10.{self.number + 1}.0.1"

    @property
    def pods(self) -> str:
        """Addresses of all Pods."""
        return f"10.{self.number + 2}.0.0/16"

    def pods_of(self, index: int) -> str:
        """Addresses of one node's Pods."""
        return f"10.{self.number + 2}.{index}.0/24"

    @property
    def nodes(self) -> str:
        """Addresses of the nodes, the control plane and the machine."""
        return f"10.{self.number}.0.0/24"

    @property
    def machine(self) -> str:
        """The machine's own end of the link."""
        return f"10.{self.number}.0.254"

    @property
    def control(self) -> str:
        """The API server's and the name server's address."""
        return f"10.{self.number}.0.1"

    def node(self, index: int) -> str:
        """Address of one node."""
        return f"10.{self.number}.0.{11 + index}"


def choose() -> Network:
    """Return addresses that this machine does not use yet.

    Raises:
        CannotRunHereError: all candidates overlap with a route of the machine.
    """
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]))
    known = [ipaddress.ip_network(route["dst"]) for route in routes if route["dst"] != "default"]
    # A very wide route (a company's 10.0.0.0/8) does no harm: ours are narrower and win.
    taken = [network for network in known if network.prefixlen >= 12]
    for number in CANDIDATES:
        network = Network(number)
        wanted = map(ipaddress.ip_network, (network.nodes, network.services, network.pods))
        if not any(want.overlaps(used) for want in wanted for used in taken):
            return network
    raise CannotRunHereError(
        f"The networks 10.N.0.0 for N in {CANDIDATES} are all routed elsewhere on this machine; "
        "remove one of those routes (`ip route`)."
    )


def set_up(processes: Processes, name: str, network: Network, nodes: int) -> int:
    """Make the namespace, the link and the firewall table.

    Args:
        processes: where to start the process that holds the namespace.
        name: name of the link and the table.
        network: the addresses.
        nodes: how many nodes there will be.

    Returns:
        The id of the process that holds the namespace.
    """
    processes.start(HOLDER, ["unshare", "--net", "sleep", "infinity"])
    holder = processes.holder(HOLDER)
    inside = enter(holder, network=True)
    run(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder)])
    run(["ip", "address", "add", f"{network.machine}/24", "dev", name])
    run(["ip", "link", "set", name, "up"])
    run([*inside, "ip", "link", "set", "lo", "up"])
    addresses = [network.control, *(network.node(index) for index in range(nodes))]
    for address in addresses:
        run([*inside, "ip", "address", "add", f"{address}/24", "dev", "eth0"])
    run([*inside, "ip", "link", "set", "eth0", "up"])
    run([*inside, "ip", "route", "add", "default", "via", network.machine])
    run([*inside, "/bin/sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    for target in (network.services, network.pods):
        run(["ip", "route", "add", target, "via", network.control, "dev", name])
    rules = f"""
        table inet {name} {{
            chain outgoing {{
                type nat hook postrouting priority srcnat;
                ip saddr {{ {network.nodes}, {network.pods} }} oifname != "{name}" masquerade
            }}
        }}
    """
    run(["nft", "--file", "-"], stdin=rules)
    return holder


def tear_down(name: str) -> None:
    """Remove the link and the table; the namespace has ended with its processes."""
    if succeeds(["ip", "link", "show", "dev", name]):
        run(["ip", "link", "delete", "dev", name])
    if succeeds(["nft", "list", "table", "inet", name]):
        run(["nft", "delete", "table", "inet", name])
