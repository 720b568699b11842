"""What a volume is, before it is known how it gets into a Pod.

Made by azurevolumes.py and servervolumes.py from the specs; mounting.py makes it an inline volume
of the Pod, claims.py a PersistentVolume that Pods share (platform guide 1.3, 1.4, 1.8).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from batchai_operator.model.job import JobSpec

Kind = Literal["share", "blob", "claim", "nfs", "smb"]
"""What a volume is for people; decides how logs are written and which code a failure has."""


@dataclass(frozen=True)
class Source:
    """A volume without its name and form.

    Attributes:
        kind: what it is.
        label: how people call it.
        driver: CSI driver; empty for a claim of the namespace.
        attributes: for the driver, in either form.
        options: of the mount, in either form.
        separator: what stands between options when they are one text, as in inline volumes.
        secret: name of the Secret with the credentials; always of the job's own namespace.
        account: storage account that the spec names.
        claim: name of a claim of the namespace; empty for the other kinds.
        no_inline: why it cannot be an inline volume; empty when it can.
        node_identity: the field that makes the driver act as the Kubernetes node; empty for none.
        awaited: name of the file server that is not ready; empty when nothing is waited for.
        note: what was left out, one sentence; empty for nothing.
    """

    kind: Kind
    label: str
    driver: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    separator: str = ","
    secret: str | None = None
    account: str | None = None
    claim: str = ""
    no_inline: str = ""
    node_identity: str = ""
    awaited: str = ""
    note: str = ""


def owner_of(spec: JobSpec) -> tuple[int | None, int | None]:
    """Return the user and group that files of a share belong to; None where nothing is said."""
    context = spec.kubernetes.security_context
    if context is None:
        return None, None
    # With fsGroup the drivers set the group themselves (platform guide 1.2).
    group = None if context.fs_group is not None else context.run_as_group
    return context.run_as_user, group
