"""Mount commands: what they mount, and what is refused without repeating a password."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchai_operator.errors import InvalidSpecError
from batchai_operator.planner.volumes.mountcommand import NfsMount, SmbMount, read_mount_command

FIELD = "mountVolumes.unmanagedFileSystems[0].mountCommand"


@pytest.mark.parametrize(
    ("command", "mount"),
    [
        ("mount -t nfs 10.0.0.4:/data", NfsMount("10.0.0.4", "/data", "")),
        ("mount -t nfs -o ro,nconnect=4 nas:/data/", NfsMount("nas", "/data", "ro,nconnect=4")),
        ("sudo mount nas:/data -t nfs -o ro", NfsMount("nas", "/data", "ro")),
        ("mount -t nfs4 nas:/", NfsMount("nas", "/", "nfsvers=4")),
        ("mount -t nfs4 -o vers=4.1 nas:/", NfsMount("nas", "/", "vers=4.1")),
        ("mount nas.example.com:/a", NfsMount("nas.example.com", "/a", "")),
        ("mount -tnfs -oro -o hard nas:/a", NfsMount("nas", "/a", "ro,hard")),
        ("mount --types=nfs --options=ro nas:/a", NfsMount("nas", "/a", "ro")),
        ("mount -r -v -t nfs [fd00::1]:/a", NfsMount("[fd00::1]", "/a", "ro")),
        ("mount.nfs nas:/a /mnt/a -o ro", NfsMount("nas", "/a", "ro")),
        ("/sbin/mount.nfs4 nas:/a", NfsMount("nas", "/a", "nfsvers=4")),
        ("mount -t nfs nas:/a $AZ_BATCHAI_MOUNT_ROOT/x", NfsMount("nas", "/a", "")),
        ("mount -t nfs 'nas:/a' \n", NfsMount("nas", "/a", "")),
        ("mount -t cifs //nas/data", SmbMount("nas", "data", "", "")),
        ("mount //nas/data -o vers=3.0", SmbMount("nas", "data", "", "vers=3.0")),
        ('mount -t cifs "//nas/my data/sub/x/"', SmbMount("nas", "my data", "/sub/x", "")),
        ("mount -t smb3 '\\\\nas\\data'", SmbMount("nas", "data", "", "")),
        ("mount.cifs //nas/data /mnt", SmbMount("nas", "data", "", "")),
    ],
)
def test_is_read(command: str, mount: NfsMount | SmbMount) -> None:
    assert read_mount_command(FIELD, command) == mount


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("mount -t glusterfs nas:gv0", "type glusterfs"),
        ("mount -t lustre a@tcp:/fs", "type lustre"),
        ("mount -t ext4 /dev/sdc1", "type ext4"),
        ("mount -o bind /etc", "neither"),
        ("mount --bind /etc", "options other than"),
        ("mount -t nfs", "no server"),
        ("mount -t nfs nas", "SERVER:/PATH"),
        ("mount -t nfs nas:/a/../b", "SERVER:/PATH"),
        ("mount -t nfs nas:/a#b", "SERVER:/PATH"),
        ("mount -t nfs nas:/a,b", "SERVER:/PATH"),
        ("mount -t cifs nas:/data", "//SERVER/SHARE"),
        ("mount -t cifs //nas/data,sec=krb5,cruid=0", "//SERVER/SHARE"),
        ("mount -t cifs //nas/data/x,sec=krb5,cruid=0", "//SERVER/SHARE"),
        ("mount -t cifs //nas", "//SERVER/SHARE"),
        ("mount -t cifs //nas/data/..", "//SERVER/SHARE"),
        ("mount -t nfs nas:/a b", "no path to mount at"),
        ("mount -t nfs nas:/a /b /c", "3 places"),
        ("mount -t nfs nas:/a -o", "-o says nothing"),
        ("mount -t nfs 'nas:/a", "quotation mark"),
        ("umount /a", "begin with mount"),
        ("sudo", "empty"),
        ("bash -c 'mount -t nfs nas:/a'", "begin with mount"),
    ],
)
def test_is_refused_with_reason_and_remedy(command: str, reason: str) -> None:
    with pytest.raises(InvalidSpecError, match=reason) as caught:
        read_mount_command(FIELD, command)
    assert str(caught.value).startswith(FIELD)
    assert "persistentVolumeClaims" in str(caught.value)
    assert caught.value.field == FIELD


_WORDS = st.one_of(
    st.sampled_from(
        ["mount", "sudo", "-t", "nfs", "cifs", "-o", "ro", "nas:/a", "//nas/a", "/mnt", "=", "--"]
    ),
    st.text(max_size=8),
)


@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=8).map(" ".join)))
def test_any_text_is_read_or_refused(command: str) -> None:
    try:
        found = read_mount_command(FIELD, command)
    except InvalidSpecError as error:
        assert error.field == FIELD  # noqa: PT017 - only some texts are refused
        return
    place = found.path if isinstance(found, NfsMount) else found.folder
    assert ".." not in place.split("/")
    assert not any(ord(letter) < 32 or letter == "," for letter in found.server + place)


@given(st.text(alphabet="SECRET", min_size=6, max_size=12), st.integers(0, 4))
def test_no_refusal_repeats_what_may_be_a_password(secret: str, where: int) -> None:
    words = ["mount", "-t", "cifs", "//nas", "-o", "x"]
    words.insert(where + 1, secret)
    with pytest.raises(InvalidSpecError) as caught:
        read_mount_command(FIELD, " ".join(map(shlex.quote, words)))
    assert secret not in str(caught.value)
