"""Paths of NFS servers: what is one, and that a hostile one is refused before the day is over."""

import pytest
from pydantic import ValidationError

from batchai_operator.model.fileserver import NfsEndpoint


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/", "/a/b", "/a.b/..c/.d", "/...x", "/" + "a" * 1023, "/a" * 512]
)
def test_a_path_is_taken(path: str) -> None:
    assert NfsEndpoint(server="10.0.0.4", path=path).path == path


# The bound is there for a pattern that tries every way to read the letters, and never ends.
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "path",
    [
        "a",
        "//",
        "/a//b",
        "/.",
        "/a/..",
        "/a/../b",
        "/.../b",
        "/a b",
        "/a,b",
        "/" + "a" * 1000 + "#",
        "/" + "." * 1000,
        "/.a" * 300 + "/..",
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="must be an absolute path"):
        NfsEndpoint(server="10.0.0.4", path=path)
