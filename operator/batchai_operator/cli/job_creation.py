"""`batchai job create`: from a file to a job and its Secrets.

Loaded by job_commands.py when it is asked for, because it alone needs the models.
"""

import secrets
from collections.abc import Callable

import click
import yaml

from batchai_operator.cli import options
from batchai_operator.cli.account import chosen_account
from batchai_operator.cli.documents.completion import ExtraMounts
from batchai_operator.cli.documents.jobfile import read_document
from batchai_operator.cli.documents.submission import Submission, build_submission
from batchai_operator.cli.job_commands import KIND
from batchai_operator.cli.missingkeys import warn_of_missing_keys
from batchai_operator.cli.session import Session, fail, warn
from batchai_operator.engine.commands import jobs as commands
from batchai_operator.engine.commands.clusters import find_cluster
from batchai_operator.engine.commands.jobs import JobKey
from batchai_operator.engine.ports import Cluster, Object
from batchai_operator.errors import BatchAIError
from batchai_operator.names import JOB_KIND


@click.command("create")
@options.job_options()
@click.option("-c", "--cluster", metavar="NAME", help="Cluster, by name or resource id.")
@click.option(
    "-f",
    "--config-file",
    required=True,
    metavar="FILE",
    help="job.json, with or without `properties`, or a BatchAIJob in YAML; - for standard input.",
)
@options.storage_options
@click.option(
    "--dry-run", is_flag=True, help="Send nothing; print the object for `kubectl apply -f -`."
)
@options.output_option
@click.pass_obj
def create(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    cluster: str | None,
    config_file: str,
    storage_account_name: str | None,
    storage_account_key: str | None,
    afs_name: str | None,
    afs_mount_path: str,
    bfs_name: str | None,
    bfs_mount_path: str,
    nfs: str | None,
    nfs_mount_path: str,
    dry_run: bool,
    form: str,
) -> None:
    """Create a job. Keys and passwords in the file become Secrets; unknown members are dropped."""
    mounts = ExtraMounts(afs_name, afs_mount_path, bfs_name, bfs_mount_path, nfs, nfs_mount_path)
    options.check_names(w=workspace, e=experiment, n=name)

    def prepare(namespace: str) -> Submission:
        submission = build_submission(
            read_document(config_file, JOB_KIND),
            JobKey(namespace, workspace, experiment, name),
            cluster,
            chosen_account(storage_account_name, storage_account_key),
            mounts,
            suffix=secrets.token_hex(3),
        )
        for warning in submission.warnings:
            warn(warning)
        return submission

    if dry_run:
        _print_objects(prepare, group)
        return

    async def work(kube: Cluster) -> Object:
        submission = prepare(group or kube.default_namespace)
        await find_cluster(kube, submission.namespace, submission.cluster)
        volumes = submission.job["spec"].get("mountVolumes")
        await warn_of_missing_keys(kube, submission.namespace, volumes, submission.secrets)
        job = await commands.create_job(kube, submission.job, submission.secrets, warn)
        if not (job.get("status") or {}).get("executionState"):
            warn("The job is stored, but no operator has accepted it yet. Is it running?")
        return job

    KIND.show(session.run(work), form)


def _print_objects(prepare: Callable[[str], Submission], group: str | None) -> None:
    try:
        submission = prepare(group or "default")
    except BatchAIError as error:
        fail(error)
    for secret in submission.secrets:
        warn(f"Secret {secret.name} is not printed; `job create` would make it.")
    if group is None:
        # Nobody was asked which namespace is meant; kubectl will know.
        del submission.job["metadata"]["namespace"]
    click.echo(yaml.safe_dump(submission.job, sort_keys=False, allow_unicode=True).rstrip("\n"))
