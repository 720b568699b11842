"""`batchai job …`: show, list, wait, terminate, delete; the others are named here, and late."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.documents.oldshape import id_segment, job_view
from batchai_operator.cli.late import Late, LateGroup
from batchai_operator.cli.managing import Given, Kind, manage, namespace_of
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.retired import OldJobGroup
from batchai_operator.cli.session import Session, say
from batchai_operator.engine.commands import jobs as commands
from batchai_operator.engine.commands.jobs import JobKey
from batchai_operator.engine.ports import JOBS, Cluster, Object

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


class JobGroup(OldJobGroup, LateGroup):
    """The group `job`: late commands, and answers for the old ones that are no more."""


@click.group(
    "job",
    cls=JobGroup,
    late={
        "create": Late(
            "job_creation",
            "create",
            "Create a job. Keys and passwords in the file become Secrets; unknown members are "
            "dropped.",
        ),
        "file": Late("files.jobs", "file_group", "Output files of jobs."),
    },
)
def job_group() -> None:
    """Jobs."""


manage(job_group, KIND)


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
