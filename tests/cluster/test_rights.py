"""The operator has the rights that it uses, and uses the rights that it has (design 7).

These run last in a session (see conftest.py) and look at what the API server's audit log tells of
it. Of a session that ran only a part of the suite they can say nothing about rights not used.
"""

import pytest

from support.api import Api
from support.explaining import RELEASE_NAMESPACE
from support.rights import Trail, rights_of

NEEDED = (
    "test_ending.py",
    "test_file_servers.py",
    "test_forgeries.py",
    "test_mount_errors.py",
    "test_one_node.py",
    "test_operator.py",
    "test_suspending.py",
    "test_two_nodes.py",
    "test_volume_kinds.py",
)
"""Test files that between them do all that the operator does."""

EXCUSED = {
    "create leases.coordination.k8s.io": "used once, by the first operator that ever starts in a "
    "cluster; a cluster that ran before this session has its Lease",
    "create deployments.apps": "asked for by the API server when an apply finds nothing, which its "
    "log tells as `patch` alone",
}
"""Rights that a whole session may do without, each with its reason."""


@pytest.fixture
def account(api: Api, node_image: str) -> str:
    """Name of the operator's ServiceAccount."""
    (deployment,) = api.list(
        "deployments", RELEASE_NAMESPACE, labels="app.kubernetes.io/instance=batchai"
    )
    return str(deployment["spec"]["template"]["spec"]["serviceAccountName"])


@pytest.fixture
def followed(trail: Trail) -> Trail:
    """The trail up to now."""
    if not trail.exists:
        pytest.skip("this cluster has no audit log that can be read here")
    trail.collect()
    return trail


def test_nothing_was_refused_to_the_operator(followed: Trail, account: str) -> None:
    assert followed.used[account], "the audit log tells of the operator"
    assert followed.refused.get(account, set()) == set()


def test_every_right_was_used(
    request: pytest.FixtureRequest, api: Api, followed: Trail, account: str
) -> None:
    missing = what_was_left_out(request.session)
    if missing:
        pytest.skip(f"only a part of the suite was selected: {missing}")
    granted = rights_of(api, RELEASE_NAMESPACE, account)
    unused = {f"{right.verb} {right.resource}" for right in granted - followed.used[account]}
    assert unused - set(EXCUSED) == set(), "rights of the chart that nothing needed"
    assert set(EXCUSED) <= {f"{right.verb} {right.resource}" for right in granted}, "out of date"


def what_was_left_out(session: pytest.Session) -> str:
    """Return in words which of the needed tests this session does not run; empty for none."""
    folder = session.config.rootpath / "tests" / "cluster"
    assert all((folder / name).exists() for name in NEEDED), "NEEDED is out of date"
    ran = {item.path.name for item in session.items if item.path.parent == folder}
    absent = [name for name in NEEDED if name not in ran]
    if absent:
        return f"without {', '.join(absent)}"
    options = session.config.option
    if options.keyword or any("::" in word for word in session.config.args):
        return "single tests were named"
    return ""
