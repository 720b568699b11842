"""Commands of `az batchai` that have nothing to do here, and what to do instead (spec 6.1).

A group of these classes refuses such a command as it refuses any unknown one, but says why; an old
script shows at once which of its lines can go.
"""

from collections.abc import Mapping
from typing import ClassVar

import click
from typing_extensions import override


class OldGroup(click.Group):
    """A group that knows which commands the old command line had besides its own.

    Attributes:
        instead: by command, what to do in its place.
    """

    instead: ClassVar[Mapping[str, str]] = {}

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command as click does, with a better answer for the old ones.

        Raises:
            click.UsageError: no such command.
        """
        if args and args[0] in self.instead:
            command = f"{ctx.command_path} {args[0]}"
            raise click.UsageError(f"There is no `{command}` here. {self.instead[args[0]]}", ctx)
        return super().resolve_command(ctx, args)


class OldRoot(OldGroup):
    """The root of the command line."""

    instead: ClassVar[Mapping[str, str]] = {
        "workspace": "A workspace need not be made or deleted: it is a name that a job has by -w. "
        "Leave this line out; `batchai job list -w NAME` shows what is in one.",
        "experiment": "An experiment need not be made or deleted: it is a name that a job has by "
        "-e. Leave this line out; `batchai job list -e NAME` shows what is in one.",
        "list-usages": "There is no quota of a region; `kubectl describe resourcequota` shows "
        "those of the namespace.",
    }


class OldClusterGroup(OldGroup):
    """`batchai cluster`."""

    instead: ClassVar[Mapping[str, str]] = {
        "node": "Nodes are Kubernetes' own: `kubectl get nodes` lists them, and `kubectl exec` "
        "takes the place of a login into a job's node.",
    }


class OldJobGroup(OldGroup):
    """`batchai job`."""

    instead: ClassVar[Mapping[str, str]] = {
        "node": "A job's nodes are Pods: `kubectl get pods -l batchai.dev/job=JOB -o wide` lists "
        "them, `kubectl exec -it POD -c job -- sh` runs something in one.",
    }
