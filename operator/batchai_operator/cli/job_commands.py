"""`batchai job …`: create, show, list, wait, terminate, delete."""

import re
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click
import yaml

from batchai_operator.cli import options
from batchai_operator.cli.account import chosen_account
from batchai_operator.cli.completion import ExtraMounts
from batchai_operator.cli.file_commands import file_group
from batchai_operator.cli.jobfile import read_document
from batchai_operator.cli.missingkeys import warn_of_missing_keys
from batchai_operator.cli.oldshape import id_segment, job_view
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.retired import OldJobGroup
from batchai_operator.cli.session import Session, fail, say, show, warn
from batchai_operator.cli.submission import Submission, build_submission
from batchai_operator.engine import commands
from batchai_operator.engine.cluster_commands import find_cluster
from batchai_operator.engine.commands import JobKey
from batchai_operator.engine.ports import Cluster, Object
from batchai_operator.errors import BatchAIError
from batchai_operator.names import JOB_KIND

EXIT_WITHOUT_CODE = 255
"""A job that failed without an exit code, terminated ones included. The old command line exited 0
for those by accident (spec 6.6), which hid the failure from scripts."""


def _state(job: Mapping[str, Any]) -> str:
    deleting = job["provisioningState"] == "deleting"
    return "deleting" if deleting else str(job["executionState"])


COLUMNS = (
    Column("Name", lambda job: job["name"]),
    Column("Cluster", lambda job: job["cluster"]["id"].rsplit("/", maxsplit=1)[-1]),
    Column("Cluster RG", lambda job: job["cluster"]["resourceGroup"]),
    Column("Cluster Workspace", lambda job: id_segment(job["cluster"]["id"], "workspaces")),
    Column("Tool", lambda job: job["toolType"]),
    Column("Nodes", lambda job: job["nodeCount"]),
    Column("State", _state),
    Column("Exit code", lambda job: (job["executionInfo"] or {}).get("exitCode")),
)


@click.group("job", cls=OldJobGroup)
def job_group() -> None:
    """Jobs."""


job_group.add_command(file_group)


@job_group.command("create")
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
    _check_names(workspace, experiment, name)

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

    show(job_view(session.run(work)), form, COLUMNS)


@job_group.command("show")
@options.job_options()
@options.output_option
@click.pass_obj
def show_job(
    session: Session, *, group: str | None, workspace: str, experiment: str, name: str, form: str
) -> None:
    """Show a job: its settings, its state and, in message, errors and conditions, why."""

    async def work(kube: Cluster) -> Object:
        return await commands.find_job(kube, _key(kube, group, workspace, experiment, name))

    show(job_view(session.run(work)), form, COLUMNS)


@job_group.command("list")
@options.group_option
@click.option("-w", "--workspace", metavar="NAME", help="Only jobs of this workspace.")
@click.option("-e", "--experiment", metavar="NAME", help="Only jobs of this experiment.")
@options.output_option
@click.pass_obj
def list_jobs(
    session: Session, *, group: str | None, workspace: str | None, experiment: str | None, form: str
) -> None:
    """List jobs, oldest first."""

    async def work(kube: Cluster) -> list[Object]:
        namespace = group or kube.default_namespace
        return await commands.list_jobs(kube, namespace, workspace, experiment)

    show([job_view(job) for job in session.run(work)], form, COLUMNS)


@job_group.command("wait")
@options.job_options()
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=15,
    show_default=True,
    help="Seconds between two looks.",
)
@click.pass_obj
def wait(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    interval: float,
) -> None:
    """Wait for a job to end, and end with its exit code.

    A job that failed without an exit code, such as a terminated one, gives 255.
    """

    async def work(kube: Cluster) -> Object:
        job = await commands.find_job(kube, _key(kube, group, workspace, experiment, name))
        say(f"Job submitted at {job['metadata']['creationTimestamp']}")
        return await commands.wait_for_end(kube, job, interval, _tell_state)

    sys.exit(_tell_end(job_view(session.run(work))))


@job_group.command("terminate")
@options.job_options()
@options.no_wait_option
@options.yes_option
@click.pass_obj
def terminate(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    no_wait: bool,
    yes: bool,
) -> None:
    """Terminate a job. Its output files stay."""
    options.confirm(yes=yes)

    async def work(kube: Cluster) -> None:
        job = await commands.find_job(kube, _key(kube, group, workspace, experiment, name))
        job = await commands.terminate_job(kube, job)
        if not no_wait:
            await commands.wait_for_end(kube, job, 1, lambda _: None)

    session.run(work)


@job_group.command("delete")
@options.job_options()
@options.no_wait_option
@options.yes_option
@click.pass_obj
def delete(
    session: Session,
    *,
    group: str | None,
    workspace: str,
    experiment: str,
    name: str,
    no_wait: bool,
    yes: bool,
) -> None:
    """Delete a job, stopping it when it runs. Its output files stay."""
    options.confirm(yes=yes)

    async def work(kube: Cluster) -> None:
        job = await commands.find_job(kube, _key(kube, group, workspace, experiment, name))
        await commands.delete_job(kube, job, wait=not no_wait)

    session.run(work)


def _key(kube: Cluster, group: str | None, workspace: str, experiment: str, name: str) -> JobKey:
    return JobKey(group or kube.default_namespace, workspace, experiment, name)


def _check_names(workspace: str, experiment: str, name: str) -> None:
    for flag, value in (("-w", workspace), ("-e", experiment), ("-n", name)):
        if not re.match(options.NAME_PATTERN, value):
            raise click.BadParameter(
                f"{value!r} is not a name: letters, digits, - and _, at most 64.", param_hint=flag
            )


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


def _tell_state(job: Object) -> None:
    status = job.get("status") or {}
    state, message = status.get("executionState", "queued"), status.get("message")
    started = (status.get("executionInfo") or {}).get("startTime")
    if state == "running" and started:
        say(f"Job started at {started}")
    say(f"Job state: {state}" + (f" ({message})" if message else ""))


def _tell_end(job: Mapping[str, Any]) -> int:
    """Say how a job ended, and return the exit code for the process."""
    info = job["executionInfo"] or {}
    if info.get("endTime"):
        say(f"Job completed at {info['endTime']}; duration {_duration(info)}")
    if job["executionState"] == "succeeded":
        return 0
    code = info.get("exitCode")
    say(f"Job failed with exit code {code}" if code is not None else "Job failed without exit code")
    for error in info.get("errors") or []:
        say(f"{error.get('code')}: {error.get('message')}")
        for detail in error.get("details") or []:
            say(f"  {detail.get('name')}: {detail.get('value')}")
    # A process cannot end with a code beyond 255, nor should a failed job look well.
    return code if isinstance(code, int) and 0 < code < 256 else EXIT_WITHOUT_CODE


def _duration(info: Mapping[str, Any]) -> str:
    if not info.get("startTime"):
        return "unknown"
    start, end = (datetime.fromisoformat(info[name]) for name in ("startTime", "endTime"))
    return str(end - start).split(".", maxsplit=1)[0]
