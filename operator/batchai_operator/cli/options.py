"""Options that several commands share, with the letters of the old command line (spec 6.1).

Called as decorators by the command modules; nothing is decided here but defaults.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from batchai_operator.cli.querying import remember_query
from batchai_operator.cli.rendering import FORMATS
from batchai_operator.names import DEFAULT_EXPERIMENT, DEFAULT_WORKSPACE

NAME_PATTERN = r"^[-\w]{1,64}$"
"""Names of workspaces, experiments, jobs and clusters (spec 1.3)."""

Command = TypeVar("Command", bound=Callable[..., Any])


def stack(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return several options as one decorator, in the order of the help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


group_option = click.option(
    "-g",
    "--resource-group",
    "--namespace",
    "group",
    envvar="AZURE_DEFAULTS_GROUP",
    metavar="NAME",
    help="Resource group: a Kubernetes namespace. Default: that of the kubeconfig context.",
)
workspace_option = click.option(
    "-w",
    "--workspace",
    default=DEFAULT_WORKSPACE,
    show_default=True,
    metavar="NAME",
    help="Workspace.",
)
ignored_workspace_option = click.option(
    "-w",
    "--workspace",
    expose_value=False,
    metavar="NAME",
    help="Accepted for old scripts; the name of a cluster is unique in its namespace.",
)
login_options = stack(
    click.option("-u", "--user-name", hidden=True),
    click.option("-k", "--ssh-key", hidden=True),
    click.option("-p", "--password", hidden=True),
    click.option("--generate-ssh-keys", is_flag=True, hidden=True),
)
"""Of an administrator's account, which nothing has here; for old scripts (spec 6.1)."""
experiment_option = click.option(
    "-e",
    "--experiment",
    default=DEFAULT_EXPERIMENT,
    show_default=True,
    metavar="NAME",
    help="Experiment.",
)
output_option = stack(
    click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(FORMATS),
        default="json",
        show_default=True,
        help="Output format.",
    ),
    click.option(
        "--query",
        callback=remember_query,
        expose_value=False,
        metavar="JMESPATH",
        help="JMESPath query on what is shown, such as `executionState`.",
    ),
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not prompt for confirmation.")
no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Do not wait for the operation to finish."
)
directory_option = click.option(
    "-d",
    "--output-directory-id",
    "directory",
    default="stdouterr",
    show_default=True,
    metavar="ID",
    help="Id of one of the job's outputDirectories, or `stdouterr`.",
)
expiry_option = click.option(
    "--expiry",
    type=click.IntRange(min=1, max=7 * 24 * 60),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="How long links work. Only files on blob storage have them, for who may read its Secret.",
)


def job_options(name_flag: str = "-n") -> Callable[[Command], Command]:
    """Options that name one job.

    Args:
        name_flag: `-n`, or `-j` for the file commands, as the old command line had it.
    """
    long = "--name" if name_flag == "-n" else "--job"
    return stack(
        group_option,
        workspace_option,
        experiment_option,
        click.option(name_flag, long, "name", required=True, metavar="NAME", help="Job."),
    )


def object_options(what: str) -> Callable[[Command], Command]:
    """Options that name one cluster or file server.

    Args:
        what: the kind, for the help.
    """
    return stack(group_option, ignored_workspace_option, name_option(what))


def name_option(what: str) -> Callable[[Command], Command]:
    """Return the option with the name of a cluster or file server."""
    return click.option("-n", "--name", required=True, metavar="NAME", help=f"{what}.")


def check_names(**names: str) -> None:
    """Refuse what is no name in Batch AI (spec 1.3).

    Args:
        names: by letter of the flag.
    """
    for letter, value in names.items():
        if not re.match(NAME_PATTERN, value, re.ASCII):
            raise click.BadParameter(
                f"{value!r} is not a name: letters, digits, - and _, at most 64.",
                param_hint=f"-{letter}",
            )


storage_options = stack(
    click.option(
        "--storage-account-name",
        metavar="NAME",
        help="Storage account for placeholders in the file and for the mounts below. Default: "
        "AZURE_BATCHAI_STORAGE_ACCOUNT, or storage_account in section batchai of az's "
        "configuration.",
    ),
    click.option(
        "--storage-account-key",
        metavar="KEY",
        help="Its key, for Secret azure-storage-account-NAME-secret; not needed when that exists. "
        "Default, unless --storage-account-name names another: AZURE_BATCHAI_STORAGE_KEY, or "
        "storage_key there.",
    ),
    click.option("--afs-name", metavar="SHARE", help="Azure file share to mount."),
    click.option(
        "--afs-mount-path", default="afs", show_default=True, help="Its relative mount path."
    ),
    click.option("--bfs-name", metavar="CONTAINER", help="Blob container to mount."),
    click.option(
        "--bfs-mount-path", default="bfs", show_default=True, help="Its relative mount path."
    ),
    click.option("--nfs", metavar="NAME", help="File server to mount, by name or resource id."),
    click.option(
        "--nfs-mount-path", default="nfs", show_default=True, help="Its relative mount path."
    ),
)


def confirm(*, yes: bool) -> None:
    """Ask before something that cannot be undone, unless `--yes` was given."""
    if not yes:
        click.confirm("Are you sure you want to perform this operation?", abort=True, err=True)
