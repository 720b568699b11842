"""Options of NFS and SMB mounts: passed on, left out, or refused by name and never by value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchai_operator.errors import InvalidSpecError
from batchai_operator.planner.volumes.mountoptions import nfs_options, smb_options

FIELD = "mountVolumes.fileServers[0].mountOptions"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (None, ()),
        ("", ()),
        ("rw", ()),
        ("-o rw,hard", ("hard",)),
        ("ro,rw", ()),
        ("rw,ro", ("ro",)),
        ("nfsvers=4.1, nconnect=4 , _netdev", ("nfsvers=4.1", "nconnect=4")),
        ("timeo=5,ro,timeo=7", ("ro", "timeo=7")),
        ("sec=sys", ("sec=sys",)),
    ],
)
def test_nfs(text: str | None, options: tuple[str, ...]) -> None:
    assert nfs_options(FIELD, text) == options


@pytest.mark.parametrize(
    "text",
    ["bind", "clientaddr=1.2.3.4", "sec=krb5", "fscontext=x", "timeo=a;b", "context=$(x)", "a b=c"],
)
def test_nfs_refuses(text: str) -> None:
    with pytest.raises(InvalidSpecError, match="persistentVolumeClaims") as caught:
        nfs_options(FIELD, text)
    assert caught.value.field == FIELD
    assert str(caught.value).startswith(f"{FIELD}: ")


def test_smb() -> None:
    text = "vers=3.0,dir_mode=0775,uid=1000,noperm,rw"
    assert smb_options(FIELD, text) == ("vers=3.0", "dir_mode=0775", "uid=1000")


@pytest.mark.parametrize(
    "text",
    [
        "credentials=/etc/shadow",
        "password=HUSH",
        "username=HUSH",
        "cruid=0",
        "sec=krb5",
        "prefixpath=a",
    ],
)
def test_smb_refuses_what_names_a_login_or_a_file_of_the_node(text: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        smb_options(FIELD, text)
    assert "HUSH" not in str(caught.value)


@given(st.text(max_size=40))
def test_nothing_passes_that_another_reader_would_take_for_two_options(text: str) -> None:
    for check in (nfs_options, smb_options):
        try:
            options = check(FIELD, text)
        except InvalidSpecError:
            continue
        assert not [o for o in options if set(o) & set(", \t\n;'\"\\") or o.startswith("-")]
