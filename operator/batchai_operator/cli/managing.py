"""`show`, `list` and `delete`, which every kind of object has, with each kind's own words.

Called by the modules of the kinds, which say how objects are named, found and shown.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from batchai_operator.cli import options
from batchai_operator.cli.rendering import Column
from batchai_operator.cli.session import Session, show
from batchai_operator.engine.commands.objects import check_namespace, delete
from batchai_operator.engine.ports import Cluster, Object, Resource

Given = Mapping[str, Any]
"""Options that say where an object is and what it is called, by parameter."""


async def _accept(_: Cluster, __: Object) -> None:
    """Let every object be deleted."""


@dataclass(frozen=True)
class Kind:
    """What a kind of object has of its own.

    Attributes:
        resource: in Kubernetes.
        view: makes an object what the old command line showed.
        columns: of the table.
        naming: options that name one object.
        listing: options that say which are listed.
        find: returns the object that options name.
        list: returns the objects that options mean.
        words: help of `show`, `list` and `delete`.
        check_deletable: raises why an object cannot be deleted now.
    """

    resource: Resource
    view: Callable[[Object], dict[str, Any]]
    columns: Sequence[Column]
    naming: Callable[[Any], Any]
    listing: Callable[[Any], Any]
    find: Callable[[Cluster, Given], Awaitable[Object]]
    list: Callable[[Cluster, Given], Awaitable[Sequence[Object]]]
    words: Mapping[str, str]
    check_deletable: Callable[[Cluster, Object], Awaitable[None]] = _accept

    def show(self, found: Object, form: str) -> None:
        """Print one object in the format asked for."""
        show(self.view(found), form, self.columns)


def namespace_of(kube: Cluster, given: Given) -> str:
    """Return the namespace that a command means."""
    return str(given["group"] or kube.default_namespace)


def manage(group: click.Group, kind: Kind) -> None:
    """Give a group the commands that its kind shares with the others."""

    @group.command("show", help=kind.words["show"])
    @kind.naming
    @options.output_option
    @click.pass_obj
    def show_one(session: Session, /, *, form: str, **given: object) -> None:
        kind.show(session.run(lambda kube: kind.find(kube, given)), form)

    @group.command("list", help=kind.words["list"])
    @kind.listing
    @options.output_option
    @click.pass_obj
    def list_all(session: Session, /, *, form: str, **given: object) -> None:
        async def work(kube: Cluster) -> Sequence[Object]:
            found = await kind.list(kube, given)
            if not found:
                await check_namespace(kube, namespace_of(kube, given))
            return found

        show([kind.view(obj) for obj in session.run(work)], form, kind.columns)

    @group.command("delete", help=kind.words["delete"])
    @kind.naming
    @options.no_wait_option
    @options.yes_option
    @click.pass_obj
    def delete_one(session: Session, /, *, no_wait: bool, yes: bool, **given: object) -> None:
        options.confirm(yes=yes)

        async def work(kube: Cluster) -> None:
            found = await kind.find(kube, given)
            await kind.check_deletable(kube, found)
            await delete(kube, kind.resource, found, wait=not no_wait)

        session.run(work)
