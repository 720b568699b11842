"""The verbs. Parses words, calls one provider, prints; decides nothing else.

Results go to standard output, everything for the person who waits to standard error.
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from batchai_devcluster import (
    gotool,
    guide,
    packages,
    preflight,
    preparing,
    provider,
    release,
    storage,
    traces,
)
from batchai_devcluster.devcluster import Devcluster
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.images import sources, table
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.locking import locked
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import say
from batchai_devcluster.shape import Shape

#: What `clean-cache` removes of the home; anything else in there is somebody else's.
_CACHES = ("bin", "build", "images", "locks", "programs", "toolchain", "before-up.json")


def main(words: Sequence[str]) -> int:
    """Run one verb and return the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    # The programs used here lie in folders that not everybody's PATH holds.
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{packages.SEARCHED}"
    paths = Paths.from_environment()
    try:
        # These hand all their words on, so that they need no `--`.
        if words and words[0] in ("kubectl", "helm"):
            return _pass_on(paths, words[0], words[1:])
        if words and words[0] == "go":
            return gotool.main(paths, words[1:])
        chosen = _parser().parse_args(words)
        code = int(chosen.verb(paths, chosen) or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the answer, such as `head`, has seen enough. Python would complain once more
        # when it closes the pipe at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (DevclusterError, OSError) as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. `up` goes on from here; `down` removes what was started.")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="batchai_devcluster", description="A real Kubernetes on this machine."
    )
    parser.add_argument("--provider", default=provider.named())
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    up = verbs.add_parser("up", help="start the cluster, or do nothing when it runs")
    up.add_argument("--nodes", type=_positive, help="number of nodes (2)")
    up.add_argument("--gpus", type=_count, help="GPUs that each node advertises (1)")
    up.add_argument("--instance-type", default="", help="label every node with this size")
    up.add_argument("--provider", default=argparse.SUPPRESS, choices=provider.NAMES)
    up.set_defaults(verb=_up)

    for name, verb, text in (
        ("down", _down, "end the cluster and remove it without trace"),
        ("clean-cache", _clean_cache, "remove the compiled programs and images too"),
        ("status", _status, "say whether the cluster works; exit code 1 when not"),
        ("traces", _traces, "list what a cluster left on this machine; exit code 1 if anything"),
        ("kubeconfig", _kubeconfig, "print the path of the kubeconfig"),
        ("env", _env, "print shell commands that set KUBECONFIG and PATH"),
    ):
        verbs.add_parser(name, help=text).set_defaults(verb=verb)
    for name in ("kubectl", "helm"):
        verbs.add_parser(name, help=f"run {name} against the cluster", add_help=False)
    verbs.add_parser("go", help="run the project's own Go", add_help=False)

    restart = verbs.add_parser(
        "restart-node", help="kill a node's kubelet and containerd; start both"
    )
    restart.add_argument("node", metavar="NODE")
    restart.set_defaults(verb=_restart_node)

    install = verbs.add_parser("install", help="install the operator of this checkout by its chart")
    install.add_argument("--blob-endpoint", default="", help="blob storage, with `{account}` in it")
    install.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a value of the chart"
    )
    install.set_defaults(verb=_install)

    image = verbs.add_parser("image", help="build images and put them into the nodes")
    actions = image.add_subparsers(required=True, metavar="ACTION")
    ensure = actions.add_parser("ensure", help="have images in every node; print references")
    ensure.add_argument("names", nargs="+", metavar="NAME")
    ensure.set_defaults(verb=_image_ensure)
    reference = actions.add_parser("ref", help="print an image's reference")
    reference.add_argument("name", metavar="NAME")
    reference.set_defaults(verb=_image_reference)
    storage.add_verbs(verbs)
    guide.add_verb(verbs)
    return parser


def _up(paths: Paths, chosen: argparse.Namespace) -> None:
    shape = Shape(chosen.nodes, chosen.gpus, chosen.instance_type)
    with locked(paths.lock("cluster"), "starting or removing the cluster"):
        cluster = provider.choose(paths, chosen.provider)
        if cluster.is_up(shape):
            say("The cluster is up.")
        else:
            for line in cluster.announce():
                say(line)
            cluster.up(shape)
        storage.up(paths, cluster)
        say(f"export KUBECONFIG={cluster.kubeconfig} PATH={paths.bin}:$PATH")


def _down(paths: Paths, chosen: argparse.Namespace) -> None:
    with locked(paths.lock("cluster"), "starting or removing the cluster"):
        provider.choose(paths, chosen.provider).down()


def _clean_cache(paths: Paths, chosen: argparse.Namespace) -> None:
    if chosen.provider == "kubeconfig":
        # The caches are those of the cluster that this home may have of its own.
        chosen.provider = "auto"
    _down(paths, chosen)
    with locked(paths.lock("images"), "building an image"):
        for name in _CACHES:
            place = paths.home / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
    if paths.home.exists() and not any(paths.home.iterdir()):
        paths.home.rmdir()


def _status(paths: Paths, chosen: argparse.Namespace) -> int:
    cluster = provider.choose(paths, chosen.provider)
    problem = cluster.problem()
    if problem:
        print(f"{cluster.name}: not working: {problem}")
        return 1
    print(f"{cluster.name}: working, KUBECONFIG={cluster.kubeconfig}")
    print(cluster.kubectl(["get", "nodes", "--output=wide"]), end="")
    return 0


def _traces(paths: Paths, _: argparse.Namespace) -> int:
    preflight.need_root()
    found = traces.compare(paths)
    for line in found:
        print(line)
    return 1 if found else 0


def _kubeconfig(paths: Paths, chosen: argparse.Namespace) -> None:
    print(provider.choose(paths, chosen.provider).kubeconfig)


def _env(paths: Paths, chosen: argparse.Namespace) -> None:
    kubeconfig = provider.choose(paths, chosen.provider).kubeconfig
    print(f"export KUBECONFIG={shlex.quote(kubeconfig)}\nexport PATH={paths.bin}:$PATH")


def _image_ensure(paths: Paths, chosen: argparse.Namespace) -> int:
    cluster = _working(paths, chosen.provider)
    images = Images(paths, with_docker=cluster.with_docker)
    for name in chosen.names:
        print(images.ensure(name, cluster), flush=True)
    return 0


def _install(paths: Paths, chosen: argparse.Namespace) -> None:
    cluster = _working(paths, chosen.provider)
    more = dict(each.split("=", 1) for each in chosen.set)
    done = release.install(paths, cluster, blob_endpoint=chosen.blob_endpoint, more=more)
    print(done.operator)


def _restart_node(paths: Paths, chosen: argparse.Namespace) -> None:
    cluster = provider.choose(paths, chosen.provider)
    if not isinstance(cluster, Devcluster):
        raise DevclusterError(f"{cluster.name} cannot restart a node; only devcluster can.")
    with locked(paths.lock("cluster"), "starting or removing the cluster"):
        cluster.restart_node(chosen.node)


def _working(paths: Paths, wanted: str = "auto") -> provider.Provider:
    """Return the cluster that runs.

    Raises:
        DevclusterError: there is none that works.
    """
    cluster = provider.choose(paths, wanted)
    problem = cluster.problem()
    if problem:
        raise DevclusterError(f"The cluster does not work ({problem}); run `up` first.")
    return cluster


def _image_reference(paths: Paths, chosen: argparse.Namespace) -> None:
    cluster = provider.choose(paths, chosen.provider)
    print(sources.reference(table.find(chosen.name), cluster.registry))


def _pass_on(paths: Paths, name: str, words: Sequence[str]) -> int:
    """Run kubectl or helm on this terminal."""
    if name == "helm" and not preparing.helm_is_built(paths):
        preparing.ensure_helm(paths)
    program = paths.bin / name
    if not program.exists():
        say(f"There is no {name} yet; run `up` first.")
        return 1
    cluster = provider.choose(paths, provider.named())
    environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig}
    return subprocess.run([program, *words], env=environment, check=False).returncode


def _positive(text: str) -> int:
    if (number := int(text)) < 1 or number > 20:
        raise argparse.ArgumentTypeError("1 to 20 nodes fit on one machine")
    return number


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("a number of GPUs is 0 or more")
    return number


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Let SIGTERM end this process as Ctrl-C does."""
    raise KeyboardInterrupt
