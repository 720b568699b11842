"""The verb `storage`: a storage account on the development cluster, and what it holds.

cli.py registers it (`add_verbs`) and calls `up` at the end of its own `up`. With `CSI=none` in the
environment nothing is deployed, and whoever runs the cluster brings the drivers. That is also so on
a cluster of the user's, unless `CSI=standin` asks for the stand-in.
"""

import argparse
import os
from pathlib import Path

from batchai_devcluster import provider, storage_identities
from batchai_devcluster import storage_copying as copying
from batchai_devcluster import storage_deploying as deploying
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import say

_PLACE = "share/NAME[/PATH] or container/NAME[/PATH]"


def is_wanted(cluster: provider.Provider) -> bool:
    """Tell whether the stand-in is to be deployed and used.

    Raises:
        DevclusterError: `CSI` is neither none nor standin.
    """
    asked = os.environ.get("CSI", "").lower() or ("standin" if cluster.is_ours else "none")
    if asked not in ("none", "standin"):
        raise DevclusterError(f"CSI={asked} is unknown; there are CSI=none and CSI=standin.")
    return asked == "standin"


def up(paths: Paths, cluster: provider.Provider) -> None:
    """Have the stand-in, Azurite and one account in a running cluster, if they are wanted.

    Raises:
        DevclusterError: the cluster is the user's and has other drivers, or no folder is named.
    """
    if not is_wanted(cluster):
        say("CSI=none: no storage drivers are deployed.")
        return
    folder, labels = paths.storage, {}
    if not cluster.is_ours:
        if deploying.is_foreign(cluster):
            say("The stand-in is there already; it is used as it is.")
            return
        folder, labels = _named_folder(), deploying.OURS
    images = Images(paths, with_docker=cluster.with_docker)
    references = {name: images.ensure(name, cluster) for name in deploying.IMAGES}
    if cluster.is_ours:
        folder.mkdir(parents=True, exist_ok=True)
    deploying.deploy(cluster, folder, references, labels)


def provide(paths: Paths, cluster: provider.Provider) -> None:
    """Have claims provided for by StorageClasses as AKS has them, where the stand-in is used.

    Compiling Kubernetes' provisioner takes some minutes once, which not every cluster needs.

    Raises:
        DevclusterError: the stand-in is not deployed, or does not become ready.
    """
    if not is_wanted(cluster) or (not cluster.is_ours and deploying.is_foreign(cluster)):
        say("The storage is not ours: StorageClasses are left as they are.")
        return
    if deploying.find_key(cluster) is None:
        raise DevclusterError("There is no storage account yet; run `storage up` first.")
    images = Images(paths, with_docker=cluster.with_docker)
    references = {name: images.ensure(name, cluster) for name in deploying.PROVISIONING_IMAGES}
    folder = paths.storage if cluster.is_ours else _named_folder()
    deploying.provide(cluster, folder, references)


def _named_folder() -> Path:
    """Return the folder of a cluster of the user's in which shares and containers are kept."""
    folder = Path(os.environ.get("CSI_FOLDER", ""))
    if not folder.is_absolute():
        raise DevclusterError(
            "CSI=standin keeps shares and containers in one folder that all your nodes see; name "
            "it, for example CSI_FOLDER=/mnt/nfs/batchai (any folder when there is one node)."
        )
    return folder


def add_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `storage` and what stands below it; each sets `verb` as cli.py expects."""
    parser = verbs.add_parser("storage", help="the storage account: shares, containers, files")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("up", help="deploy Azurite and the stand-in").set_defaults(verb=_up)
    actions.add_parser(
        "provide", help="provide for claims by StorageClasses as on AKS (minutes, once)"
    ).set_defaults(verb=_provide)
    actions.add_parser("account", help="print its name").set_defaults(verb=_account)
    actions.add_parser("key", help="print its key").set_defaults(verb=_key)
    endpoint = actions.add_parser("endpoint", help="print where blobs are, with `{account}` in it")
    endpoint.set_defaults(verb=_endpoint)
    files = actions.add_parser("file-endpoint", help="print where shares are made")
    files.set_defaults(verb=_file_endpoint)
    secret = actions.add_parser("secret", help="put its Secret into a namespace")
    secret.add_argument("namespace")
    secret.set_defaults(verb=_secret)
    for kind in ("share", "container"):
        made = actions.add_parser(kind, help=f"make a {kind}").add_subparsers(required=True)
        create = made.add_parser("create")
        create.add_argument("name")
        create.set_defaults(verb=_create, kind=kind)
    put = actions.add_parser("put", help="copy a file or tree in")
    put.add_argument("local", type=Path)
    put.add_argument("place", help=_PLACE)
    put.set_defaults(verb=_put)
    get = actions.add_parser("get", help="copy a file or tree out")
    get.add_argument("place", help=_PLACE)
    get.add_argument("local", type=Path)
    get.set_defaults(verb=_get)
    for name, text in (("ls", "list files with size and time"), ("rm", "remove a file or tree")):
        action = actions.add_parser(name, help=text)
        action.add_argument("place", help=_PLACE)
        action.set_defaults(verb=_on_place, action=name)
    storage_identities.add_verbs(actions, _kubectl)
    fault = actions.add_parser("fault", help="make a share hang, fail or be full")
    fault.add_argument("--share", required=True)
    fault.add_argument("kind", choices=("hang", "eio", "full", "clear"))
    fault.add_argument("--seconds", type=int, default=0, help="until cleared when not given")
    fault.set_defaults(verb=_fault)


def _up(paths: Paths, chosen: argparse.Namespace) -> None:
    up(paths, _running(paths, chosen))


def _provide(paths: Paths, chosen: argparse.Namespace) -> None:
    provide(paths, _running(paths, chosen))


def _kubectl(paths: Paths, chosen: argparse.Namespace) -> list[str]:
    """Return how kubectl is called for the cluster that was chosen."""
    return kubectl_of(paths, provider.choose(paths, chosen.provider))


def kubectl_of(paths: Paths, cluster: provider.Provider) -> list[str]:
    """Return how kubectl is called for a cluster."""
    return ["env", f"KUBECONFIG={cluster.kubeconfig}", str(paths.bin / "kubectl")]


def _running(paths: Paths, chosen: argparse.Namespace) -> provider.Provider:
    cluster = provider.choose(paths, chosen.provider)
    problem = cluster.problem()
    if problem:
        raise DevclusterError(f"The cluster does not work ({problem}); run `up` first.")
    return cluster


def _account(_paths: Paths, _chosen: argparse.Namespace) -> None:
    print(deploying.ACCOUNT)


def _endpoint(paths: Paths, chosen: argparse.Namespace) -> None:
    # An empty line means Azure's own: with other drivers the chart's value stays empty.
    print(deploying.BLOB_ENDPOINT if is_wanted(provider.choose(paths, chosen.provider)) else "")


def _file_endpoint(paths: Paths, chosen: argparse.Namespace) -> None:
    print(deploying.FILE_ENDPOINT if is_wanted(provider.choose(paths, chosen.provider)) else "")


def _key(paths: Paths, chosen: argparse.Namespace) -> None:
    key = deploying.find_key(_running(paths, chosen))
    if key is None:
        raise DevclusterError("There is no storage account yet; run `storage up` first.")
    print(key)


def _secret(paths: Paths, chosen: argparse.Namespace) -> None:
    deploying.give_secret(_running(paths, chosen), chosen.namespace)
    print(deploying.SECRET)


def _create(paths: Paths, chosen: argparse.Namespace) -> None:
    copying.admin(_kubectl(paths, chosen), chosen.kind, "create", chosen.name)


def _put(paths: Paths, chosen: argparse.Namespace) -> None:
    copying.put(_kubectl(paths, chosen), chosen.local, chosen.place)


def _get(paths: Paths, chosen: argparse.Namespace) -> None:
    copying.get(_kubectl(paths, chosen), chosen.place, chosen.local)


def _on_place(paths: Paths, chosen: argparse.Namespace) -> None:
    print(copying.admin(_kubectl(paths, chosen), chosen.action, chosen.place), end="")


def _fault(paths: Paths, chosen: argparse.Namespace) -> None:
    seconds = [str(chosen.seconds)] if chosen.seconds else []
    copying.admin(_kubectl(paths, chosen), "fault", chosen.share, chosen.kind, *seconds)
