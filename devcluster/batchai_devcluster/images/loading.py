"""Puts images into the nodes' containerd, in each once and without a second copy of its layers."""

import json
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from batchai_devcluster.errors import CommandError
from batchai_devcluster.nodes import Node
from batchai_devcluster.running import run, succeeds


def answers(node: Node) -> bool:
    """Tell whether a node's containerd answers."""
    return node.containerd_socket.exists() and succeeds([*_ctr(node), "version"])


def has(node: Node, reference: str) -> bool:
    """Tell whether a node has an image."""
    try:
        return bool(_call(node, "images", "list", "--quiet", f"name=={reference}").strip())
    except CommandError:
        return False


def load_archive(reference: str, archive: Path, nodes: Sequence[Node]) -> None:
    """Import an OCI archive into the nodes that lack the image, all at once.

    Args:
        reference: the image's full name, which the archive carries too.
        archive: the file; the caller removes it.
        nodes: the nodes.
    """
    lacking = [node for node in nodes if not has(node, reference)]
    layers = _layers(archive)
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_import, node, archive, layers) for node in lacking]:
            done.result()


def _import(node: Node, archive: Path, layers: list[str]) -> None:
    _call(node, "images", "import", "--snapshotter=overlayfs", str(archive))
    # The layers are unpacked now. The packed ones would be a second copy on the disk; the kubelet's
    # own pulls discard them likewise (`discard_unpacked_layers`).
    _call(node, "content", "delete", *layers)


def _layers(archive: Path) -> list[str]:
    """Return the digests of an archive's layers."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> dict[str, list[dict[str, str]]]:
            member = tar.extractfile(name)
            assert member is not None, name
            content: dict[str, list[dict[str, str]]] = json.load(member)
            return content

        digest = read("index.json")["manifests"][0]["digest"]
        manifest = read("blobs/" + digest.replace(":", "/"))
    return [layer["digest"] for layer in manifest["layers"]]


def _ctr(node: Node) -> list[str]:
    return ["ctr", f"--address={node.containerd_socket}", "--namespace=k8s.io"]


def _call(node: Node, *arguments: str) -> str:
    return run([*_ctr(node), *arguments])
