"""Verbs below `storage` about who may mount without a key: identities, a vault, NFS.

Registered by storage.py. All of it is kept by the stand-in (../storage/entra, ../storage/keyvault).
"""

import argparse
import sys
from collections.abc import Callable

from batchai_devcluster import storage_copying as copying
from batchai_devcluster.paths import Paths

Kubectl = Callable[[Paths, argparse.Namespace], list[str]]
"""How kubectl is called for the cluster that was chosen."""


def add_verbs(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", kubectl: Kubectl
) -> None:
    """Register `identity`, `vault` and `nfs`.

    Args:
        actions: what stands below `storage`.
        kubectl: how kubectl is called.
    """
    parser = actions.add_parser("identity", help="an application or managed identity")
    identity = parser.add_subparsers(required=True, metavar="ACTION")
    put = identity.add_parser("put", help="make it, or change it")
    put.add_argument("client_id", metavar="CLIENT_ID")
    put.add_argument(
        "--subject",
        action="append",
        default=[],
        help="federated credential: system:serviceaccount:NAMESPACE:NAME (repeatable)",
    )
    put.add_argument("--role", action="append", default=[], help="role on the account (repeatable)")
    put.add_argument("--node", action="store_true", help="the Kubernetes nodes have it")
    put.set_defaults(verb=_put_identity, kubectl=kubectl)
    remove = identity.add_parser("rm", help="delete it")
    remove.add_argument("client_id", metavar="CLIENT_ID")
    remove.set_defaults(verb=_remove_identity, kubectl=kubectl)
    vault = actions.add_parser("vault", help="Azure Key Vault").add_subparsers(required=True)
    secret = vault.add_parser("put", help="put what is read into a vault; print the version")
    secret.add_argument("url", metavar="URL")
    secret.add_argument("name", metavar="SECRET")
    secret.set_defaults(verb=_put_secret, kubectl=kubectl)
    nfs = actions.add_parser("nfs", help="offer a share or container by NFS")
    nfs.add_argument("place", help="share/NAME or container/NAME")
    nfs.add_argument("state", choices=("on", "off"))
    nfs.set_defaults(verb=_offer, kubectl=kubectl)


def _put_identity(paths: Paths, chosen: argparse.Namespace) -> None:
    words = [f"subject={subject}" for subject in chosen.subject]
    words += [f"role={role}" for role in chosen.role]
    words += ["node"] if chosen.node else []
    copying.admin(chosen.kubectl(paths, chosen), "identity", "put", chosen.client_id, *words)


def _remove_identity(paths: Paths, chosen: argparse.Namespace) -> None:
    copying.admin(chosen.kubectl(paths, chosen), "identity", "rm", chosen.client_id)


def _put_secret(paths: Paths, chosen: argparse.Namespace) -> None:
    words = ("vault", "put", chosen.url, chosen.name)
    print(copying.admin(chosen.kubectl(paths, chosen), *words, stdin=sys.stdin.read()), end="")


def _offer(paths: Paths, chosen: argparse.Namespace) -> None:
    copying.admin(chosen.kubectl(paths, chosen), "nfs", chosen.place, chosen.state)
