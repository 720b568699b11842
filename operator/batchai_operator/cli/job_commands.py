"""`batchai job …`: create, show, list, wait, terminate, delete."""

import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click
import yaml

from batchai_operator.cli import options
from batchai_operator.cli.account import chosen_account
from batchai_operator.cli.documents.completion import ExtraMounts
from batchai_operator.cli.documents.jobfile import read_document
from batchai_operator.cli.documents.oldshape import id_segment, job_view
from batchai_operator.cli.documents.submission import Submission, build_submission
from batchai_operator.cli.files.jobs import file_group
from batchai_operator.cli.managing import Given, Kind, manage, namespace_of
from batchai_operator.cli.missingkeys import warn_of_missing_keys
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.retired import OldJobGroup
from batchai_operator.cli.session import Session, fail, say, warn
from batchai_operator.engine.commands import jobs as commands
from batchai_operator.engine.commands.clusters import find_cluster
from batchai_operator.engine.commands.jobs import JobKey
from batchai_operator.engine.ports import JOBS, Cluster, Object
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


async def _find(kube: Cluster, given: Given) -> Object:
    names = (given[name] for name in ("workspace", "experiment", "name"))
    return await commands.find_job(kube, JobKey(namespace_of(kube, given), *names))


async def _list(kube: Cluster, given: Given) -> list[Object]:
    namespace = namespace_of(kube, given)
    return await commands.list_jobs(kube, namespace, given["workspace"], given["experiment"])


KIND = Kind(
    JOBS,
    job_view,
    COLUMNS,
    naming=options.job_options(),
    listing=options.stack(
        options.group_option,
        click.option("-w", "--workspace", metavar="NAME", help="Only jobs of this workspace."),
        click.option("-e", "--experiment", metavar="NAME", help="Only jobs of this experiment."),
    ),
    find=_find,
    list=_list,
    words={
        "show": "Show a job: its settings, its state and, in message, errors and conditions, why.",
        "list": "List jobs, oldest first.",
        "delete": "Delete a job, stopping it when it runs. Its output files stay.",
    },
)


@click.group("job", cls=OldJobGroup)
def job_group() -> None:
    """Jobs."""


job_group.add_command(file_group)
manage(job_group, KIND)


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


@job_group.command("wait")
@KIND.naming
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=15,
    show_default=True,
    help="Seconds between two looks.",
)
@click.pass_obj
def wait(session: Session, /, *, interval: float, **given: object) -> None:
    """Wait for a job to end, and end with its exit code.

    A job that failed without an exit code, such as a terminated one, gives 255.
    """

    async def work(kube: Cluster) -> Object:
        job = await _find(kube, given)
        say(f"Job submitted at {job['metadata']['creationTimestamp']}")
        return await commands.wait_for_end(kube, job, interval, _tell_state)

    sys.exit(_tell_end(job_view(session.run(work))))


@job_group.command("terminate")
@KIND.naming
@options.no_wait_option
@options.yes_option
@click.pass_obj
def terminate(session: Session, /, *, no_wait: bool, yes: bool, **given: object) -> None:
    """Terminate a job. Its output files stay."""
    options.confirm(yes=yes)

    async def work(kube: Cluster) -> None:
        job = await _find(kube, given)
        job = await commands.terminate_job(kube, job)
        if not no_wait:
            await commands.wait_for_end(kube, job, 1, lambda _: None)

    session.run(work)


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
