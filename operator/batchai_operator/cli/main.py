"""Entry point of the `batchai` command.

Started by people, as `batchai` or, through kubectl's plugin mechanism, as `kubectl batchai`.
"""

import dataclasses

import click

from batchai_operator import wiring
from batchai_operator.cli.globaloptions import add_everywhere
from batchai_operator.cli.late import Late, LateGroup
from batchai_operator.cli.retired import OldRoot
from batchai_operator.cli.session import Session

GROUPS = {
    "cluster": Late("cluster_commands", "cluster_group", "Clusters."),
    "file": Late(
        "files.paths", "path_group", "Files of a volume by path, also when their job is gone."
    ),
    "file-server": Late(
        "fileserver_commands", "file_server_group", "File servers: NFS servers that jobs mount."
    ),
    "job": Late("job_commands", "job_group", "Jobs."),
    "storage": Late("files.storage", "storage_group", "Files in shares, containers and claims."),
}
"""What there is, by name; loaded when it is named."""


class Root(OldRoot, LateGroup):
    """The root: late groups, and answers for the old ones that are no more."""


@click.group(
    cls=Root,
    late=GROUPS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="batchai-operator", prog_name="batchai")
@click.option(
    "--kubeconfig", metavar="FILE", help="Kubeconfig. Default: KUBECONFIG, ~/.kube/config."
)
@click.option("--context", "kube_context", metavar="NAME", help="Context of the kubeconfig.")
@click.pass_context
def cli(context: click.Context, kubeconfig: str | None, kube_context: str | None) -> None:
    """Azure Batch AI's command line, on Kubernetes.

    Words and letters are those of `az batchai`. A resource group is a namespace; everything made is
    an object that kubectl could have made.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no such resource. `job wait` ends with
    the job's own exit code.

    Every command also takes --verbose and --debug, for more to read on standard error, and, for old
    scripts, --subscription.
    """
    session = context.obj or Session(wiring.connect, wiring.open_container)
    context.obj = dataclasses.replace(session, kubeconfig=kubeconfig, context=kube_context)


add_everywhere(cli)


def main() -> None:
    """Run the command line."""
    cli(prog_name="batchai")
