"""Installs the operator of this checkout into the cluster, by its chart as anybody would.

Called by the verb `install`, the demo and the cluster tests. It builds the images that the chart
needs and passes their references on; everything else is the chart's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from batchai_devcluster import preparing
from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.locking import locked
from batchai_devcluster.paths import REPOSITORY, Paths
from batchai_devcluster.progress import step
from batchai_devcluster.provider import Provider
from batchai_devcluster.running import run

NAME = "batchai"
NAMESPACE = "batchai-system"
CHART = REPOSITORY / "charts" / "batchai-operator"
PROFILE = CHART / "values-laptop.yaml"
#: Label of Helm's own record, by which a release of ours is known from an operator in earnest.
LABEL = "batchai.dev/installed-by=checkout"


@dataclass(frozen=True)
class References:
    """References of the images that the operator runs with."""

    operator: str
    launcher: str
    node: str
    file_server: str


def ensure_images(paths: Paths, cluster: Provider) -> References:
    """Have the project's own images in every node."""
    images = Images(paths, with_docker=cluster.with_docker)
    return References(
        operator=images.ensure("operator", cluster),
        launcher=images.ensure("launcher", cluster),
        node=images.ensure("node", cluster),
        file_server=images.ensure("fileserver", cluster),
    )


def install(
    paths: Paths,
    cluster: Provider,
    *,
    blob_endpoint: str = "",
    more: Mapping[str, str] | None = None,
    keep: bool = False,
) -> References:
    """Install or upgrade the release and wait until the operator is ready.

    Args:
        paths: where things lie.
        cluster: the cluster, which must work.
        blob_endpoint: endpoint of blob storage with `{account}` in it; empty means Azure's.
        more: further values of the chart, numbers and words as YAML has them.
        keep: whether values that an earlier release was given otherwise stay.

    Returns:
        The images used.

    Raises:
        DevclusterError: the operator did not become ready; the message has its last log lines. Or
            the cluster is the user's and so is the release in it.
    """
    if not cluster.is_ours and _is_of_another(cluster):
        raise DevclusterError(
            f"There is a release {NAME} in {NAMESPACE} that was not installed from here, and its "
            "values would be replaced. Upgrade it by its chart yourself, or remove it first."
        )
    references = ensure_images(paths, cluster)
    preparing.ensure_helm(paths)
    values = {
        "image": references.operator,
        "launcher.image": references.launcher,
        "nodeImages.default": references.node,
        "fileServer.image": references.file_server,
        "blobEndpoint": blob_endpoint,
    }
    with (
        locked(paths.lock("install"), "installing the operator"),
        step("Installing the operator by Helm"),
    ):
        try:
            run(
                [
                    paths.bin / "helm",
                    "upgrade",
                    "--install",
                    NAME,
                    CHART,
                    f"--namespace={NAMESPACE}",
                    "--create-namespace",
                    f"--labels={LABEL}",
                    f"--values={PROFILE}",
                    *_literals(values),
                    *(f"--set={name}={value}" for name, value in (more or {}).items()),
                    *(["--reset-then-reuse-values"] if keep else []),
                    "--wait",
                    "--timeout=180s",
                ],
                environment={"KUBECONFIG": cluster.kubeconfig},
            )
        except CommandError as error:
            raise DevclusterError(f"{error}\n{_why(cluster)}") from error
    return references


def _is_of_another(cluster: Provider) -> bool:
    """Tell whether somebody else installed the release that is there."""
    words = ["get", "secrets", f"--namespace={NAMESPACE}", "--output=name"]
    records = f"owner=helm,name={NAME}"
    found = cluster.kubectl([*words, f"--selector={records}"]).strip()
    return bool(found) and not cluster.kubectl([*words, f"--selector={records},{LABEL}"]).strip()


def _literals(values: dict[str, str]) -> list[str]:
    """`--set-literal` takes one value and no syntax: endpoints hold braces, references colons."""
    return [f"--set-literal={name}={value}" for name, value in values.items()]


def _why(cluster: Provider) -> str:
    """Return what the operator's Pods say."""
    selector = f"--selector=app.kubernetes.io/instance={NAME}"
    where = f"--namespace={NAMESPACE}"
    said = []
    for words in (
        ["get", "pods", where, selector],
        ["logs", where, selector, "--tail=20"],
        ["get", "events", where, "--field-selector=type=Warning"],
    ):
        try:
            said.append(cluster.kubectl(words))
        except CommandError as error:
            said.append(str(error))
    return "\n".join(said)
