"""Options of NFS and SMB mounts, as people wrote them, for the volumes of the drivers. Pure.

Used by servervolumes.py and azurevolumes.py. Kubernetes mounts as root on its nodes, so only
options that say how the server is talked to are passed on: none that name a file of the node, a
login, or another kind of mount. An option that is not known is refused, because a mount that is not
what was meant may cost data; one that has no meaning here is left out.
"""

import re
from collections.abc import Iterable

from batchai_operator.errors import InvalidSpecError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WITHOUT_MEANING = _names("""
    rw defaults auto noauto user nouser users owner group _netdev nofail bg fg intr nointr exec
    noperm perm x-systemd.automount
""")
_COMMON = _names("ro noexec nosuid nodev soft hard noatime nodiratime relatime")
_NFS = _COMMON | _names("""
    timeo retrans retry rsize wsize nfsvers vers minorversion proto tcp udp port mountport
    mountproto mountvers actimeo acregmin acregmax acdirmin acdirmax ac noac nconnect max_connect
    nosharecache sharecache resvport noresvport lookupcache nocto cto rdirplus nordirplus
    local_lock lock nolock async sync sec acl noacl fsc nofsc namlen rdma softerr softreval
    nosoftreval
""")
_SMB = _COMMON | _names("""
    vers uid gid forceuid forcegid file_mode dir_mode serverino noserverino cache nobrl brl
    mfsymlinks actimeo acdirmax acregmax closetimeo sec seal sign rsize wsize bsize iocharset
    domain workgroup dom port nosharesock multichannel max_channels strictsync nostrictsync guest
    nounix unix noacl mapchars mapposix nomapchars nomapposix echo_interval handletimeout
    persistenthandles nopersistenthandles resilienthandles noresilienthandles nodfs snapshot
    tcpnodelay rasize esize
""")
_SECURITY = {
    "nfs": _names("sys none"),
    "smb": _names("none ntlm ntlmi ntlmv2 ntlmv2i ntlmssp ntlmsspi"),
}
_VALUE = re.compile(r"[\w.:@%+-]*", re.ASCII)


def nfs_options(field: str, options: str | None) -> tuple[str, ...]:
    """Return the options of an NFS mount, each once, in the order of their last mention.

    Args:
        field: path of the text in the spec.
        options: comma-separated; blanks between them pass.

    Raises:
        InvalidSpecError: an option that is not passed on.
    """
    return _checked(field, options, _NFS, "nfs")


def smb_options(field: str, options: str | None) -> tuple[str, ...]:
    """Return the options of an SMB mount; see `nfs_options`."""
    return _checked(field, options, _SMB, "smb")


def _checked(field: str, text: str | None, known: Iterable[str], kind: str) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for option in _split(text or ""):
        name, equals, value = option.partition("=")
        if name in _WITHOUT_MEANING:
            if name == "rw":
                kept.pop("ro", None)
            continue
        if name not in known or not _VALUE.fullmatch(value):
            # The value stays unsaid; it may be a password under a name that nobody knows.
            told = name if re.fullmatch(r"[\w.-]{1,40}", name, re.ASCII) else "one of them"
            raise _refused(field, f"{told} is not an option that may be given here", kind)
        if name == "sec" and value not in _SECURITY[kind]:
            raise _refused(field, f"sec={value} needs tickets that no Kubernetes node has", kind)
        kept.pop(name, None)
        kept[name] = option if equals else name
    return tuple(kept.values())


def _split(text: str) -> list[str]:
    """Split at commas and blanks; a `-o` before them, as people wrote, is no option."""
    return [part for part in re.split(r"[,\s]+", text) if part and part != "-o"]


def _refused(field: str, reason: str, kind: str) -> InvalidSpecError:
    examples = "ro, nconnect=4 or nfsvers=4.1" if kind == "nfs" else "ro, vers=3.0 or dir_mode=0775"
    return InvalidSpecError(
        f"{field}: {reason}; keep to options such as {examples}, or make a claim with the options "
        "you need and name it in persistentVolumeClaims",
        code="UnsupportedMountOption",
        field=field,
    )
